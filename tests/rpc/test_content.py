"""Content beside the audit: there where the operator has it kept, for the project alone, and nowhere in clear."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from integration_api.proto import unified_pb2 as unified
from tests.e2e.conftest import base_url
from tests.e2e.service import Service, running
from tests.e2e.test_isolation import other_project
from tests.rpc.caller import ADMIN_KEY, Caller, chat_frame, chat_request, parameters, spoken, until, user
from tests.rpc.per_provider import ask as older
from tests.rpc.per_provider import said, stream
from tests.rpc.test_audit import Audit, entries

PROMPT = "the quick brown fox of 4711"


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory, lab: str) -> Iterator[Caller]:
    folder = tmp_path_factory.mktemp("keeping")
    with running(folder, AUDIT__CONTENT="true", AUDIT__CONTENT_BYTES="20000") as started:
        for provider in ("openai", "anthropic"):
            started.add_credential(provider, base_url(lab, provider))
        with Caller(started, lab) as caller:
            yield caller


def documents(caller: Caller, *criteria: tuple[str, str, str], key: str = ADMIN_KEY) -> tuple[Any, Any]:
    """Return what was asked and answered by the newest call that is found."""
    audit = Audit(caller, key)
    found = until(lambda: audit.find(*criteria).data)[0]
    log = audit.ask("GetAuditLog", id=found.id).data
    return json_format.MessageToDict(log.request), json_format.MessageToDict(log.response)


def texts(asked: dict[str, Any]) -> list[str]:
    return [part["text"] for message in asked["messages"] for part in message["parts"]]


@pytest.mark.parametrize("model", ["sandbox/echo", "openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"])
def test_a_whole_answer(keeping: Caller, model: str) -> None:
    request = chat_request(model, user(PROMPT), requestId=f"whole-{model}", params={"model.temperature": 0.5})
    answer = keeping.call("Chat", request)
    asked, answered = documents(keeping, ("request_id", f"whole-{model}", "="))
    assert texts(asked) == [PROMPT]
    assert asked["sampling"]["temperature"] == 0.5
    (candidate,) = answered["result"]["candidates"]
    assert "".join(part["text"] for part in candidate["parts"]) == spoken(answer)
    assert answered["error"] is None


def test_streams_of_both_generations(keeping: Caller) -> None:
    with keeping.talk() as talk:
        talk.configure("openai")
        talk.send(chat_frame("streamed", "openai/gpt-4o-mini", user(PROMPT)))
        _, last = talk.turn()
    asked, answered = documents(keeping, ("request_id", "streamed", "="))
    assert texts(asked) == [PROMPT]
    assert answered["result"]["candidates"][0]["parts"][0]["text"] == spoken(last)
    *_, last = stream(keeping, "OpenAiService", older("gpt-4o-mini", said("user", PROMPT)))
    asked, answered = documents(keeping, ("id", str(last.requestId), "="))
    assert texts(asked) == [PROMPT]
    assert answered["result"]["candidates"][0]["parts"][0]["text"] == last.data.contents[0].content.decode()


def test_what_failed(keeping: Caller) -> None:
    keeping.call("Chat", chat_request("openai/gpt-4o-mini-lab-status-400", user(PROMPT), requestId="refused"))
    asked, answered = documents(keeping, ("request_id", "refused", "="))
    assert texts(asked) == [PROMPT]
    assert answered["result"] is None
    assert answered["error"].startswith("invalid_request")
    with keeping.talk() as talk:
        talk.configure("openai")
        talk.send(chat_frame("cut", "openai/gpt-4o-mini-lab-cut", user(PROMPT)))
        talk.turn()
    _, answered = documents(keeping, ("request_id", "cut", "="))
    assert answered["result"]["said"]
    assert answered["error"]


@pytest.mark.parametrize("streamed", [False, True])
def test_what_passed_through_as_it_was(keeping: Caller, streamed: bool) -> None:
    body = {
        "model": "openai/gpt-4o-mini",
        "messages": [{"role": "user", "content": PROMPT}],
        "stream": streamed,
    }
    name = f"passed-{streamed}"
    _, told = keeping.service.call("POST", "/v1/chat/completions", body, headers={"x-request-id": name})
    asked, answered = documents(keeping, ("request_id", name, "="))
    assert asked["messages"] == body["messages"]
    if streamed:
        assert answered["result"] in told
        assert "chat.completion.chunk" in answered["result"]
    else:
        assert answered["result"]["choices"][0]["message"] == told["choices"][0]["message"]


def test_vectors_are_not_kept(keeping: Caller) -> None:
    request = unified.EmbeddingRequest(
        providerName="sandbox", content={0: PROMPT}, modelParameters=parameters("embed", {})
    )
    id = keeping.call("Embedding", request).requestId
    asked, answered = documents(keeping, ("id", str(id), "="))
    assert asked["inputs"] == [PROMPT]
    assert set(answered["result"]) == {"model", "usage"}


def test_of_what_is_too_long_the_beginning_is_kept(keeping: Caller) -> None:
    keeping.call("Chat", chat_request("sandbox/echo", user(PROMPT * 2000), requestId="long"))
    asked, _ = documents(keeping, ("request_id", "long", "="))
    assert asked["bytes"] > 20_000
    assert PROMPT in asked["beginning"]


def test_another_project_reads_none_of_it(keeping: Caller) -> None:
    keeping.call("Chat", chat_request("sandbox/echo", user(PROMPT), requestId="mine"))
    mine = Audit(keeping, ADMIN_KEY)
    (log,) = until(lambda: mine.find(("request_id", "mine", "=")).data)
    theirs = Audit(keeping, other_project(keeping.service)).ask("GetAuditLog", id=log.id)
    assert (theirs.code, theirs.HasField("data")) == (404, False)
    assert not log.HasField("request"), "a list holds none of it"


def test_nothing_of_it_is_on_disk_in_clear(keeping: Caller) -> None:
    keeping.call("Chat", chat_request("sandbox/echo", user(PROMPT), requestId="on disk"))
    documents(keeping, ("request_id", "on disk", "="))
    data = Path(keeping.service.folder)
    files = [path for path in data.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    for path in files:
        assert PROMPT.encode() not in path.read_bytes(), path


def test_nothing_is_kept_unless_the_operator_says_so(caller: Caller, service: Service) -> None:
    caller.call("Chat", chat_request("sandbox/echo", user(PROMPT), requestId="unkept"))
    audit = Audit(caller, ADMIN_KEY)
    (log,) = until(lambda: audit.find(("request_id", "unkept", "=")).data)
    one = audit.ask("GetAuditLog", id=log.id).data
    assert not one.HasField("request")
    assert not one.HasField("response")
    assert entries(one)["outcome"] == "success"
