"""Voyage's own SDK with the socket taken away: what it sends is kept, and bytes are played to it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import requests
import voyageai
from requests.adapters import BaseAdapter
from voyageai.api_resources import api_requestor


class Played(BaseAdapter):
    """Answers every request with the same bytes."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.sent: list[requests.PreparedRequest] = []
        self._body = body

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.sent.append(request)
        response = requests.Response()
        response.status_code, response._content, response.request = 200, self._body, request
        response.headers["content-type"] = "application/json"
        response.url = request.url or ""
        return response

    def close(self) -> None:
        """Nothing is held."""

    def asked(self) -> tuple[str, dict[str, Any]]:
        """The path and the body of the last request."""
        last = self.sent[-1]
        return last.path_url, json.loads(last.body or b"")


@contextmanager
def playing(body: bytes) -> Iterator[tuple[voyageai.Client, Played]]:
    played = Played(body)
    session = requests.Session()
    session.mount("https://", played)
    forever = {"session": session, "session_create_time": float("inf")}
    with patch.object(api_requestor, "_thread_context", SimpleNamespace(**forever)):
        yield voyageai.Client(api_key="pa-any", base_url="https://api.voyageai.com/v1"), played
