"""A service to look into: everything it holds, writes and says, searched for one secret."""

import asyncio
import contextlib
import json
import secrets
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx2
import redis
import trustme

from lab.tls import made_up
from tests.e2e.memory import copies, spellings
from tests.e2e.service import (
    ADMIN_KEY,
    Service,
    free_port,
    lab_running,
    metric,
    postgres_settings,
    redis_settings,
)
from tests.servers import RedisServer, connected, database, postgres_server

ADDRESS = {"openai": "/v1", "mistral": "/v1"}
"""What follows a provider's place in the lab, as its credential's base_url would say it, where anything does."""
FIELDS = {"google-speech": {"project_id": "lab"}}
"""What a credential needs beside its key."""
MARKER = "MARKER"


@dataclass
class Stage:
    """A running service, and what a secret may be sought in. Every key holds `token` and little else."""

    service: Service
    lab: str
    client: httpx2.Client
    postgres: str
    """The URL of the database; empty for SQLite."""
    since: str
    """Where its write-ahead log stood in the beginning."""
    redis: str
    stranger: ssl.SSLContext
    """A server's context whose authority the service does not know."""
    known: ssl.SSLContext
    """One whose authority it trusts."""
    authority: bytes
    """Who vouches for the service, in PEM; empty without TLS."""
    token: str = field(default_factory=lambda: secrets.token_hex(6))
    control: str = field(default_factory=lambda: secrets.token_hex(6))
    """Stands where the token must not stand, and shows that the search would find it."""
    said: bytearray = field(default_factory=bytearray)
    """Every answer, heads and bodies."""
    number: int = 0

    @property
    def pid(self) -> int:
        assert self.service.process is not None
        return self.service.process.pid

    @property
    def marker(self) -> str:
        return self.service.environ[MARKER]

    def key(self, word: str = "") -> str:
        """Make a provider key: all of it is the token, so that whatever part is left somewhere holds it."""
        return f"sk-{word}{self.token * 6}"

    def name(self) -> str:
        """Make a name for a credential, which no other has."""
        self.number += 1
        return f"{self.control}-{self.number}"

    def ask(
        self, method: str, path: str, body: Any = None, *, key: str | None = ADMIN_KEY, **headers: str
    ) -> tuple[int, Any]:
        """Make a request, keep what was answered, and return status and body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named |= {} if key is None else {"authorization": f"Bearer {key}"}
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        answer = self.client.request(method, path, content=content, headers=named)
        for name, value in answer.headers.raw:
            self.said += name + b": " + value + b"\n"
        self.said += answer.content + b"\n"
        with contextlib.suppress(ValueError):
            return answer.status_code, answer.json()
        return answer.status_code, answer.text

    @contextlib.contextmanager
    def connected(self) -> Iterator[socket.socket]:
        """Connect to the service, for HTTP/1.1 by hand."""
        plain = socket.create_connection(("127.0.0.1", self.service.port), 20)
        if self.service.tls is None:
            with plain:
                yield plain
            return
        with self.service.tls.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped:
            yield wrapped

    def channel(self) -> grpc.Channel:
        address = f"127.0.0.1:{self.service.port}"
        if not self.authority:
            return grpc.insecure_channel(address)
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(self.authority))

    def metric(self, name: str, **labels: str) -> float:
        return metric(self.client.get("/metrics").text, name, **labels)

    def store(
        self, provider: str, base_url: str = "", *, word: str = "", verify: bool = True, **secret: str
    ) -> str:
        """Store a credential through REST, with a key or with what stands in its place, and return its id."""
        body = {
            "provider": provider,
            "name": self.name(),
            "value": {
                **(secret or {"key": self.key(word)}),
                "base_url": base_url or f"{self.lab}/{provider}{ADDRESS.get(provider, '')}",
                **FIELDS.get(provider, {}),
            },
        }
        status, answer = self.ask("POST", "/v1/credentials" + ("" if verify else "?verify=false"), body)
        assert status == 201, answer
        return str(answer["id"])

    def chat(self, model: str, *, stream: bool = False, credential: str = "") -> tuple[int, Any]:
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hello"}]}
        headers = {"x_credential_id": credential} if credential else {}
        return self.ask("POST", "/v1/chat/completions", body, x_request_id=f"ask-{self.control}", **headers)

    # --- where a secret could be ---------------------------------------------------------------

    def assert_forgotten(self, *, thoroughly: bool = False) -> None:
        """Assert that the service's memory holds no part of a key, while it holds what it should."""
        sought = spellings(self.token) if thoroughly else [self.token.encode()]
        found = copies(self.pid, [*sought, self.marker.encode(), self.control.encode()])
        assert found[self.marker.encode()], "the search does not find what is there"
        assert found[self.control.encode()], "the search does not find what came with a key"
        assert {needle: found[needle] for needle in sought if found[needle]} == {}

    def assert_absent(self, where: str, held: bytes) -> None:
        """Assert that `held` has no part of a key, while it has what it should."""
        assert self.control.encode() in held, f"the search does not find what is in {where}"
        found = {needle: held.count(needle) for needle in spellings(self.token) if needle in held}
        assert found == {}, f"in {where}"

    def assert_absent_from_answers(self) -> None:
        self.assert_absent("the answers and metrics", bytes(self.said))

    def assert_absent_everywhere(self) -> None:
        """Stop the service, and assert that no part of a key was ever answered, logged, cached or stored."""
        self.assert_absent_from_answers()
        self.assert_absent("the log", self.service.log.read_bytes())
        if not self.postgres:
            self.assert_absent("the spool", self.spool())
        else:
            self.assert_absent("Redis", self.cached())
        assert self.service.stop() == 0
        self.assert_absent("the log", self.service.log.read_bytes())
        self.assert_absent("the database", self.pages() if self.postgres else self.files())

    def files(self) -> bytes:
        """Read everything in the data directory: database, write-ahead log, spool."""
        folder = self.service.folder / "data"
        return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())

    def spool(self) -> bytes:
        return b"".join(
            path.read_bytes() for path in sorted((self.service.folder / "data" / "spool").iterdir())
        )

    def pages(self) -> bytes:
        """Read what PostgreSQL keeps: every table, index and toast table, and the log of all that was written."""
        return asyncio.run(_pages(self.postgres, self.since))

    def cached(self) -> bytes:
        """Read every key of Redis with its value."""
        held = b""
        with redis.Redis.from_url(self.redis) as cache:
            for name in cache.scan_iter(count=1000):
                held += name + b"\n" + (cache.dump(name) or b"") + b"\n"
        return held


