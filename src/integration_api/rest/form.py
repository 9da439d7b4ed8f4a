"""Reading a form with files in it. https://www.rfc-editor.org/rfc/rfc7578"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from integration_api.core.errors import Failure, Kind
from integration_api.dialects.multipart import File, form
from integration_api.dialects.openai_surface_wire import ProviderChoice
from integration_api.rest.reading import read
from integration_api.rest.routing import Ask

MOST_PARTS = 256
"""Fields and files together: keywords and languages come one a field."""
MOST_HEADERS, HEADER_BYTES = 8, 4_096
"""Of one part: a disposition, a type, and what curl and browsers add."""

# It would write what callers sent into the log.
logging.getLogger("python_multipart").disabled = True
logging.getLogger("python_multipart.multipart").disabled = True


@dataclass(slots=True)
class Part:
    """A field or a file; `filename` is None for a field."""

    name: str
    filename: str | None
    type: str
    data: bytes


@dataclass(slots=True)
class Form:
    parts: list[Part] = field(default_factory=list)

    def file(self, name: str) -> Part | None:
        return next((part for part in self.parts if part.name == name and part.filename is not None), None)

    def fields(self) -> Mapping[str, list[str]]:
        """Return the texts of every field; `name[]` is `name`. Raises `Failure` for what is not UTF-8."""
        found: dict[str, list[str]] = {}
        for part in self.parts:
            if part.filename is None:
                try:
                    found.setdefault(part.name.removesuffix("[]"), []).append(part.data.decode())
                except UnicodeDecodeError:
                    raise _wrong(f"{part.name[:64]} is not UTF-8") from None
        return found

    def passed_on(self, model: str, options: Mapping[str, object]) -> tuple[str, bytes]:
        """Return the content type and body of the same form with a model's own name and a provider's options."""
        fields = [
            (part.name, part.data.decode())
            for part in self.parts
            if part.filename is None and part.name != "model" and not part.name.startswith("provider")
        ]
        fields += [
            (name, value if isinstance(value, str) else json.dumps(value)) for name, value in options.items()
        ]
        files = [
            File(part.name, part.filename, part.type or "application/octet-stream", part.data)
            for part in self.parts
            if part.filename is not None
        ]
        return form([("model", model), *fields], files)


def read_form(ask: Ask) -> Form:
    """Read the body. Raises `Failure` (INVALID_REQUEST) saying what is wrong with it."""
    kind, options = parse_options_header(ask.request.headers.get(b"content-type", b""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise _wrong("send multipart/form-data with a boundary, as curl -F and the SDKs do")
    reading = _Reading()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": reading.begin,
                "on_part_data": reading.data,
                "on_part_end": reading.end,
                "on_header_field": reading.field,
                "on_header_value": reading.value,
                "on_header_end": reading.header,
                "on_end": reading.finish,
            },
            max_header_count=MOST_HEADERS,
            max_header_size=HEADER_BYTES,
        )
        parser.write(bytes(ask.request.body))
        parser.finalize()
    except FormParserError:
        raise _wrong("the form can not be read") from None
    if not reading.complete:
        raise _wrong("the form ends too early")
    return reading.form


def provider_choice(fields: Mapping[str, list[str]]) -> ProviderChoice | None:
    """Return what `provider` says: JSON, or as SDKs write an object in a form, `provider[options][name]`."""
    if "provider" in fields:
        return read(fields["provider"][-1].encode(), ProviderChoice)
    options: dict[str, object] = {}
    chosen: dict[str, str] = {}
    for name, values in fields.items():
        if name.startswith("provider[options][") and name.endswith("]"):
            options[name[len("provider[options][") : -1]] = _value(values[-1])
        elif name in ("provider[name]", "provider[credential]"):
            chosen[name[9:-1]] = values[-1]
    return ProviderChoice(**chosen, options=options) if options or chosen else None


def _value(text: str) -> object:
    """Read what was a number or a truth before it became a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


class _Reading:
    def __init__(self) -> None:
        self.form = Form()
        self.complete = False
        self._headers: dict[bytes, bytes] = {}
        self._name = b""
        self._value = b""
        self._pieces: list[bytes] = []

    def begin(self) -> None:
        if len(self.form.parts) >= MOST_PARTS:
            raise _wrong(f"a form has at most {MOST_PARTS} parts")
        self._headers, self._pieces = {}, []

    def field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def data(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(data[start:end])

    def end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name, filename = options.get(b"name"), options.get(b"filename")
        if name is None:
            raise _wrong("a part of the form has no name")
        self.form.parts.append(
            Part(
                name.decode("utf-8", "replace"),
                None if filename is None else filename.decode("utf-8", "replace"),
                self._headers.get(b"content-type", b"").decode("latin-1"),
                b"".join(self._pieces),
            )
        )

    def finish(self) -> None:
        self.complete = True


def _wrong(what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, what, code="invalid_form")
