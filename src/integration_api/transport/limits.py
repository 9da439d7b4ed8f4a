"""How long and how much: every bound of an outbound call, with its reason."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB

DNS_CACHE_SECONDS = 30.0
"""Providers move their addresses by DNS within a minute; a burst of new connections asks once."""

DNS_STALE_SECONDS = 600.0
"""How much longer an answer serves while it is asked for anew: a name server that is slow, or kept busy by
somebody else's names, holds up nobody whose name it has told before. Every answer was judged."""

DNS_CACHE_NAMES = 1024
"""More hosts than any one process talks to; the oldest is forgotten."""

INLINE_BODY = 64 * KIB
"""A body up to this size shares one buffer, one write and one TLS flight with its head."""

WRITE_STEP = 256 * KIB
"""Larger bodies go out in steps, so that encrypting one does not hold up the loop."""

READ_AHEAD = 256 * KIB
"""How much of a stream waits for a slow caller before the provider is made to wait too."""

INFLATE_STEP = 64 * KIB
"""The most that is decompressed at once."""

INFLATE_RATIO = 100
"""Text and JSON compress 3 to 30 times; a bomb compresses a thousand times."""

INFLATE_GRACE = MIB
"""Below this size no ratio is worth refusing."""

MESSAGE = 512
"""The most characters of a provider's words that reach a caller or a record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketLimits:
    """Seconds and bytes of a WebSocket to a provider, or of a gRPC call of messages both ways."""

    answer: float = 5.0
    """Until a handshake is answered, all in all, or HTTP/2 is: somebody is speaking already."""
    message: int = 16 * MIB
    """The largest message: some minutes of sound in base64."""
    ping: float = 20.0
    """A silent provider is asked whether it is there; balancers drop sockets that are silent for a minute."""
    pong: float = 5.0
    """Then it has this long to answer, and is looked after this often."""
    call_ping: float = 60.0
    """A gRPC provider is asked less often: its servers end connections that ping them more than a few times."""
    call_ping_pause: float = 10.0
    """Between two pings of a gRPC call, however often somebody asks whether the provider is there."""
    stall: float = 10.0
    """For so long a provider may not read; live sound that is older is no use."""
    farewell: float = 1.0
    """How long a goodbye waits for its answer: sockets that linger count against a tenant's limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportLimits:
    """Seconds, bytes and counts. The defaults suit language models over the internet."""

    connect: float = 3.0
    """Name lookup, and again TCP with TLS: several round trips around the world take one second."""
    first_byte: float = 600.0
    """A whole answer is silent for as long as a reasoning model thinks."""
    stream_first_byte: float = 120.0
    """A stream says something early, if only that it is working."""
    idle: float = 30.0
    """Between two reads of a body that has begun. Providers ping more often than this."""
    total: float = 3600.0
    """One call with its retries and polls, however alive it looks."""
    body: int = 64 * MIB
    """A whole answer: embeddings of a full batch are tens of megabytes."""
    refusal: int = MIB
    """Of a refusal's body no more is read; what was read is enough to say why."""
    head: int = 64 * KIB
    """Status line and headers, interim answers included; also trailers and chunk extensions."""
    retries: int = 2
    """How often a call that failed before its first byte is tried again."""
    connections: int = 4096
    """Open at once, below the usual limit of file descriptors of a service."""
    idle_connections: int = 512
    """Kept over all accounts; each costs about 50 KB with TLS. The longest unused goes first."""
    idle_per_account: int = 32
    """Kept for one account at one address."""
    keep_alive: float = 55.0
    """Load balancers commonly close at 60 seconds; leaving first avoids a race with them."""
    socket: SocketLimits = SocketLimits()
    """Of WebSockets and gRPC calls, which live by other rules than answers."""
