"""How long the edge waits for bytes: of a body that should come, of an answer that should be taken."""

from integration_api.edge.limits import Limits


class Pace:
    """Watches a body: not silent for long, not slower than the least rate, not for ever."""

    __slots__ = ("_begun", "_seen", "_since")

    def __init__(self, now: float) -> None:
        self.restart(now)

    def restart(self, now: float) -> None:
        self._begun = self._since = now
        self._seen = 0

    def too_slow(self, size: int, now: float, limits: Limits) -> bool:
        """Whether to give up on a body of which `size` bytes have come."""
        if size != self._seen:
            self._seen, self._since = size, now
        age = now - self._begun
        return (
            age > limits.body_timeout
            or now - self._since > limits.body_idle
            or (age > limits.body_idle and size < limits.body_min_rate * age)
        )


class Stall:
    """Watches a socket's write buffer: its peer has to take some of it now and then."""

    __slots__ = ("_pending", "_since")

    def __init__(self) -> None:
        self._pending = 0
        self._since = 0.0

    def given_up(self, pending: int, now: float, limits: Limits) -> bool:
        """Whether nobody seems to read any more; `pending` is what the transport still holds."""
        if not pending or pending != self._pending:
            self._pending, self._since = pending, now
        return now - self._since > limits.write_stall
