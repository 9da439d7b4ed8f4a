"""Whether to try again, and when: full jitter, the provider's own wish, and a budget for each account.

https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

import random
import re
from collections.abc import Hashable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from integration_api.core.errors import Kind, Phase, ProviderError
from integration_api.transport.budget import Budget

FIRST_PAUSE = 0.5
"""Upper end of the first pause; it doubles with each retry."""
LONGEST_PAUSE = 8.0
LONGEST_WISH = 30.0
"""A provider that wants a longer wait is not tried again: the caller hears how long instead."""

_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)
_LONGEST_TOLD = 86_400.0
"""Seconds; what a provider says beyond a day is told as a day."""


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds a provider asks to wait, at most a day, or None when it does not say.

    `now` is Unix time, for the form that is a date.
    """
    if _SECONDS.fullmatch(said := headers.get("retry-after-ms", "").strip()):
        return min(float(said) / 1000, _LONGEST_TOLD)
    said = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(said):
        return min(float(said), _LONGEST_TOLD)
    if not said or len(said) > 40:  # Longer than any date.
        return None
    try:
        date = parsedate_to_datetime(said)
        moment = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return min(max(0.0, moment - now), _LONGEST_TOLD)


class Retries:
    """Decides on retries. One account's failures never spend another's budget."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._budget = Budget()

    def started(self, account: Hashable | None) -> None:
        """Count a call towards its account's budget."""
        self._budget.started(account)

    def pause(
        self,
        error: ProviderError,
        tried: int,
        headers: Mapping[str, str],
        account: Hashable | None,
        *,
        idempotent: bool,
    ) -> float | None:
        """Return the seconds to wait before trying again, or None when the error stands.

        `tried` counts the attempts so far, from 1; `headers` are the refusal's, empty when
        nothing was answered. Takes from the account's budget.
        """
        if tried > self._most or error.after_output or not _worth(error, headers, idempotent=idempotent):
            return None
        wish = error.retry_after
        if wish is not None and wish > LONGEST_WISH:
            return None
        if account is not None and not self._budget.spend(account):
            return None
        # Jitter on top of a wish: those who were refused together should not come back together.
        pause = random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tried - 1)))  # noqa: S311
        return pause if wish is None else wish + pause


def _worth(error: ProviderError, headers: Mapping[str, str], *, idempotent: bool) -> bool:
    if error.phase is Phase.CONNECT:
        return error.retryable
    if not idempotent:
        return error.kind is Kind.RATE_LIMITED and error.retryable  # Refused before anything was done.
    match headers.get("x-should-retry"):
        case "true":
            return True
        case "false":
            return False
    # A provider that was silent until the time was up would be silent again, at the same price.
    return error.retryable and (error.kind is not Kind.TIMEOUT or bool(headers))
