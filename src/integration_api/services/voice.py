"""Which targets a voice session means, whichever door it came by."""

import re

from msgspec.structs import replace

from integration_api.core.errors import Failure, Kind
from integration_api.core.ids import read_id
from integration_api.dialects.voice_surface import FallbackChoice, TargetChoice, check_range
from integration_api.services.call import REGION
from integration_api.services.fallback import Fallback
from integration_api.services.target import Target, resolve

START_SECONDS = 10.0
"""Until a caller has said `start`, as for headers."""
MOST_TARGETS = 5
LONGEST_WAIT_MS = 60_000
_REGION = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
"""It becomes a part of host names and paths."""


def target_of(choice: TargetChoice, param: str = "target") -> Target:
    """Raises `Failure` for an unknown provider, a malformed credential id, or a region that it can not have."""
    id = read_id(choice.credential_id)
    if choice.credential_id and id is None:
        raise Failure(
            Kind.NOT_FOUND,
            "there is no such credential",
            code="credential_not_found",
            param=f"{param}.credential_id",
        )
    model = choice.model or choice.voice_id
    target = resolve(model, provider=choice.provider or None, credential_id=id)
    target = replace(target, voice=choice.voice_id, options=choice.provider_options)
    if not choice.region:
        return target
    if all(field.name != REGION for field in target.provider.fields):
        raise _wrong(f"{param}.region", f"is not known to {target.provider.name}: leave it out")
    if not _REGION.fullmatch(choice.region):
        raise _wrong(f"{param}.region", "must be a region's name, such as westeurope")
    return replace(target, region=choice.region)


def fallback_of(choice: FallbackChoice | None) -> Fallback:
    """Raises `Failure` (INVALID_REQUEST) naming the field."""
    if choice is None:
        return Fallback()
    if len(choice.targets) > MOST_TARGETS:
        raise _wrong("fallback.targets", f"takes up to {MOST_TARGETS}")
    given: dict[str, int] = {}
    for name in ("connect_timeout_ms", "first_event_timeout_ms", "hedge_after_ms"):
        value = getattr(choice, name)
        if value is not None:
            check_range(f"fallback.{name}", value, (1, LONGEST_WAIT_MS))
            given[name] = value
    targets = tuple(target_of(one, "fallback.targets") for one in choice.targets)
    return Fallback(targets=targets, **given)


def _wrong(param: str, what: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, f"{param} {what}", code="invalid_value", param=param)
