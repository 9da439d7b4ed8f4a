"""How much more than its calls an account may ask of providers: for retries, and for a second try beside a slow one."""

from collections import OrderedDict
from collections.abc import Hashable

SHARE = 0.1
"""Further tries may add a tenth to an account's calls; more would feed an outage."""
RESERVE = 10.0
"""The most tries an account can have saved up, and what it starts with: a quiet account tries again freely."""
ACCOUNTS = 4096
"""Accounts remembered; a forgotten one starts anew."""


class Budget:
    """Counts for each account by itself: what one spends, no other misses."""

    def __init__(self) -> None:
        self._saved: OrderedDict[Hashable, float] = OrderedDict()

    def started(self, account: Hashable | None) -> None:
        """Count a call towards its account's budget."""
        saved = self._saved
        if account is None or account not in saved:
            return  # An account that spent nothing has its whole reserve.
        if (now_saved := saved[account] + SHARE) >= RESERVE:
            del saved[account]
        else:
            saved[account] = now_saved

    def spend(self, account: Hashable) -> bool:
        """Take one try, if there is one left; return whether there was."""
        saved = self._saved.get(account, RESERVE)
        if saved < 1:
            return False
        self._saved[account] = saved - 1
        self._saved.move_to_end(account)
        if len(self._saved) > ACCOUNTS:
            self._saved.popitem(last=False)
        return True
