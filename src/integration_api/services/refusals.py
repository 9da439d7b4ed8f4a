"""What routes refuse that anybody may knock at: all is counted, and as much logged as can not fill a disk."""

from collections.abc import Callable

from integration_api.services import clock
from integration_api.telemetry.board import Count
from integration_api.telemetry.log import Log
from integration_api.telemetry.metrics import WEBHOOKS_REFUSED

LOGGED = 10
"""Lines in `SECONDS` for each provider and reason. Anybody may knock, and be refused for it."""
SECONDS = 60.0


class Refusals:
    """Of carriers' routes, unless told otherwise: the name of a line, and what counts by provider and reason."""

    def __init__(
        self,
        log: Log,
        event: str = "webhook_refused",
        counted: Callable[[str, str], Count] = WEBHOOKS_REFUSED.of,
    ) -> None:
        self._log = log
        self._event = event
        self._counted = counted
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}
        """When a span of time began, and how many refusals it has had."""

    def note(self, provider: str, reason: str) -> None:
        """Count one refusal. Both are words of ours; a line's `count` is of those before it that have none."""
        self._counted(provider, reason).value += 1
        now = clock.perf()
        began, seen = self._seen.get((provider, reason), (now, 0))
        untold = 0
        if now - began >= SECONDS:
            began, seen, untold = now, 0, max(0, seen - LOGGED)
        self._seen[provider, reason] = began, seen + 1
        if seen < LOGGED:
            self._log.warning(self._event, provider=provider, reason=reason, count=untold or None)
