"""Requests that are nearly right: made of what the service says of itself, and then spoiled here and there."""

import base64
import contextlib
import json
from collections.abc import Mapping
from random import Random
from typing import Any

from google.protobuf import json_format, struct_pb2, wrappers_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

SPOILED = (0.0, 0.0, 0.005, 0.05)
"""How often something is not what the description wants: one of these for a whole request."""
GIVEN = 0.3
"""How often something is given that need not be."""
DEEPEST = 8

PIXEL = base64.b64encode(
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\10\6\0\0\0\37\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xff\xff?\0\5\xfe\2\xfe\xa75\x81\x84"
    b"\0\0\0\0IEND\xaeB`\x82"
).decode()
PLAIN = (
    "x", "hello", "some words to say", "ünï©ödé 🙂", "{}", '{"a": 1}', "https://example.com/a.png", "data:image/png;base64," + PIXEL,
    PIXEL, "call_1", "auto", "none", "required", "low", "json_object", "png", "wav", "2026-01-01T00:00:00Z",
)  # fmt: skip
ODD = (
    "", " ", "\0", "a\0b", "\r\nx-evil: 1", "\ud800", "\udfff\ud800", "\x7f\x1b[31m", "\ufeff", "null", "true", "NaN", "0", "-1", "1e999",
    "[", '{"a":', '"', "\\", "../../etc/passwd", "%00", "$ref", "x" * 300, "x" * 70_000, "http://169.254.169.254/", "file:///etc/passwd",
    "data:image/png;base64,!!!!", "data:;base64,", "data:,", "####", "2026-13-45",
)  # fmt: skip
TEXTS = PLAIN + ODD
NUMBERS = (
    0, 1, -1, 2, 10, 1.0, 0.5, -0.0, 1e-320, 1e308, -1e308, 128, 129, 255, 256, 4096, 2**31 - 1, 2**31, -(2**31), 2**32,
    2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30, float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
MODELS = (
    "sandbox/echo", "sandbox/echo", "sandbox/tools", "sandbox/reasoner", "sandbox/embed", "sandbox/rerank", "sandbox/moderation",
)  # fmt: skip
NOBODY = (
    "sandbox/", "sandbox", "/echo", "", "/", "nobody/echo", "echo", "SANDBOX/echo", "sandbox/echo/echo", "sandbox/ec\0ho",
)  # fmt: skip


class Nonsense:
    """Draws from `random`, so that whoever owns it can repeat and shorten what was drawn."""

    def __init__(self, random: Random, models: tuple[str, ...] = MODELS) -> None:
        self.random = random
        self.models = models
        self.spoiled = random.choice(SPOILED)

    def _now_and_then(self, share: float) -> bool:
        return self.random.random() < share

    def anything(self, depth: int = 0) -> Any:
        kind = self.random.randrange(5 if depth > 2 else 8)
        match kind:
            case 0:
                return self.random.choice((None, True, False))
            case 1:
                return self.random.choice(NUMBERS)
            case 2 | 3 | 4:
                return self.random.choice(TEXTS)
            case 5:
                return [self.anything(depth + 1) for _ in range(self.random.randrange(4))]
            case 6:
                return {
                    self.random.choice(TEXTS): self.anything(depth + 1)
                    for _ in range(self.random.randrange(4))
                }
            case _:
                nested: Any = self.random.choice(([], {}, "x"))
                for _ in range(self.random.choice((1, 10, 200))):
                    nested = [nested] if self.random.random() < 0.5 else {"a": nested}
                return nested

    def text(self, name: str = "") -> str:
        """Return what a field of this name may hold."""
        odd = self._now_and_then(self.spoiled)
        match name:
            case "model":
                return self.random.choice(NOBODY if odd else self.models)
            case "provider" | "providerName":
                return self.random.choice(NOBODY if odd else self.models).partition("/")[0]
            case "role":
                return self.random.choice(("user", "assistant", "system", "tool"))
        return self.random.choice(ODD if odd else PLAIN)

    # JSON, by a schema of the API's description.

    def fitting(
        self, schema: Mapping[str, Any], known: Mapping[str, Any], name: str = "", depth: int = 0
    ) -> Any:
        """Return a value that fits the schema, mostly. `known` are the schemas that others refer to."""
        if self._now_and_then(self.spoiled):
            return self.anything()
        while "$ref" in schema:
            schema = known[schema["$ref"].rpartition("/")[2]]
        if "anyOf" in schema:
            return self.fitting(self.random.choice(schema["anyOf"]), known, name, depth)
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                return self._object(schema, known, depth)
            case "array":
                if depth > DEEPEST:
                    return []
                count = schema.get("minItems", 0) + self.random.choice((0, 1, 1, 2, 3))
                return [self.fitting(schema.get("items", {}), known, name, depth + 1) for _ in range(count)]
            case "string":
                return self.text(name)
            case "integer":
                return self.random.choice((schema.get("minimum", 0), schema.get("maximum", 7), 1, 2, 100))
            case "number":
                return self.random.choice((0, 1, 0.5, 2))
            case "boolean":
                return self.random.random() < 0.5
            case "null":
                return None
        return self.anything()

    def _object(self, schema: Mapping[str, Any], known: Mapping[str, Any], depth: int) -> dict[str, Any]:
        made = {}
        required = schema.get("required", ())
        for name, wanted in schema.get("properties", {}).items():
            if name in required or (depth <= DEEPEST and self._now_and_then(GIVEN)):
                made[name] = self.fitting(wanted, known, name, depth + 1)
        more = schema.get("additionalProperties")
        if isinstance(more, dict):
            for _ in range(self.random.randrange(3)):
                made[self.text()] = self.fitting(more, known, "", depth + 1)
        if made and self._now_and_then(self.spoiled):
            made.pop(self.random.choice(list(made)))
        if self._now_and_then(self.spoiled):
            made[self.random.choice(TEXTS)] = self.anything()
        return made

    def written(self, value: Any) -> bytes:
        """Return a value as JSON, mostly."""
        text = json.dumps(value, ensure_ascii=self.random.random() < 0.5).encode("utf-8", "surrogatepass")
        return self.garbled(text) if self._now_and_then(self.spoiled) else text

    def garbled(self, said: bytes) -> bytes:
        at = self.random.randrange(len(said) + 1)
        match self.random.randrange(4):
            case 0:
                return said[:at]
            case 1:
                return said[:at] + bytes(self.random.randrange(256) for _ in range(4)) + said[at:]
            case 2:
                return said[:at] + said[at + 1 :]
            case _:
                return said + said

    def header(self) -> str:
        """Return a header's value: what HTTP allows in one."""
        drawn = self.random.choice(TEXTS + self.models)
        return "".join(char for char in drawn if "\x20" <= char <= "\xff" and char != "\x7f")[:2_000]

    # Protocol buffers, by their descriptors.

    def filled(self, message: Message, depth: int = 0) -> Message:
        """Fill a message with what its fields can hold."""
        if message.DESCRIPTOR.full_name == "google.protobuf.Any":
            self._pack(message)
            return message
        for field in message.DESCRIPTOR.fields:
            if depth > DEEPEST or not self._now_and_then(GIVEN if depth else 0.7):
                continue
            if field.message_type and field.message_type.GetOptions().map_entry:
                self._fill_map(getattr(message, field.name), field.message_type, depth)
            elif field.is_repeated:
                into = getattr(message, field.name)
                for _ in range(self.random.randrange(3)):
                    if field.message_type:
                        self.filled(into.add(), depth + 1)
                    else:
                        into.append(self._scalar(field))
            elif field.message_type:
                getattr(message, field.name).SetInParent()
                self.filled(getattr(message, field.name), depth + 1)
            else:
                setattr(message, field.name, self._scalar(field))
        return message

    def _pack(self, message: Any) -> None:
        """Pack what callers pack parameters in, as text or as a value."""
        if self._now_and_then(self.spoiled):
            message.type_url = self.random.choice(TEXTS).encode("utf-8", "replace").decode()
            message.value = self.random.randbytes(self.random.choice((0, 1, 30)))
            return
        drawn = self.random.choice((self.anything(), self.random.choice(SETTINGS)))
        said = json.dumps(drawn).encode("utf-8", "replace").decode()
        value = struct_pb2.Value()
        if self._now_and_then(0.5):
            message.Pack(wrappers_pb2.StringValue(value=said.strip('"')))
            return
        with contextlib.suppress(json_format.ParseError, RecursionError):
            json_format.Parse(said, value)
        message.Pack(value)

    def _fill_map(self, into: Any, entry: Any, depth: int) -> None:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        for _ in range(self.random.randrange(4)):
            name = self._scalar(key)
            if value.message_type:
                self.filled(into[name], depth + 1)
            else:
                into[name] = self._scalar(value)

    def _scalar(self, field: FieldDescriptor) -> Any:
        match field.cpp_type:
            case FieldDescriptor.CPPTYPE_STRING:
                if field.type == FieldDescriptor.TYPE_BYTES:
                    return self.random.randbytes(self.random.choice((0, 1, 30)))
                parameter = field.name == "key" and field.containing_type.name == "ModelParametersEntry"
                text = self.random.choice(PARAMETERS) if parameter else self.text(field.name)
                return text.encode("utf-8", "replace").decode()
            case FieldDescriptor.CPPTYPE_BOOL:
                return self.random.random() < 0.5
            case FieldDescriptor.CPPTYPE_ENUM:
                return self.random.choice((*field.enum_type.values_by_number, 99))
            case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
                return float(self.random.choice((0, 1, -1, 1e30, float("nan"), float("inf"))))
        wide = field.cpp_type in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
        signed = field.cpp_type in (FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_INT32)
        most = 2 ** ((63 if wide else 31) if signed else (64 if wide else 32)) - 1
        return self.random.choice((0, 1, 2, most, *((-1, -most - 1) if signed else ())))


SETTINGS = (
    "echo", "tools", "reasoner", "embed", 1, 0.5, 100, True, "auto", "low", "high", ["stop"], {"type": "json_object"},
    {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object", "properties": {"a": {"type": "string"}}}}},
    {"type": "enabled", "budget_tokens": 2000}, {"effort": "low"},
)  # fmt: skip
"""What a parameter may be."""
PARAMETERS = tuple(
    f"model.{name}"
    for name in (
        "name", "name", "name", "name", "id", "temperature", "top_p", "p", "top_k", "k", "min_p", "seed", "random_seed", "stop", "stop_sequences",
        "presence_penalty", "frequency_penalty", "repetition_penalty", "logit_bias", "logprobs", "top_logprobs", "n",
        "candidate_count", "max_completion_tokens", "max_tokens", "max_output_tokens", "prompt_cache_key", "prompt_cache_retention",
        "service_tier", "user", "safety_identifier", "store", "metadata", "parameters", "tool_choice", "response_format", "verbosity",
        "reasoning_effort", "reasoning", "thinking", "safety_settings", "parallel_tool_calls", "dimensions", "input_type",
        "encoding_format", "truncate", "top_n", "max_chunks_per_doc", "return_documents", "nothing",
    )
)  # fmt: skip
