"""Amazon's own SDK as a witness: its service models, its serializer, its parsers."""

import base64
import json
import re
from functools import cache
from typing import Any

import botocore.session
from botocore.eventstream import EventStream
from botocore.model import OperationModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator


@cache
def operation(service: str, name: str) -> OperationModel:
    return botocore.session.get_session().get_service_model(service).operation_model(name)


def sent_by_botocore(service: str, name: str, body: bytes, **path: str) -> tuple[str, Any]:
    """Hold a body to the SDK's own types, values and all; return the path and JSON the SDK would have sent."""
    found = operation(service, name)
    shape = found.input_shape
    parameters = {**typed(json.loads(body), shape), **path}
    report = ParamValidator().validate(parameters, shape)
    assert not report.has_errors(), report.generate_report()
    exact(parameters, shape)
    serialized = create_serializer("rest-json").serialize_to_request(parameters, found)
    return serialized["url_path"], json.loads(serialized["body"])


def typed(value: Any, shape: Shape) -> Any:
    """Give JSON the types of its shape: base64 becomes bytes. A field that is not in the shape is an error."""
    match shape.type_name:
        case "structure" if not getattr(shape, "is_document_type", False):
            assert isinstance(value, dict)
            assert set(value) <= set(shape.members), f"{shape.name} has no {set(value) - set(shape.members)}"
            return {name: typed(one, shape.members[name]) for name, one in value.items()}
        case "list":
            return [typed(one, shape.member) for one in value]
        case "map":
            return {name: typed(one, shape.value) for name, one in value.items()}
        case "blob":
            return base64.b64decode(value, validate=True)
        case _:
            return value


def exact(value: Any, shape: Shape, at: str = "") -> None:
    """What the SDK's validator leaves to the service: patterns, enumerations, greatest lengths, unions."""
    told = shape.metadata
    if "enum" in told:
        assert value in told["enum"], at
    if "pattern" in told:
        assert re.fullmatch(told["pattern"], value), f"{at}: {value!r} is not {told['pattern']}"
    if "max" in told:
        assert (value if isinstance(value, int | float) else len(value)) <= told["max"], at
    match shape.type_name:
        case "structure" if not getattr(shape, "is_document_type", False):
            if getattr(shape, "is_tagged_union", False):
                assert len(value) == 1, f"{at} is one of several"
            for name, one in value.items():
                exact(one, shape.members[name], f"{at}.{name}")
        case "list":
            for place, one in enumerate(value):
                exact(one, shape.member, f"{at}[{place}]")
        case "map":
            for name, one in value.items():
                exact(name, shape.key, at)
                exact(one, shape.value, f"{at}.{name}")


class _Raw:
    """A streamed body as botocore expects it from its HTTP client."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Any:
        yield from (self._body[at : at + 100] for at in range(0, len(self._body), 100))

    def close(self) -> None:
        pass


def parsed(service: str, name: str, status: int, headers: Any, body: bytes) -> dict[str, Any]:
    """Let the SDK parse a whole answer, or a refusal."""
    reply = {"status_code": status, "headers": headers, "body": body}
    return create_parser("rest-json").parse(reply, operation(service, name).output_shape)


def parsed_stream(service: str, name: str, body: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Let the SDK parse an event stream; return each event under its name."""
    found = operation(service, name)
    shape = found.get_event_stream_output()
    parser = create_parser("rest-json")._event_stream_parser
    events = EventStream(_Raw(body), shape, parser, name)
    return [next(iter(event.items())) for event in events]
