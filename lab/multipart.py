"""Forms with files, as clients send them (RFC 7578)."""

from email.parser import BytesParser
from email.policy import HTTP

from lab.http import Call


def fields(call: Call) -> dict[str, list[bytes]]:
    """The parts of a call's form by their names; none when it is no form."""
    kind = call.header("content-type")
    if not kind.lower().startswith("multipart/form-data"):
        return {}
    message = BytesParser(policy=HTTP).parsebytes(f"content-type: {kind}\r\n\r\n".encode() + call.body)
    found: dict[str, list[bytes]] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(data, bytes):
            found.setdefault(name, []).append(data)
    return found


def texts(call: Call) -> dict[str, str]:
    """The first value of each field that is text."""
    return {name: values[0].decode(errors="replace") for name, values in fields(call).items()}
