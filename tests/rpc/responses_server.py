"""A small server of OpenAI's language of responses: it calls the tools it is offered, then says what they said."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, dict(self.headers), body))
        if self.headers.get("authorization") != "Bearer right":
            self._say(401, {"error": {"message": "no", "type": "invalid_request_error"}})
            return
        results = [item["output"] for item in body["input"] if item.get("type") == "function_call_output"]
        items = (
            [_message(f"It has {results[-1]}.")]
            if results
            else [_call(body)]
            if body.get("tools")
            else [_message("Hi.")]
        )
        usage = {"input_tokens": 9, "output_tokens": 4}
        response = {
            "id": "resp_1",
            "model": body["model"],
            "status": "completed",
            "output": items,
            "usage": usage,
        }
        if not body.get("stream"):
            self._say(200, response)
            return
        events = [{"type": "response.created", "response": {**response, "output": [], "usage": None}}]
        for place, item in enumerate(items):
            events.append(
                {
                    "type": "response.output_item.added",
                    "output_index": place,
                    "item": {**item, "content": [], "arguments": ""},
                }
            )
            for piece in item.get("content", ()):
                events += [
                    {
                        "type": "response.output_text.delta",
                        "output_index": place,
                        "content_index": 0,
                        "delta": word,
                    }
                    for word in (piece["text"][:4], piece["text"][4:])
                ]
            events.append({"type": "response.output_item.done", "output_index": place, "item": item})
        events.append({"type": "response.completed", "response": response})
        text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
        self._say(200, text.encode(), "text/event-stream")

    def do_GET(self) -> None:
        good = self.headers.get("authorization") == "Bearer right"
        self._say(200 if good else 401, {"data": []} if good else {"error": {"message": "no"}})

    def _say(self, status: int, body: Any, kind: str = "application/json") -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


def _message(text: str) -> dict[str, Any]:
    return {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": text}]}


def _call(body: dict[str, Any]) -> dict[str, Any]:
    name = body["tools"][0]["name"]
    return {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": name,
        "arguments": '{"city":"Kyiv"}',
    }


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
