"""A worker takes as many calls as it was told to, and says so to those that must wait."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.e2e.service import Service, metric, running
from tests.rpc.caller import until

MOST = 2
CHAT = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "x"}]}
ANSWER = json.dumps({
    "id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "y"}, "finish_reason": "stop"}],
}).encode()  # fmt: skip


def test_calls_above_the_limit_are_told_to_come_back(tmp_path: Path) -> None:
    answering = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            answering.wait(60)
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER)

        def log_message(self, *_: object) -> None: ...

    provider = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{provider.server_port}"
    try:
        with running(tmp_path, LIMITS__REQUESTS=str(MOST)) as service:
            body = {"provider": "openai", "name": "slow", "value": {"key": "sk-slow", "base_url": address}}
            assert service.call("POST", "/v1/credentials?verify=false", body)[0] == 201
            statuses: list[int] = []
            callers = [
                threading.Thread(
                    target=lambda: statuses.append(service.call("POST", "/v1/chat/completions", CHAT)[0])
                )
                for _ in range(MOST)
            ]
            for caller in callers:
                caller.start()
            until(lambda: _in_flight(service) == MOST)
            status, answer = service.call("POST", "/v1/chat/completions", CHAT)
            assert (status, answer["error"]["code"], answer["error"]["retryable"]) == (
                503,
                "overloaded",
                True,
            )
            answering.set()
            for caller in callers:
                caller.join()
            assert statuses == [200] * MOST
            until(lambda: _in_flight(service) == 0)
            assert service.call("POST", "/v1/chat/completions", CHAT)[0] == 200
    finally:
        answering.set()
        provider.shutdown()
        provider.server_close()


def _in_flight(service: Service) -> float:
    return metric(service.call("GET", "/metrics", key=None)[1], "integration_calls_in_flight")
