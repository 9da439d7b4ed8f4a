"""A credential's fields as a caller gave them, parted into what providers may know and what is secret."""

from collections.abc import Mapping

from integration_api.core.credential import BASE_URL
from integration_api.core.errors import Failure, Kind
from integration_api.core.provider import Provider
from integration_api.core.secret import Secret

FIELD_BYTES = 16 << 10
"""A service-account key with its certificate fits; a file does not belong here."""


def part_fields(
    provider: Provider, value: Mapping[str, Secret], *, lenient: bool = False
) -> tuple[dict[str, str], dict[str, Secret]]:
    """Return plain fields, among them the marks of secrets, and secret ones.

    Raises `Failure` naming a field that is missing or unknown.
    With `lenient` unknown fields are left out: a credential that comes with every call is not
    the caller's to mend.
    """
    known = {field.name: field for field in provider.fields}
    known.setdefault("base_url", BASE_URL)
    named = {alias: name for name, field in known.items() for alias in field.aliases}
    value = {named.get(name, name): held for name, held in value.items()}
    for name in () if lenient else value:
        if name not in known:
            raise Failure(
                Kind.INVALID_REQUEST,
                f"{provider.name} has no credential field {name[:64]!r}; its fields are {', '.join(known)}",
                code="unknown_field",
                param=f"value.{name[:64]}",
            )
    plain: dict[str, str] = {}
    secret: dict[str, Secret] = {}
    for name, field in known.items():
        held = value.get(name)
        if held is None or not len(held):
            if field.required:
                raise Failure(
                    Kind.INVALID_REQUEST,
                    f"{provider.name} needs the credential field {name}",
                    code="missing_required_parameter",
                    param=f"value.{name}",
                )
        elif len(held) > FIELD_BYTES:
            raise Failure(
                Kind.INVALID_REQUEST,
                f"{name} is longer than {FIELD_BYTES} bytes",
                code="invalid_value",
                param=f"value.{name}",
            )
        elif field.secret:
            secret[name] = held
            with held.view() as view:
                if mark := field.mark_of(view):
                    plain[field.mark_name] = mark
        else:
            with held.view() as view:
                plain[name] = bytes(view).decode()
    return plain, secret
