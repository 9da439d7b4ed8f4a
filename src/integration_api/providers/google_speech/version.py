"""Which of Google's two languages for listening is spoken: v2, and v1 where v2 has no word for what is asked.

https://cloud.google.com/speech-to-text/docs/v1/transcription-model and
https://cloud.google.com/speech-to-text/docs/transcription-model
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.dialects import google_cloud

Version: TypeAlias = Literal["v1", "v2"]

OPTION = "api_version"
"""By which a caller chooses."""
OURS = frozenset({OPTION, "location"})
"""Options that are no fields of Google's."""
ONLY_V1 = frozenset({"command_and_search", "default", "phone_call", "video"})
"""Models that v2 does not have."""
BOTH = frozenset({
    "latest_long", "latest_short", "telephony", "telephony_short", "medical_conversation", "medical_dictation",
})  # fmt: skip
"""Models that v1 has as well: it needs no project."""


def version(model: str, options: Mapping[str, Any], credential: Credential) -> Version:
    """Return the version that was asked for, or else v2 where it has the model and a project is known.

    Raises `Failure` (INVALID_REQUEST) for one that there is not.
    """
    asked = options.get(OPTION)
    if asked not in (None, "v1", "v2"):
        raise Failure(
            Kind.INVALID_REQUEST,
            f"google-speech's {OPTION} is v1 or v2",
            code="invalid_value",
            param="options",
        )
    if asked is not None:
        return "v1" if asked == "v1" else "v2"
    project = credential.fields.get(google_cloud.PROJECT.name)
    return "v1" if model in ONLY_V1 or (model in BOTH and not project) else "v2"


def fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are fields of Google's configuration."""
    return {name: value for name, value in options.items() if name not in OURS}
