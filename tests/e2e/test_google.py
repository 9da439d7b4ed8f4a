"""The openai SDK against the service, with Gemini and Vertex AI behind it: what is Google's own, and its ways in."""

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.e2e.conftest import value
from tests.e2e.service import ADMIN_KEY, Service

HOSTS = ("gemini", "vertexai")
HELLO: Any = [{"role": "user", "content": "Say hello"}]
VERTEX = {"project_id": "p1", "region": "us-east5"}
KEY = "lab-key-0123456789abcdef"


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{service.url}/v1", api_key=ADMIN_KEY, max_retries=0, timeout=300) as opened:
        yield opened


def offered(service: Service, lab: str, provider: str, given: dict[str, str]) -> tuple[int, Any]:
    value_ = {"base_url": f"{lab}/{provider}", **given}
    name = sha256(str(value_).encode()).hexdigest()
    return service.call("POST", "/v1/credentials", {"provider": provider, "name": name, "value": value_})


def by(service: Service, credential: str) -> OpenAI:
    return OpenAI(
        base_url=f"{service.url}/v1",
        api_key=ADMIN_KEY,
        max_retries=0,
        default_headers={"x-credential-id": credential},
        timeout=300,
    )


def control(lab: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{lab}/_lab/{path}", data=data, method="GET" if body is None else "PUT")
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


def seen(lab: str, provider: str, after: int = 0) -> list[dict[str, Any]]:
    """What the lab was asked, and still knows, after the request of that number."""
    found: list[dict[str, Any]] = control(lab, f"requests?provider={provider}")["requests"]
    return [one for one in found if one["serial"] > after]


def last(lab: str, provider: str) -> int:
    return max((one["serial"] for one in seen(lab, provider)), default=0)


# --- what is Google's own ------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("host", HOSTS)
def test_a_search_is_cited_by_letters(client: OpenAI, host: str, stream: bool) -> None:
    asked: Any = {
        "model": f"{host}/gemini-3.8-flash",
        "messages": [{"role": "user", "content": "Скажи щось"}],
        "tools": [{"type": "google_search"}],
    }
    if stream:
        chunks = [one.choices[0].delta for one in client.chat.completions.create(**asked, stream=True)]
        said = "".join(delta.content or "" for delta in chunks)
        cited = [one for delta in chunks for one in getattr(delta, "annotations", None) or ()]
    else:
        message = client.chat.completions.create(**asked).choices[0].message
        said, cited = message.content, [one.model_dump() for one in message.annotations]
    assert [one["url_citation"]["url"] for one in cited] == ["https://example.com/lab"]
    place = cited[0]["url_citation"]
    assert said[place["start_index"] : place["end_index"]] == said[:8]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("host", HOSTS)
def test_code_that_google_ran_goes_back_as_it_came(client: OpenAI, lab: str, host: str, stream: bool) -> None:
    asked: Any = {
        "model": f"{host}/gemini-3.8-flash",
        "messages": [{"role": "user", "content": "6 * 7?"}],
        "tools": [{"type": "code_interpreter"}],
    }
    if stream:
        with client.chat.completions.stream(**asked) as events:
            message: Any = events.get_final_completion().choices[0].message
    else:
        message = client.chat.completions.create(**asked).choices[0].message
    turn = {"role": "assistant", "content": message.content, **message.model_extra}
    client.chat.completions.create(
        **{**asked, "messages": [*asked["messages"], turn, {"role": "user", "content": "And?"}]}
    )
    *_, sent = seen(lab, host)
    code, printed, *_ = sent["body"]["contents"][1]["parts"]
    assert code["executableCode"] == {"language": "PYTHON", "code": "print(6 * 7)\n"}
    assert code["thoughtSignature"]
    assert printed == {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42\n"}}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("host", HOSTS)
def test_a_blocked_prompt_is_an_answer_of_nothing(client: OpenAI, host: str, stream: bool) -> None:
    asked: Any = {
        "model": f"{host}/gemini-2.5-flash",
        "messages": [{"role": "user", "content": "a jailbreak, please"}],
    }
    if stream:
        choices = [one.choices[0] for one in client.chat.completions.create(**asked, stream=True)]
        assert not any(choice.delta.content for choice in choices)
    else:
        choices = client.chat.completions.create(**asked).choices
        assert not choices[0].message.content
    assert choices[-1].finish_reason == "content_filter"
    assert choices[-1].model_extra["native_finish_reason"] == "PROHIBITED_CONTENT"


@pytest.mark.parametrize("host", HOSTS)
def test_options_of_googles_own(client: OpenAI, lab: str, host: str) -> None:
    answer = client.chat.completions.create(
        model=f"{host}/gemini-2.5-flash",
        messages=[{"role": "system", "content": "Be brief"}, *HELLO],
        extra_body={
            "provider": {"options": {"cached_content": "cachedContents/c1"}},
            "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        },
    )
    assert [one["param"] for one in answer.model_extra["warnings"]] == ["systemInstruction"]
    body = seen(lab, host)[-1]["body"]
    where = "projects/p1/locations/us-east5/" if host == "vertexai" else ""
    assert body["cachedContent"] == f"{where}cachedContents/c1"
    assert body["safetySettings"][0]["threshold"] == "BLOCK_NONE"


def test_pictures_and_sounds_come_out(client: OpenAI) -> None:
    drawn: Any = client.chat.completions.create(
        model="gemini/gemini-2.5-flash-image",
        messages=HELLO,
        modalities=["text", "image"],  # type: ignore[list-item]
    )
    assert (
        drawn.choices[0]
        .message.model_extra["images"][0]["image_url"]["url"]
        .startswith("data:image/png;base64,")
    )
    spoken: Any = client.chat.completions.create(
        model="gemini/gemini-2.5-flash-preview-tts",
        messages=HELLO,
        modalities=["audio"],
        audio={"voice": "Kore", "format": "pcm16"},
    )
    assert spoken.choices[0].message.audio.data


def test_too_much_traffic_is_told_with_the_moment_to_come_back(client: OpenAI, lab: str) -> None:
    delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "340.4s"}
    error = {"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED", "details": [delay]}
    control(lab, "faults", {"gemini": [{"status": 429, "body": {"error": error}}]})
    with pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(model="gemini/gemini-2.5-flash", messages=HELLO)
    assert raised.value.response.headers["retry-after"] == "341"
    assert raised.value.body["provider_status"] == 429


def test_a_ranking_by_discovery_engine(service: Service) -> None:
    documents = ["bread", "a cat sat", "a dog"]
    asked = {"model": "vertexai/semantic-ranker-default-004", "query": "a cat sat", "documents": documents}
    status, answer = service.call("POST", "/v1/rerank", {**asked, "top_n": 2, "return_documents": True})
    assert status == 200
    assert [one["index"] for one in answer["results"]][:1] == [1]
    assert answer["results"][0]["document"]["text"] == "a cat sat"
    assert len(answer["results"]) == 2


def test_more_vectors_than_a_batch_holds_keep_their_order(client: OpenAI, lab: str) -> None:
    texts = [f"text {number}" for number in range(230)]
    for model, batches in (
        ("gemini/gemini-embedding-001", [100, 100, 30]),
        ("vertexai/text-embedding-005", [230]),
        ("vertexai/gemini-embedding-2", [100, 100, 30]),
    ):
        host = model.partition("/")[0]
        before = last(lab, host)
        many = client.embeddings.create(model=model, input=texts, dimensions=8)
        bodies = [one["body"] for one in seen(lab, host, before)]
        assert [len(body.get("requests") or body["instances"]) for body in bodies] == batches
        alone = client.embeddings.create(model=model, input=texts[201], dimensions=8)
        assert many.data[201].embedding == alone.data[0].embedding


def test_a_model_that_takes_one_text_at_a_time_is_found_out_once(client: OpenAI, lab: str) -> None:
    before = last(lab, "vertexai")
    answer = client.embeddings.create(model="vertexai/gemini-embedding-001", input=["one", "two", "three"])
    assert len(answer.data) == 3
    asked = [len(one["body"]["instances"]) for one in seen(lab, "vertexai", before)]
    assert asked == [3, 1, 1, 1]


# --- ways in -------------------------------------------------------------------------------------


@pytest.fixture
def account(service: Service, lab: str, request: pytest.FixtureRequest) -> Iterator[OpenAI]:
    """Who asks by a stored account of its own, whose first token was got for its verification."""
    name = request.node.name.replace("[", "-").replace("]", "")
    status, made = offered(service, lab, "vertexai", value(lab, "vertexai", email=f"{name}@p1") or {})
    assert status == 201, made
    with by(service, made["id"]) as opened:
        yield opened
    control(lab, "faults", {"vertexai": []})


def test_a_token_is_got_once_for_all_who_wait_and_kept(lab: str, account: OpenAI) -> None:
    before = last(lab, "vertexai")
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda _: account.chat.completions.create(model="vertexai/gemini-2.5-flash", messages=HELLO),
                range(16),
            )
        )
    assert len(answers) == 16
    sent = seen(lab, "vertexai", before)
    # One; and one more where the news of the new credential arrives in between and lets go of the first.
    assert len({one["headers"]["authorization"] for one in sent if one["path"] != "/token"}) <= 2
    assert sum(one["path"] == "/token" for one in sent) <= 2


