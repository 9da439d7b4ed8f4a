"""What a live conversation runs on, whatever it is made of."""

from collections.abc import Callable
from typing import Protocol

from integration_api.core.session import Closed


class Link(Protocol):
    """Driven by those who write and then `drain`, and by one task that receives."""

    @property
    def closed(self) -> Closed:
        """How it ended, once it has."""
        ...

    def write(self, message: str | bytes) -> None:
        """Send one message, behind all that were written before. What is said to a closed link is lost."""
        ...

    @property
    def ready(self) -> bool:
        """Whether the provider listens and reads as fast as it is spoken to."""
        ...

    async def drain(self) -> None:
        """Wait while the provider reads slowly. Raises `ProviderError` (TIMEOUT) when it stops reading."""
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
