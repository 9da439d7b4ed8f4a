"""A peer without manners: whoever connects and asks gets the same bytes, whatever they are."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

SECONDS = 60


@contextlib.contextmanager
def saying(answer: bytes, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Answer every request by TLS on a port of 127.0.0.1 and hang up; yield the port.

    Without a context it says its word in the clear, and does not wait to be asked.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, answer, tls))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, answer: bytes, tls: ssl.SSLContext | None) -> None:
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        with contextlib.suppress(OSError):
            peer.settimeout(SECONDS)
            if tls is None:
                peer.sendall(answer)
            else:
                with tls.wrap_socket(peer, server_side=True) as talking:
                    _read(talking)
                    talking.sendall(answer)
        peer.close()


def _read(peer: socket.socket) -> None:
    got = b""
    while b"\r\n\r\n" not in got:
        got += _some(peer)
    head, _, body = got.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            length = int(value)
    while len(body) < length:
        body += _some(peer)


def _some(peer: socket.socket) -> bytes:
    got = peer.recv(65536)
    if not got:
        raise ConnectionResetError
    return got
