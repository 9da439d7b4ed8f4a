"""Forms with files: what a recording is sent in. https://www.rfc-editor.org/rfc/rfc7578"""

from collections.abc import Iterable

from msgspec import Struct

BOUNDARY = "integration-api-boundary"


class File(Struct, frozen=True):
    """One part that is not text."""

    name: str
    """The field's."""
    filename: str | None
    """None for a part that is no file but has a kind."""
    mime: str
    data: bytes


def form(fields: Iterable[tuple[str, str]], files: Iterable[File]) -> tuple[str, bytes]:
    """Return a form's content type and body. The same form is always written the same."""
    parts = [(_head(name), value.encode()) for name, value in fields]
    parts += [
        (f"{_head(one.name, one.filename)}\r\ncontent-type: {_line(one.mime)}", one.data) for one in files
    ]
    boundary = _boundary([data for _, data in parts])
    body = b"".join(
        piece for head, data in parts for piece in (f"--{boundary}\r\n{head}\r\n\r\n".encode(), data, b"\r\n")
    )
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def _boundary(parts: list[bytes]) -> str:
    """Return a boundary that stands in none of the parts."""
    boundary, count = BOUNDARY, 0
    while any(boundary.encode() in part for part in parts):
        count += 1
        boundary = f"{BOUNDARY}-{count}-"
    return boundary


def _head(name: str, filename: str | None = None) -> str:
    head = f'content-disposition: form-data; name="{_quoted(name)}"'
    return head if filename is None else f'{head}; filename="{_quoted(filename)}"'


def _quoted(name: str) -> str:
    """Write a name as browsers do. https://html.spec.whatwg.org/multipage/#multipart-form-data"""
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")


def _line(value: str) -> str:
    return value.replace("\r", "").replace("\n", "")
