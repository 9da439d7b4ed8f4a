"""A credential's value as the platform's own vault keeps it: a JSON object, whatever its callers put there."""

import msgspec

from integration_api.core.errors import Failure, Kind
from integration_api.core.secret import MOST_BYTES, MOST_FIELDS, Secret, read_string, wipe_bytes

_DECODER = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_value(raw: bytes) -> dict[str, Secret]:
    """Return each field as the text it is in a form, an object or list as its JSON; null is nothing.

    The secrets are the caller's to wipe. Raises `Failure(INVALID_REQUEST)`, which shows nothing of `raw`.
    """
    if len(raw) > MOST_BYTES:
        raise _unreadable(f"is larger than {MOST_BYTES} bytes")
    try:
        fields = _DECODER.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _unreadable("is not a JSON object") from None
    if len(fields) > MOST_FIELDS:
        raise _unreadable(f"has more than {MOST_FIELDS} fields")
    found: dict[str, Secret] = {}
    try:
        for name, value in fields.items():
            with memoryview(value) as view:
                if view[0] == ord('"'):
                    found[name] = Secret(read_string(view))
                elif view[0] != ord("n"):
                    found[name] = Secret(bytearray(view))
    except BaseException:
        forget(found)
        raise
    return found


def forget(fields: dict[str, Secret]) -> None:
    """Overwrite what `read_value` returned."""
    for secret in fields.values():
        secret.wipe()


def forget_raw(raw: bytes) -> None:
    """Overwrite a value as it came from the database, where nobody else holds it."""
    wipe_bytes(raw)


def _unreadable(what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"its value {what}", code="invalid_credential_value")