def test_a_token_that_is_refused_is_got_anew_once(lab: str, account: OpenAI) -> None:
    account.chat.completions.create(model="vertexai/gemini-2.5-flash", messages=HELLO)
    control(lab, "faults", {"vertexai": [{"status": 401}]})
    before = last(lab, "vertexai")
    account.chat.completions.create(model="vertexai/gemini-2.5-flash", messages=HELLO)
    paths = [one["path"].rpartition(":")[2] for one in seen(lab, "vertexai", before)]
    assert paths == ["generateContent", "/token", "generateContent"]


def test_a_refusal_that_lasts_is_never_ours(lab: str, account: OpenAI) -> None:
    account.chat.completions.create(model="vertexai/claude-opus-5-5", messages=HELLO)
    control(lab, "faults", {"vertexai": [{"status": 401, "times": 3}]})
    with pytest.raises(openai.APIStatusError) as raised:
        account.chat.completions.create(model="vertexai/claude-opus-5-5", messages=HELLO)
    assert (raised.value.status_code, raised.value.body["code"]) == (424, "credential_rejected")


@pytest.mark.parametrize(
    "given",
    [{**VERTEX, "access_token": "ya29.token-0123456789abcdef"}, {"key": KEY}],
    ids=["an access token", "express mode"],
)
def test_other_ways_in(service: Service, lab: str, given: dict[str, str]) -> None:
    status, made = offered(service, lab, "vertexai", given)
    assert status == 201, made
    with by(service, made["id"]) as asking:
        assert asking.chat.completions.create(model="vertexai/gemini-3.8-flash", messages=HELLO).choices
    headers = seen(lab, "vertexai")[-1]["headers"]
    assert ("x-goog-api-key" in headers) is ("key" in given) is not ("authorization" in headers)


