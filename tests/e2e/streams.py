"""One streamed chat, by each protocol that the port speaks."""

import contextlib
import json
import socket
import subprocess
from typing import Protocol, Self

import grpc

from tests.e2e.service import ADMIN_KEY, Service
from tests.rpc.caller import Talk

CHAT = "/v1/chat/completions"
SECONDS = 60


class Streamed(Protocol):
    """Begun when it is made: the first piece of the answer has come, and no more was read."""

    def finish(self) -> bool:
        """Read to the end; return whether it was a stream's proper end."""
        ...

    def leave(self) -> None:
        """Be gone as a caller is whose process ends."""
        ...


def asked(model: str) -> bytes:
    return json.dumps(
        {"model": model, "stream": True, "messages": [{"role": "user", "content": "x"}]}
    ).encode()


def head(path: str, *lines: str) -> bytes:
    return "\r\n".join(
        [f"POST {path} HTTP/1.1", "host: x", f"authorization: Bearer {ADMIN_KEY}", *lines, "", ""]
    ).encode()


class Http1:
    def __init__(self, service: Service, model: str) -> None:
        body = asked(model)
        self.connection = socket.create_connection(("127.0.0.1", service.port), SECONDS)
        self.connection.sendall(head(CHAT, f"content-length: {len(body)}") + body)
        self.got = b""
        while b"data: " not in self.got:
            self._read()

    def _read(self) -> None:
        chunk = self.connection.recv(65536)
        if not chunk:
            raise ConnectionResetError(self.got[-1000:])
        self.got = self.got[-1000:] + chunk

    def finish(self) -> bool:
        with self.connection, contextlib.suppress(ConnectionResetError):
            while not self.got.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"):
                self._read()
            return True
        return False

    def leave(self) -> None:
        self.connection.close()


class Http2:
    """curl: unlike Python's libraries it reads on after a GOAWAY."""

    def __init__(self, service: Service, model: str) -> None:
        self._curl = subprocess.Popen(
            ["curl", "-sSN", "--http2-prior-knowledge", "--max-time", str(SECONDS), service.url + CHAT,
             "-H", f"authorization: Bearer {ADMIN_KEY}", "--data-binary", asked(model).decode()],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._curl.stdout is not None
        self._pieces = self._curl.stdout
        assert self._pieces.readline().startswith(b"data: ")

    def finish(self) -> bool:
        last = b""
        while piece := self._pieces.read(65536):
            last = last[-100:] + piece
        self._pieces.close()
        return self._curl.wait(SECONDS) == 0 and last.endswith(b"data: [DONE]\n\n")

    def leave(self) -> None:
        self._curl.kill()
        self._curl.wait(SECONDS)
        self._pieces.close()


class Grpc:
    def __init__(self, service: Service, model: str) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0)]
        self._channel = grpc.insecure_channel(f"127.0.0.1:{service.port}", options)
        self.talk = Talk(self._channel)
        assert self.talk.configure(model.partition("/")[0]).success
        self.talk.chat("1", model)
        self.talk.next()

    def finish(self) -> bool:
        try:
            _, last = self.talk.turn()
            self.talk.half_close()
            return not last.HasField("error") and not self.talk.rest()
        except grpc.RpcError:
            return False
        finally:
            self.leave()

    def leave(self) -> None:
        self.talk.call.cancel()
        self._channel.close()


EACH = (Http1, Http2, Grpc)


class Lingering:
    """A request whose last bytes are held back, to be asked when one likes: its connection is not idle."""

    def __init__(self, service: Service, path: str) -> None:
        self._connection = socket.create_connection(("127.0.0.1", service.port), SECONDS)
        self._connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n".encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(self) -> bytes:
        """Return the whole answer; the service closes after it."""
        self._connection.sendall(b"\r\n")
        got = b""
        while chunk := self._connection.recv(65536):
            got += chunk
        return got
