"""The Replicate emulator, driven by Replicate's own SDK."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import replicate
from replicate.exceptions import ModelError, ReplicateError

from lab import Answer, Fault, Lab

LLAMA = "meta/meta-llama-3-70b-instruct"
GPT = "openai/gpt-5"
THINKER = "acme/thinker"


@pytest.fixture
async def client(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[replicate.Client]:
    monkeypatch.setenv("REPLICATE_POLL_INTERVAL", "0.01")
    async with opened(lab) as made:
        yield made


@asynccontextmanager
async def opened(lab: Lab, key: str = "r8_lab") -> AsyncIterator[replicate.Client]:
    client = replicate.Client(key, base_url=lab.url("replicate", version=""))
    yield client
    await client._async_client.aclose()  # The SDK has no word for it.


async def create(client: replicate.Client, model: str = LLAMA, **more):
    return await client.models.predictions.async_create(
        model=model, **{"input": {"prompt": "Hello"}, "wait": False, **more}
    )


async def test_whose_key_it_is(client) -> None:
    assert (await client.accounts.async_current()).username == "lab"


async def test_a_run_is_held_until_the_output_is_there(client, lab: Lab) -> None:
    output = await client.async_run(LLAMA, input={"prompt": "Hello", "system_prompt": "Be brief."})
    assert "You said: Hello" in "".join(output)
    assert lab.requests[-1].headers["prefer"] == "wait"
    assert len(lab.requests) == 1


async def test_a_prediction_goes_its_way(client) -> None:
    prediction = await create(client)
    seen = [prediction.status]
    while prediction.status not in {"succeeded", "failed", "canceled"}:
        await prediction.async_reload()
        seen.append(prediction.status)
    assert seen == ["starting", "processing", "succeeded"]
    assert "Hello" in "".join(prediction.output)
    assert prediction.metrics["output_token_count"] == len(prediction.output)


async def test_a_cold_model_is_waited_for(client) -> None:
    prediction = await create(client, "meta/any-cold", wait=5)
    assert (prediction.status, prediction.output) == ("starting", None)
    await prediction.async_wait()
    assert prediction.status == "succeeded"


async def test_a_stream_says_the_whole_output_and_is_done(client) -> None:
    prediction = await create(client, input={"prompt": "one\ntwo  three"})
    events = [event async for event in prediction.async_stream()]
    text = "".join(event.data for event in events if event.event.value == "output")
    await prediction.async_reload()
    assert prediction.status == "succeeded"
    assert text == "".join(prediction.output)
    assert "one\ntwo  three" in text
    assert (events[-1].event.value, json.loads(events[-1].data)) == ("done", {})


async def test_what_is_cancelled_stays_so(client) -> None:
    prediction = await create(client, "meta/any-frozen")
    await prediction.async_cancel()
    assert prediction.status == "canceled"
    await prediction.async_reload()
    assert (prediction.status, prediction.output) == ("canceled", None)


async def test_messages_and_pictures_and_a_schema_are_inputs_where_a_model_has_them(client) -> None:
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Look!"},
    ]
    output = await client.async_run(
        GPT,
        input={"messages": turns, "image_input": ["https://example.com/a.png"], "reasoning_effort": "low"},
    )
    assert "You said: Look! (with 1 image)" in "".join(output)
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    assert json.loads("".join(await client.async_run(GPT, input={"prompt": "?", "json_schema": schema}))) == {
        "city": "Kyiv"
    }


async def test_a_community_model_is_run_by_its_version_and_thinks_aloud(client) -> None:
    model = await client.models.async_get(THINKER)
    version = model.latest_version
    assert version.openapi_schema["components"]["schemas"]["Input"]["required"] == ["prompt"]
    output = await client.async_run(f"{THINKER}:{version.id}", input={"prompt": "Hello"})
    text = "".join([piece async for piece in output])
    assert text.startswith("<think>The user wrote: Hello")
    assert "</think>" in text


async def test_a_deployment_is_run_by_its_name(client) -> None:
    deployment = await client.deployments.async_get("lab/mine")
    assert deployment.current_release.model == "lab/mine"
    prediction = await deployment.predictions.async_create(input={"prompt": "Hello"})
    await prediction.async_wait()
    assert "Hello" in "".join(prediction.output)


async def test_models_are_listed_and_collected(client) -> None:
    listed = [f"{model.owner}/{model.name}" for model in (await client.models.async_list()).results]
    collected = await client.collections.async_get("language-models")
    assert [f"{model.owner}/{model.name}" for model in collected.models] == listed == [LLAMA, GPT, THINKER]


@pytest.mark.parametrize(("held", "status"), [(True, "failed"), (False, "starting")])
async def test_a_prediction_can_fail_as_it_is_created(client, lab: Lab, held, status) -> None:
    lab.script("replicate", Answer(text="E005: flagged as sensitive", finish="failed"))
    prediction = await create(client, wait=5 if held else False)
    assert prediction.status == status
    await prediction.async_wait()
    assert (prediction.status, prediction.error) == ("failed", "E005: flagged as sensitive")
    lab.script("replicate", Answer(text="It broke", finish="failed"))
    with pytest.raises(ModelError):
        await client.async_run(LLAMA, input={"prompt": "Hello"})


async def test_a_failure_in_mid_stream_is_an_event(client, lab: Lab) -> None:
    prediction = await create(client)
    lab.fault("replicate", Fault(error_midstream=True))
    with pytest.raises(RuntimeError, match="interrupted"):
        [event async for event in prediction.async_stream()]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"input": {}}, "prompt is required"),
        ({"input": {"prompt": "a", "stray": 1}}, "Additional property stray is not allowed"),
        ({"input": {"prompt": "a", "temperature": 0}}, "greater than or equal to 0.01"),
        ({"input": {"prompt": "a", "max_tokens": "5"}}, "Expected: integer, given: str"),
        ({"model": GPT, "input": {"prompt": "a", "verbosity": "loud"}}, "one of the following"),
    ],
)
async def test_inputs_that_a_model_does_not_take(client, more, words) -> None:
    with pytest.raises(ReplicateError, match=words) as refused:
        await create(client, **more)
    assert refused.value.status == 422


@pytest.mark.parametrize(("key", "status"), [("r8_invalid", 401), ("r8_forbidden", 403), ("r8_noquota", 402)])
async def test_keys(lab: Lab, key, status) -> None:
    async with opened(lab, key) as made:
        with pytest.raises(ReplicateError) as refused:
            await create(made)
    assert refused.value.status == status


async def test_what_there_is_not(client) -> None:
    for asked in (
        client.models.async_get("meta/nonexistent"),
        client.predictions.async_get("nobody"),
        client.predictions.async_create(version="0" * 64, input={"prompt": "a"}),
    ):
        with pytest.raises(ReplicateError) as refused:
            await asked
        assert refused.value.status == 404
