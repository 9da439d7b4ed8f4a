"""Predictions from the caller to the lab: they end with their caller, and fail as what they are."""

import json
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

import httpx
import openai
import pytest

from tests.e2e.clients import openai_client
from tests.e2e.service import ADMIN_KEY, Service

PATIENCE = 60.0
"""Seconds that the lab is watched for what must come."""


class Watched:
    """The lab's Replicate, and what it received since."""

    def __init__(self, lab: str) -> None:
        self._lab = lab
        # The lab keeps a number of requests, of whomever: where it begins to forget, a count of ours says nothing.
        urllib.request.urlopen(urllib.request.Request(f"{lab}/_lab/requests", method="DELETE")).close()

    def received(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self._lab}/_lab/requests?provider=replicate") as reply:
            return json.load(reply)["requests"]

    def script(self, **answer: Any) -> None:
        body = json.dumps({"replicate": [answer]}).encode()
        urllib.request.urlopen(
            urllib.request.Request(f"{self._lab}/_lab/script", body, method="POST")
        ).close()

    def new(self, method: str, ending: str) -> list[str]:
        """The paths asked for since, of one kind."""
        found = self.received()
        return [one["path"] for one in found if one["method"] == method and one["path"].endswith(ending)]

    def wait(self, method: str, ending: str) -> list[str]:
        until = time.monotonic() + PATIENCE
        while not (found := self.new(method, ending)):
            assert time.monotonic() < until, f"nobody asked for {method} …{ending}"
            time.sleep(0.02)
        return found


@pytest.fixture
def watched(service: Service, lab: str) -> Watched:
    return Watched(lab)


def chats(service: Service) -> str:
    return f"{service.url}/v1/chat/completions"


def asked(model: str, **more: Any) -> dict[str, Any]:
    body = {"model": f"replicate/{model}", "messages": [{"role": "user", "content": "Hello"}], **more}
    return {"json": body, "headers": {"authorization": f"Bearer {ADMIN_KEY}"}}


def leaves_in_mid_stream(service: Service, watched: Watched) -> None:
    with httpx.stream("POST", chats(service), **asked("meta/any-lab-paced-500-20", stream=True)) as answer:
        next(line for line in answer.iter_lines() if "w1" in line)


def leaves_before_the_model_has_started(service: Service, watched: Watched) -> None:
    leaves_once_it_is_created(service, watched, "meta/any-frozen")


def leaves_while_the_answer_is_held(service: Service, watched: Watched) -> None:
    watched.script(text="Too late.", delay_ms=1000)
    leaves_once_it_is_created(service, watched, "meta/any")


def leaves_once_it_is_created(service: Service, watched: Watched, model: str) -> None:
    request = asked(model)
    connection = HTTPConnection("127.0.0.1", service.port)
    connection.request("POST", "/v1/chat/completions", json.dumps(request["json"]), request["headers"])
    watched.wait("POST", "/predictions")
    connection.close()


@pytest.mark.parametrize(
    "leave", [leaves_in_mid_stream, leaves_before_the_model_has_started, leaves_while_the_answer_is_held]
)
def test_gotcha_23_a_prediction_is_cancelled_when_its_caller_leaves(
    service: Service, watched: Watched, leave: Callable[[Service, Watched], None]
) -> None:
    leave(service, watched)
    watched.wait("POST", "/cancel")
    assert len(watched.new("POST", "/predictions")) == 1
    # Whatever is asked next comes behind anything that was still on its way.
    httpx.post(chats(service), **asked("meta/any")).raise_for_status()
    assert len(watched.new("POST", "/cancel")) == 1


def test_an_answer_that_is_over_is_not_cancelled(service: Service, watched: Watched) -> None:
    for stream in (False, True):
        httpx.post(
            f"{service.url}/v1/chat/completions", **asked("meta/any", stream=stream)
        ).raise_for_status()
    assert len(watched.new("POST", "/predictions")) == 2
    assert watched.new("POST", "/cancel") == []


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("words", "error", "code"),
    [("E005: flagged as sensitive", openai.BadRequestError, "content_filter"),
     ("It broke", openai.InternalServerError, "prediction_failed")],
)  # fmt: skip
def test_gotcha_23_a_created_prediction_that_has_failed_is_an_error(
    service: Service,
    watched: Watched,
    stream: bool,
    words: str,
    error: type[openai.APIStatusError],
    code: str,
) -> None:
    watched.script(text=words, finish="failed")
    client = openai_client(service.url)
    with pytest.raises(error) as failed:
        client.chat.completions.create(**asked("meta/any", stream=stream)["json"])
    assert failed.value.code == code
    assert failed.value.body["message"] == words
    assert failed.value.body["provider_request_id"]
