"""Reading callers' JSON safely: limits before decoding, and errors that name the field."""

import re
from typing import Any, TypeVar

import msgspec

from integration_api.core.errors import Failure, Kind
from integration_api.core.relay import RawBody

DEPTH = 64
"""Tool schemas nest a dozen levels; what nests deeper is an attack on somebody's parser."""
KEYS = 10_000
"""A long history with large schemas has a few thousand."""

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_SURROGATES = re.compile(rb"(?:\\\\)|\\u[dD][89abAB]..(\\u[dD][c-fC-F]..)?|(\\u[dD][c-fC-F])", re.DOTALL)

Decoded = TypeVar("Decoded")


def invalid(message: str, param: str | None = None, code: str = "invalid_value") -> Failure:
    """Build the error for a request that cannot be used as it is."""
    return Failure(Kind.INVALID_REQUEST, f"{param}: {message}" if param else message, code=code, param=param)


def check(body: bytes | bytearray) -> None:
    """Refuse a body that is too deep, too wide or not UTF-8, before anything is built from it."""
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            raise invalid("the body is not valid UTF-8", code="invalid_json") from None
    if body.count(b"{") + body.count(b"[") > DEPTH or (len(body) > KEYS and body.count(b":") > KEYS):
        _check_shape(bytes(body))
    if b"\\" in body and (b"\\ud" in body or b"\\uD" in body):
        for found in _SURROGATES.finditer(body):
            if found[2] or (found[1] is None and found[0] != b"\\\\"):
                raise invalid("the body has half of a surrogate pair", code="invalid_json")


def _check_shape(body: bytes) -> None:
    bare = _STRING.sub(b"", body)
    if bare.count(b":") > KEYS:
        raise invalid(f"the body has more than {KEYS} keys", code="invalid_json")
    brackets = bare.translate(_ONE_KIND, _NO_BRACKETS)
    for _ in range(DEPTH):
        outer = brackets.replace(b"[]", b"")  # Each pass takes away the innermost level.
        if not outer or len(outer) == len(brackets):
            return  # Flat, or unbalanced: then the decoder says so.
        brackets = outer
    raise invalid(f"the body nests deeper than {DEPTH} levels", code="invalid_json")


def decode_object(body: bytes | bytearray) -> RawBody:
    """Read the outermost object, its values left as bytes. Raises `Failure(INVALID_REQUEST)`."""
    check(body)
    return decode(body, _DecodeRaw)


def decode(
    body: bytes | bytearray | msgspec.Raw, into: "msgspec.json.Decoder[Decoded]", at: str = ""
) -> Decoded:
    """Decode typed JSON that has passed `check`; `at` is where it stands in the request.

    Raises `Failure(INVALID_REQUEST)` that says which field is wrong and what is expected there.
    """
    try:
        return into.decode(body)
    except msgspec.ValidationError as error:
        raise mistyped(error, at) from None
    except RecursionError:
        raise invalid("the body nests too deep", code="invalid_json") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed(error) from None


def convert(value: Any, into: "type[Decoded]", at: str) -> Decoded:
    """Like `decode`, for a value that has been decoded untyped."""
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError as error:
        raise mistyped(error, at) from None


def malformed(error: Exception) -> Failure:
    where = str(error).rpartition("(byte ")[2].rstrip(")")
    place = f" (at byte {where})" if where.isdigit() else ""
    return invalid(f"the body is not valid JSON{place}", code="invalid_json")


def mistyped(error: msgspec.ValidationError, at: str = "") -> Failure:
    """Translate a validation error: `messages[2].content`, and what was expected there."""
    what, _, path = str(error).partition(" - at `")
    param = (at + path.removesuffix("`").removeprefix("$").replace("[...]", ".*")).lstrip(".")
    what = what.replace("`", "").replace("Object missing", "missing")
    if what.startswith("missing required field "):
        name = what.rpartition(" ")[2]
        param = f"{param}.{name}" if param else name
        return Failure(
            Kind.INVALID_REQUEST, f"{param} is required", code="missing_required_parameter", param=param
        )
    return invalid(what[:1].lower() + what[1:], param or None)


_DecodeRaw = msgspec.json.Decoder(dict[str, msgspec.Raw])