PAGES = """
    SELECT pg_read_binary_file(path) FROM (
        SELECT pg_relation_filepath(oid) AS path FROM pg_class WHERE relkind IN ('r', 'i', 't') AND oid >= 16384
        UNION SELECT 'pg_wal/' || name FROM pg_ls_waldir()
        WHERE name BETWEEN pg_walfile_name($1::text::pg_lsn) AND pg_walfile_name(pg_current_wal_lsn())
    ) files
"""


async def _log_position(url: str) -> str:
    async with connected(url) as connection:
        return str(await connection.fetchval("SELECT pg_current_wal_lsn()::text"))


async def _pages(url: str, since: str) -> bytes:
    async with connected(url) as connection:
        await connection.execute("CHECKPOINT")
        return b"".join(row[0] for row in await connection.fetch(PAGES, since))


@contextlib.contextmanager
def staged(
    folder: Path, *, shared: bool, warm_sockets: int = 0, telephony: bool = False, **settings: str
) -> Iterator[Stage]:
    """Run the service with SQLite and an in-process cache, or `shared` with PostgreSQL, Redis and TLS.

    A socket that waits meets the faults of another time, so none does unless it is asked for.
    """
    with contextlib.ExitStack() as stack:
        lab_ca = folder / "lab.pem"
        lab = stack.enter_context(lab_running(folder, "--tls-ca-out", str(lab_ca)))
        known, authority = made_up()
        stranger, _ = made_up()
        trusted = folder / "trusted.pem"
        trusted.write_bytes(lab_ca.read_bytes() + authority)
        environ = {
            MARKER: f"marker-{secrets.token_hex(16)}",
            "LOG_LEVEL": "debug",
            "LIMITS__BODY_BYTES": str(1 << 20),
            "UPSTREAM__CA_FILE": str(trusted),
            "UPSTREAM__CONNECT_SECONDS": "2",
            "UPSTREAM__FIRST_BYTE_SECONDS": "1",
            "UPSTREAM__IDLE_SECONDS": "1",
            "UPSTREAM__RETRIES": "1",
            "VOICE__WARM_SOCKETS": str(warm_sockets),
        }
        postgres = since = cache = ""
        vouching = b""
        if shared:
            postgres = stack.enter_context(database(postgres_server()))
            since = asyncio.run(_log_position(postgres))
            server = RedisServer()
            cache = server.start()
            stack.callback(server.stop)
            environ |= postgres_settings(postgres) | redis_settings(cache)
            environ |= {
                "TLS__CERT": str(folder / "service.pem"),
                "TLS__KEY": str(folder / "service.pem"),
            }
            vouching = _certified(folder / "service.pem")
        else:
            environ["AUDIT__SHIP_SECONDS"] = "3600"  # What is spooled can be looked at.
        port = free_port()
        environ |= settings
        if telephony:
            environ["TELEPHONY__PUBLIC_URL"] = f"http{'s' * shared}://127.0.0.1:{port}"
        service = Service(
            folder, environ, port, program=("-m", "tests.e2e.readable"), tls=_trusting(vouching)
        )
        stack.callback(service.kill)
        service.start()
        client = stack.enter_context(
            httpx2.Client(base_url=service.url, verify=_trusting(vouching) or True, http2=shared, timeout=30)
        )
        yield Stage(
            service=service,
            lab=lab.replace("http:", "https:"),
            client=client,
            postgres=postgres,
            since=since,
            redis=cache,
            stranger=stranger,
            known=known,
            authority=vouching,
        )


def _certified(path: Path) -> bytes:
    """Write a certificate for the service; return who vouches for it."""
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
    return authority.cert_pem.bytes()


def _trusting(authority: bytes) -> ssl.SSLContext | None:
    return ssl.create_default_context(cadata=authority.decode()) if authority else None