@pytest.mark.parametrize(
    ("provider", "given", "words"),
    [
        ("gemini", {"key": "invalid-key-0123456789"}, "does not know this key"),
        ("gemini", {"key": "forbidden-key-0123456789"}, "not allowed"),
        ("gemini", {"key": "noquota-key-0123456789"}, "no quota"),
        ("gemini", {"key": KEY, "api_version": "v9"}, "address or region is wrong"),
        ("vertexai", {"email": "invalid-robot@p1"}, "does not know this key"),
        ("vertexai", {"email": "forbidden-robot@p1"}, "not allowed"),
        ("vertexai", {"email": "noquota-robot@p1"}, "no quota"),
        ("vertexai", {"email": "robot@p1", "region": "nowhere-central1"}, "check the region"),
        ("vertexai", {"email": "robot@p1", "project_id": "nonexistent"}, "not allowed"),
        ("vertexai", {**VERTEX, "access_token": "invalid-token-0123456789"}, "does not know this key"),
        ("vertexai", {"key": "invalid-key-0123456789"}, "does not know this key"),
    ],
)
def test_a_credential_that_is_no_good_is_not_stored(
    service: Service, lab: str, provider: str, given: dict[str, str], words: str
) -> None:
    if "email" in given:
        rest = {name: one for name, one in given.items() if name != "email"}
        given = {**(value(lab, provider, email=given["email"]) or {}), **rest}
    status, answer = offered(service, lab, provider, given)
    assert (status, answer["error"]["code"]) == (422, "credential_invalid"), answer
    assert words in answer["error"]["message"]
    assert not any(text in json.dumps(answer) for text in given.values() if "0123" in text)


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"service_account_key": "{}", **VERTEX}, "service_account_key"),
        ({"key": KEY, **VERTEX, "region": "not a region"}, "region"),
        ({"access_token": KEY}, "project_id"),
    ],
)
def test_a_credential_that_says_too_little_is_told_what_it_lacks(
    service: Service, lab: str, given: dict[str, str], param: str
) -> None:
    status, answer = offered(service, lab, "vertexai", given)
    assert 400 <= status < 500, answer
    assert param in answer["error"]["message"]
