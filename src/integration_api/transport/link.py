"""What a live conversation runs on, whatever it is made of."""

from collections.abc import Callable
from typing import Protocol

from integration_api.core.session import Closed


class Link(Protocol):
    """Driven by one task that sends and one that receives."""

    @property
    def closed(self) -> Closed:
        """How it ended, once it has."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Send one message; waits while the provider reads slowly. What is said to a closed link is lost.

        Raises `ProviderError` (TIMEOUT) when the provider stops reading.
        """
        ...

    @property
    def ready(self) -> bool:
        """Whether the provider listens and reads as fast as it is spoken to: then `write` will do."""
        ...

    def write(self, message: str | bytes) -> None:
        """Send one message without waiting. For when it is `ready`."""
        ...

    def attend(self, heard: Callable[[str | bytes], bool]) -> None:
        """Have messages given to `heard` as they come. One that it declines, by False, is received as usual,
        and as long as any message waits to be received, all are. It must not raise.
        """
        ...

    def ping(self) -> None:
        """Ask the provider whether it is there, unless it owes an answer to that already."""
        ...

    @property
    def unanswered(self) -> float:
        """For how many seconds the provider owes an answer to a ping, and has sent nothing else; 0 when it does not."""
        ...

    def half_close(self) -> None:
        """Say that nothing more will be said. What is still to come is received."""
        ...

    async def receive(self) -> str | bytes | None:
        """Return the next message, or None once the link is closed: `closed` tells how."""
        ...

    async def close(self) -> None:
        """Say goodbye, and hang up a little later at most."""
        ...

    def abort(self) -> None:
        """Hang up at once."""
        ...
