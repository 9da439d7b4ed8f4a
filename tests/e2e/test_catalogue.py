"""What is known of models, from outside: learned by a list, kept to its account, and heeded on every way in."""

import json
import urllib.request
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clients import openai_client
from tests.e2e.conftest import base_url
from tests.e2e.service import Service, running
from tests.e2e.test_isolation import other_project
from tests.rpc.caller import Caller, credential, until, user

R1 = "openrouter/deepseek/deepseek-r1"
HELLO: Any = [{"role": "user", "content": "Say hello"}]
NUMBERS = count()
OPERATORS = """
[anthropic.models."claude-haiku-4-5"]
max_output_tokens = 77

[together.models."some/model"]
refuses = ["seed"]
tools = false
"""


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("knowing")
    file = folder / "models.toml"
    file.write_text(OPERATORS)
    with running(folder, MODELS__FILE=str(file)) as started:
        yield started


def account(service: Service, lab: str, provider: str = "openrouter") -> str:
    return service.add_credential(provider, base_url(lab, provider), name=f"account {next(NUMBERS)}")


def seen(lab: str, provider: str, method: str = "POST") -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{lab}/_lab/requests?provider={provider}") as reply:
        return [one for one in json.load(reply)["requests"] if one["method"] == method]


def sent(lab: str, provider: str) -> dict[str, Any]:
    body = seen(lab, provider)[-1]["body"]
    return dict(json.loads(body) if isinstance(body, str) else body)


def chat(service: Service, credential: str, model: str, **fields: Any) -> tuple[int, Any]:
    asked = {"model": model, "messages": HELLO, **fields}
    return service.call("POST", "/v1/chat/completions", asked, headers={"x-credential-id": credential})


def params(answer: Any) -> list[str]:
    return [warning["param"] for warning in answer.get("warnings", ())]


def test_a_list_teaches_its_own_account_and_no_other(knowing: Service, lab: str) -> None:
    mine, other = account(knowing, lab), account(knowing, lab)
    asked_before = seen(lab, "openrouter", "GET")
    for one in (mine, other):
        assert params(chat(knowing, one, R1, seed=3)[1]) == []
        assert sent(lab, "openrouter")["seed"] == 3
    asked = seen(lab, "openrouter", "GET")
    # The lab forgets its oldest requests.
    assert asked == asked_before[-len(asked) :], "nobody is asked on the way of a call"

    status, model = knowing.call("GET", f"/v1/models/{R1}", headers={"x-credential-id": mine})
    assert status == 200
    assert (model["context_window"], model["capabilities"]["tools"]) == (163_840, False)
    assert "seed" in model["capabilities"]["refuses"]

    _, answer = chat(knowing, mine, R1, seed=3, temperature=0.5)
    assert params(answer) == ["seed"]
    assert sent(lab, "openrouter").keys() & {"seed", "temperature"} == {"temperature"}
    assert params(chat(knowing, other, R1, seed=3)[1]) == []
    assert sent(lab, "openrouter")["seed"] == 3


