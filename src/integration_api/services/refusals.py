"""What carriers' routes refuse: all of it is counted, and so much of it logged that nobody can fill a disk with it."""

from integration_api.services import clock
from integration_api.telemetry.log import Log
from integration_api.telemetry.metrics import WEBHOOKS_REFUSED

LOGGED = 10
"""Lines in `SECONDS` for each provider and reason. Anybody may knock, and be refused for it."""
SECONDS = 60.0


class Refusals:
    def __init__(self, log: Log) -> None:
        self._log = log
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}
        """When a span of time began, and how many refusals it has had."""

    def note(self, provider: str, reason: str) -> None:
        """Count one refusal. Both are words of ours; a line's `count` is of those before it that have none."""
        WEBHOOKS_REFUSED.of(provider, reason).value += 1
        now = clock.perf()
        began, seen = self._seen.get((provider, reason), (now, 0))
        untold = 0
        if now - began >= SECONDS:
            began, seen, untold = now, 0, max(0, seen - LOGGED)
        self._seen[provider, reason] = began, seen + 1
        if seen < LOGGED:
            self._log.warning("webhook_refused", provider=provider, reason=reason, count=untold or None)
