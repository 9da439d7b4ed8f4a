"""What is told on a call's sound, as JSON events; sound goes beside them as binary messages."""

from collections.abc import Mapping
from typing import Any

from integration_api.core.audio import AudioFormat


def started(call_id: str, stream_id: str, form: AudioFormat, custom: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the `started` event; its provider stands in the envelope."""
    return {"type": "started", "call_id": call_id, "stream_id": stream_id, "format": form, "custom": custom}