def test_what_was_learned_is_heeded_on_every_way_in(knowing: Service, lab: str) -> None:
    mine = account(knowing, lab)
    assert knowing.call("GET", f"/v1/models/{R1}", headers={"x-credential-id": mine})[0] == 200
    client = openai_client(knowing.url, mine)
    stream = client.chat.completions.create(model=R1, messages=HELLO, seed=3, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert "seed" not in sent(lab, "openrouter")
    status, answer = knowing.call(
        "POST", "/v1/chat/completions", {"model": R1, "messages": HELLO, "seed": 3},
        headers={"x-credential-id": mine, "x-integration-strict": "true"},
    )  # fmt: skip
    assert (status, answer["error"]["param"]) == (400, "seed")


def test_what_is_shipped_is_known_from_the_start(knowing: Service, lab: str) -> None:
    account(knowing, lab, "cohere")
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    asked = {"model": "cohere/command-a-03-2025", "messages": [{"role": "user", "content": [picture]}]}
    status, answer = knowing.call("POST", "/v1/chat/completions", asked)
    assert (status, answer["error"]["code"]) == (400, "unsupported_parameter")
    assert "takes no image" in answer["error"]["message"]


def test_the_operators_word_wins_over_the_providers_list(knowing: Service, lab: str) -> None:
    mine = account(knowing, lab, "anthropic")
    for listed in (False, True):
        if listed:
            path = "/v1/models/anthropic/claude-haiku-4-5-20251001"
            _, model = knowing.call("GET", path, headers={"x-credential-id": mine})
            assert (model["max_output_tokens"], model["context_window"]) == (77, 200_000)
            assert model["capabilities"]["reasoning_budget"] is True
        _, answer = chat(knowing, mine, "anthropic/claude-haiku-4-5-20251001", max_tokens=500)
        assert sent(lab, "anthropic")["max_tokens"] == 77
        assert params(answer) == ["max_tokens"]


def test_a_parameter_that_the_operator_knows_to_be_refused(knowing: Service, lab: str) -> None:
    mine = account(knowing, lab, "together")
    status, answer = chat(knowing, mine, "together/some/model", seed=1)
    assert (status, params(answer)) == (200, ["seed"])
    assert "seed" not in sent(lab, "together")
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    status, answer = chat(knowing, mine, "together/some/model", tools=[tool])
    assert (status, answer["error"]["param"]) == (400, "tools")


def test_a_list_is_believed_as_long_as_the_operator_says(folder: Path, lab: str) -> None:
    with running(folder, MODELS__LIVE_SECONDS="0") as forgetful:
        mine = account(forgetful, lab)
        assert forgetful.call("GET", f"/v1/models/{R1}", headers={"x-credential-id": mine})[0] == 200
        assert params(chat(forgetful, mine, R1, seed=3)[1]) == []
        assert sent(lab, "openrouter")["seed"] == 3


def test_a_file_of_models_with_a_slip_stops_the_start(folder: Path) -> None:
    file = folder / "models.toml"
    file.write_text('[openai.models."gpt-4o"]\nmax_token = 5\n')
    said = Service(folder, {"MODELS__FILE": str(file)}).refused()
    assert "MODELS__FILE" in said
    assert "max_token" in said


@pytest.mark.parametrize(("fields", "warned", "gone"), [
    ({"temperature": 0.5}, ["temperature"], "temperature"),
    ({"max_tokens": 50}, [], "max_tokens"),
    ({"reasoning_effort": "max"}, ["reasoning_effort"], "max"),
    ({"top_k": 5}, ["top_k"], "top_k"),
])  # fmt: skip
def test_openais_own_language_passes_to_openai_unless_the_model_is_known_to_refuse_it(
    knowing: Service, lab: str, fields: dict[str, Any], warned: list[str], gone: str
) -> None:
    mine = account(knowing, lab, "openai")
    status, answer = chat(knowing, mine, "openai/o3", **fields)
    assert (status, params(answer)) == (200, warned)
    assert gone not in json.dumps(sent(lab, "openai"))
    status, answer = chat(knowing, mine, "openai/gpt-4o", temperature=0.5, max_tokens=50)
    assert (status, params(answer)) == (200, [])
    assert (sent(lab, "openai")["temperature"], sent(lab, "openai")["max_tokens"]) == (0.5, 50)


def test_another_projects_list_is_its_own(knowing: Service, lab: str) -> None:
    theirs_key = other_project(knowing)
    theirs = knowing.call(
        "POST", "/v1/credentials", key=theirs_key,
        body={"provider": "openrouter", "name": "theirs",
              "value": {"key": "lab-key-0123456789abcdef", "base_url": base_url(lab, "openrouter")}},
    )[1]["id"]  # fmt: skip
    account(knowing, lab)
    assert knowing.call("GET", "/v1/models")[0] == 200
    asked = {"model": R1, "messages": HELLO, "seed": 3}
    _, answer = knowing.call("POST", "/v1/chat/completions", asked, key=theirs_key)
    assert (params(answer), sent(lab, "openrouter")["seed"]) == ([], 3)
    assert (
        knowing.call("GET", f"/v1/models/{R1}", key=theirs_key, headers={"x-credential-id": theirs})[0] == 200
    )
    _, answer = knowing.call("POST", "/v1/chat/completions", asked, key=theirs_key)
    assert params(answer) == ["seed"]


def test_a_changed_credential_starts_knowing_nothing(knowing: Service, lab: str) -> None:
    mine = account(knowing, lab)
    assert knowing.call("GET", f"/v1/models/{R1}", headers={"x-credential-id": mine})[0] == 200
    assert params(chat(knowing, mine, R1, seed=3)[1]) == ["seed"]
    changed = {"value": {"key": "lab-key-another-0123456789", "base_url": base_url(lab, "openrouter")}}
    assert knowing.call("PATCH", f"/v1/credentials/{mine}", changed)[0] == 200
    # Every process hears of a change within about a second.
    until(lambda: params(chat(knowing, mine, R1, seed=3)[1]) == [])


def test_grpc_heeds_what_rest_learned_and_a_key_in_clear_is_an_account_of_its_own(
    knowing: Service, lab: str
) -> None:
    mine = account(knowing, lab)
    assert knowing.call("GET", f"/v1/models/{R1}", headers={"x-credential-id": mine})[0] == 200
    clear = credential(key="lab-key-0123456789abcdef", base_url=base_url(lab, "openrouter"))
    with Caller(knowing, lab) as caller:
        caller.chat(R1, user("hi"), params={"model.seed": 3}, credential=credential(int(mine)))
        assert "seed" not in sent(lab, "openrouter")
        caller.chat(R1, user("hi"), params={"model.seed": 3}, credential=clear)
        assert sent(lab, "openrouter")["seed"] == 3


def test_a_pinned_partner_is_known_apart(knowing: Service, lab: str) -> None:
    mine = account(knowing, lab, "huggingface")
    model = "huggingface/meta-llama/Llama-3.3-70B-Instruct"
    _, told = knowing.call("GET", f"/v1/models/{model}", headers={"x-credential-id": mine})
    assert told["routes"]["meta-llama/Llama-3.3-70B-Instruct:novita"]["structured_output"] is False
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    for partner, warned in (("together", []), ("novita", ["response_format"])):
        _, answer = chat(knowing, mine, f"{model}:{partner}", response_format=form)
        assert params(answer) == warned
