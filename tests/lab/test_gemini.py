"""The Gemini emulator, driven by Google's own SDK."""

import base64
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from google import genai
from google.genai import errors, types
from google.genai.types import FinishReason

from lab import Answer, Fault, Lab, ScriptedCall
from tests.lab.google import TOOLS, WEATHER, config, parts_of, refused, sdk, text, told, turn

NEW, OLD = "gemini-3-flash-preview", "gemini-2.5-flash"
PIXEL = base64.b64decode("iVBORw0KGgo=")


@pytest.fixture
async def google(lab: Lab) -> AsyncIterator[genai.client.AsyncClient]:
    async with sdk(lab, "gemini", "v1beta", api_key="lab-key") as client:
        yield client


# --- chat --------------------------------------------------------------------------------------


async def test_a_chat_quotes_the_user_and_counts(google) -> None:
    answer = await google.models.generate_content(model=OLD, contents="Привіт, світе")
    assert "Привіт, світе" in answer.text
    assert answer.candidates[0].finish_reason is FinishReason.STOP
    usage = answer.usage_metadata
    assert usage.total_token_count == (
        usage.prompt_token_count + usage.candidates_token_count + usage.thoughts_token_count
    )
    assert answer.response_id
    assert answer.model_version == OLD


@pytest.mark.parametrize("model", [NEW, OLD])
async def test_a_stream_folds_to_the_whole_answer(google, model) -> None:
    asked = {
        "model": model,
        "contents": "Count to three, please",
        "config": config(thinking_config=types.ThinkingConfig(include_thoughts=True)),
    }
    whole = await google.models.generate_content(**asked)
    chunks = await told(google, **asked)
    parts = parts_of(chunks)
    assert "".join(part.text for part in parts if not part.thought) == whole.text
    thoughts = "".join(part.text for part in parts if part.thought)
    assert thoughts == "".join(part.text for part in whole.candidates[0].content.parts if part.thought)
    assert thoughts
    assert chunks[-1].usage_metadata == whole.usage_metadata
    assert [chunk.candidates[0].finish_reason for chunk in chunks if chunk.candidates[0].finish_reason] == [
        FinishReason.STOP
    ]
    signatures = [part.thought_signature for part in parts if part.thought_signature]
    assert len(signatures) == (model == NEW), "the last part of a stream is signed, though it says nothing"
    assert (parts[-1].text, bool(parts[-1].thought_signature)) == ("", model == NEW)


async def test_events_end_in_crlf_and_without_alt_they_are_one_array(lab: Lab) -> None:
    asked = {"contents": [{"role": "user", "parts": [{"text": "Hello there"}]}]}
    url = f"{lab.url('gemini', version='')}/v1beta/models/{OLD}:streamGenerateContent"
    async with httpx.AsyncClient(headers={"x-goog-api-key": "k"}, timeout=60) as http:
        events = (await http.post(url, json=asked, params={"alt": "sse"})).text
        array = (await http.post(url, json=asked)).json()
    assert events.endswith("}\r\n\r\n")
    assert [json.loads(one[6:]) for one in events.split("\r\n\r\n") if one] == array


async def test_both_spellings_are_read_and_strangers_are_not(lab: Lab) -> None:
    url = f"{lab.url('gemini', version='')}/v1beta/models/{OLD}:generateContent"
    asked = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    async with httpx.AsyncClient(headers={"x-goog-api-key": "k"}, timeout=60) as http:
        good = await http.post(url, json={**asked, "generation_config": {"max_output_tokens": 400}})
        bad = await http.post(url, json={**asked, "generationConfig": {"max_tokens": 400}})
        wrong = await http.post(url, json={**asked, "generationConfig": {"seed": 2**31}})
    assert good.status_code == 200
    assert bad.json()["error"]["message"] == (
        "Invalid JSON payload received. Unknown name \"max_tokens\" at 'generation_config': Cannot find field."
    )
    assert "TYPE_INT32" in wrong.json()["error"]["message"]


async def test_a_blocked_prompt_has_no_candidates(google) -> None:
    asked = {"model": NEW, "contents": "A jailbreak, please"}
    whole = await google.models.generate_content(**asked)
    assert whole.candidates is None
    assert whole.prompt_feedback.block_reason is types.BlockedReason.PROHIBITED_CONTENT
    [chunk] = await told(google, **asked)
    assert (chunk.candidates, chunk.prompt_feedback) == (None, whole.prompt_feedback)


async def test_several_candidates(google) -> None:
    asked = {"model": OLD, "contents": "Hello", "config": config(candidate_count=2)}
    whole = await google.models.generate_content(**asked)
    assert [one.index for one in whole.candidates] == [0, 1]
    chunks = await told(google, **asked)
    assert {one.index for chunk in chunks for one in chunk.candidates} == {0, 1}
    with refused(400, "Multiple candidates is not enabled"):
        await google.models.generate_content(model=NEW, contents="Hello", config=config(candidate_count=2))


async def test_budgets_and_stops(google) -> None:
    cut = await google.models.generate_content(
        model="gemini-2.0-flash", contents="hello", config=config(max_output_tokens=2)
    )
    assert cut.candidates[0].finish_reason is FinishReason.MAX_TOKENS
    spent = await google.models.generate_content(model=OLD, contents="hi", config=config(max_output_tokens=2))
    assert not spent.text, "thoughts are part of the budget"
    stopped = await google.models.generate_content(
        model="gemini-2.0-flash", contents="hello", config=config(stop_sequences=["lab"])
    )
    assert "lab" not in stopped.text


async def test_a_schema_is_answered_by_an_instance(google) -> None:
    schema = WEATHER.parameters_json_schema
    for more in ({"response_json_schema": schema}, {"response_schema": schema}):
        answer = await google.models.generate_content(
            model=NEW, contents="JSON", config=config(response_mime_type="application/json", **more)
        )
        assert json.loads(answer.text) == {"city": "Kyiv", "days": 7}


async def test_media_go_in(google) -> None:
    parts = [
        text("What?"),
        types.Part.from_bytes(data=PIXEL, mime_type="image/png"),
        types.Part.from_bytes(data=b"RIFF", mime_type="audio/wav"),
        types.Part.from_uri(file_uri="https://example.com/a.pdf", mime_type="application/pdf"),
    ]
    answer = await google.models.generate_content(model=NEW, contents=turn(*parts))
    assert "1 image and 1 document and 1 recording" in answer.text


async def test_pictures_and_sounds_come_out(google) -> None:
    drawn = await google.models.generate_content(
        model="gemini-2.5-flash-image", contents="A cat", config=config(response_modalities=["TEXT", "IMAGE"])
    )
    assert drawn.candidates[0].content.parts[-1].inline_data.mime_type == "image/png"
    asked = {
        "model": "gemini-2.5-flash-preview-tts",
        "contents": "Say hello",
        "config": config(response_modalities=["AUDIO"]),
    }
    whole = await google.models.generate_content(**asked)
    sound = whole.candidates[0].content.parts[0].inline_data.data
    chunks = await told(google, **asked)
    assert b"".join(part.inline_data.data for part in parts_of(chunks) if part.inline_data) == sound
    with refused(400, "only supports text output"):
        await google.models.generate_content(
            model=OLD, contents="A cat", config=config(response_modalities=["IMAGE"])
        )


async def test_a_search_is_grounded_in_bytes(google) -> None:
    search = config(tools=[types.Tool(google_search=types.GoogleSearch())])
    answer = await google.models.generate_content(model=NEW, contents="Київ?", config=search)
    found = answer.candidates[0].grounding_metadata
    segment = found.grounding_supports[0].segment
    said = answer.text.encode()
    assert said[segment.start_index or 0 : segment.end_index].decode() == segment.text
    assert found.grounding_chunks[0].web.uri


async def test_code_is_run(google) -> None:
    run = config(tools=[types.Tool(code_execution=types.ToolCodeExecution())])
    answer = await google.models.generate_content(model=NEW, contents="6 * 7?", config=run)
    assert answer.executable_code == "print(6 * 7)\n"
    assert answer.code_execution_result == "42\n"


# --- tools ---------------------------------------------------------------------------------------


async def test_a_tool_loop_needs_its_signature(google) -> None:
    asked = [turn(text("Use a tool"))]
    first = await google.models.generate_content(model=NEW, contents=asked, config=config(tools=TOOLS))
    assert [call.name for call in first.function_calls] == ["get_weather", "now"]
    assert first.function_calls[0].args == {"city": "Kyiv", "days": 7}
    assert first.function_calls[1].args is None
    assert first.candidates[0].finish_reason is FinishReason.STOP
    called = first.candidates[0].content
    signed = [part for part in called.parts if part.thought_signature]
    assert [part.function_call.name for part in signed] == ["get_weather"], "the first of parallel calls only"
    answers = turn(
        *(
            types.Part(
                function_response=types.FunctionResponse(id=one.id, name=one.name, response={"output": "12C"})
            )
            for one in first.function_calls
        )
    )
    again = await google.models.generate_content(
        model=NEW, contents=[*asked, called, answers], config=config(tools=TOOLS)
    )
    assert "12C" in again.text
    signature = signed[0].thought_signature
    for good in (b"skip_thought_signature_validator", signature):
        signed[0].thought_signature = good
        await google.models.generate_content(
            model=NEW, contents=[*asked, called, answers], config=config(tools=TOOLS)
        )
    for bad, words in ((None, "missing a thought_signature"), (b"made up", "not valid")):
        signed[0].thought_signature = bad
        with refused(400, words):
            await google.models.generate_content(
                model=NEW, contents=[*asked, called, answers], config=config(tools=TOOLS)
            )
        history = [*asked, called, answers, turn(text("ok"), role="model"), turn(text("And?"))]
        if bad is None:  # What was called before the user spoke again is not checked.
            await google.models.generate_content(model=NEW, contents=history, config=config(tools=TOOLS))


async def test_calls_are_streamed_whole(google) -> None:
    asked = {"contents": "Use a tool", "config": config(tools=TOOLS)}
    for model, named in ((NEW, True), (OLD, False)):
        chunks = await told(google, model=model, **asked)
        calls = [part.function_call for part in parts_of(chunks) if part.function_call]
        assert [(call.name, call.args) for call in calls] == [
            ("get_weather", {"city": "Kyiv", "days": 7}),
            ("now", None),
        ]
        assert [bool(call.id) for call in calls] == [named, named]


@pytest.mark.parametrize(
    ("mode", "names", "calls"),
    [("AUTO", None, 0), ("ANY", None, 2), ("ANY", ["now"], 1), ("NONE", None, 0), ("VALIDATED", ["now"], 0)],
)
async def test_tool_choice_is_obeyed(google, mode, names, calls) -> None:
    calling = types.FunctionCallingConfig(mode=mode, allowed_function_names=names)
    answer = await google.models.generate_content(
        model=NEW,
        contents="hello",
        config=config(tools=TOOLS, tool_config=types.ToolConfig(function_calling_config=calling)),
    )
    assert len(answer.function_calls or ()) == calls


def answering(
    *results: types.FunctionResponse, called: tuple[str, ...] = ("now",), **more
) -> list[types.Content]:
    calls = [types.Part(function_call=types.FunctionCall(name=name, args={})) for name in called]
    return [
        turn(text("Go")),
        turn(*calls, role="model"),
        turn(*(types.Part(function_response=result) for result in results)),
    ]


RESULT = types.FunctionResponse(name="now", response={"output": "noon"})
REFUSED = {
    "no role": ([turn(text("Hi"), role="assistant")], {}, "valid role"),
    "no parts": ([turn()], {}, "parts must not be empty"),
    "the model last": ([turn(text("Hi")), turn(text("One,"), role="model")], {}, "end with a user role"),
    "an empty part": ([turn(types.Part())], {}, "required oneof field"),
    "no answer": ([*answering()[:2], turn(text("And?"))], {}, "equal to the number"),
    "an answer too many": (answering(RESULT, RESULT), {}, "equal to the number"),
    "an answer to another": (
        answering(types.FunctionResponse(name="later", response={})), {}, "match the names"),
    "a nameless answer": (answering(types.FunctionResponse(response={})), {}, "Name cannot be empty"),
    "an answer of nothing": (answering(types.FunctionResponse(name="now")), {}, "must be set"),
    "an id for an old model": (
        answering(types.FunctionResponse(id="c1", name="now", response={})), {}, 'Unknown name "id"'),
    "a picture in an answer": (
        answering(types.FunctionResponse(name="now", response={}, parts=[types.FunctionResponsePart(
            inline_data=types.FunctionResponseBlob(mime_type="image/png", data=PIXEL))])), {}, "Multimodal"),
    "functions beside a search": (
        "Hi", {"tools": [*TOOLS, types.Tool(google_search=types.GoogleSearch())]}, "unsupported"),
    "JSON beside functions": ("Hi", {"tools": TOOLS, "response_mime_type": "application/json"}, "unsupported"),
    "a name": ("Hi", {"tools": [types.Tool(function_declarations=[types.FunctionDeclaration(name="über")])]},
               "Invalid function name"),
    "no properties": ("Hi", {"tools": [types.Tool(function_declarations=[types.FunctionDeclaration(
        name="now", parameters=types.Schema(type="OBJECT"))])]}, "should be non-empty"),
    "numbers to choose from": ("Hi", {"response_mime_type": "application/json", "response_schema": types.Schema(
        type="INTEGER", enum=["1"])}, "only allowed for STRING"),
    "a schema without its type": ("Hi", {"response_json_schema": {"type": "object"}}, "requires a response mime"),
    "too hot": ("Hi", {"temperature": 2.1}, "must be in the range"),
    "six stops": ("Hi", {"stop_sequences": list("abcdef")}, "stop sequences"),
    "levels before their time": (
        "Hi", {"thinking_config": types.ThinkingConfig(thinking_level="LOW")}, "Thinking level LOW"),
    "two measures": ("Hi", {"thinking_config": types.ThinkingConfig(thinking_level="LOW", thinking_budget=600)},
                     "only one of"),
    "a budget beyond": ("Hi", {"thinking_config": types.ThinkingConfig(thinking_budget=32_768)}, "between 1 and"),
    "log probabilities": ("Hi", {"response_logprobs": True}, "Logprobs is not enabled"),
    "instructions beside a cache": (
        "Hi", {"cached_content": "cachedContents/c1", "system_instruction": "Be brief"}, "can not be used with"),
    "an unknown function": ("Hi", {"tools": TOOLS, "tool_config": types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(mode="ANY", allowed_function_names=["other"]))}, "unknown"),
    "names without a mode": ("Hi", {"tools": TOOLS, "tool_config": types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(mode="AUTO", allowed_function_names=["now"]))}, "not ANY"),
}  # fmt: skip


@pytest.mark.parametrize(("contents", "more", "words"), REFUSED.values(), ids=REFUSED)
async def test_what_gemini_refuses(google, contents, more, words) -> None:
    with refused(400, words):
        await google.models.generate_content(model=OLD, contents=contents, config=config(**more))


@pytest.mark.parametrize(
    ("model", "more", "words"),
    [
        ("gemini-4-hydrogen", {"temperature": 0.5}, "temperature is not supported"),
        ("gemini-3-flash-preview", {"frequency_penalty": 0.5}, "Penalty is not enabled"),
        ("gemini-3-pro-preview", {"thinking_config": types.ThinkingConfig(thinking_level="MINIMAL")}, "MINIMAL"),
        ("gemini-3.8-flash", {"thinking_config": types.ThinkingConfig(thinking_level="XHIGH")}, "XHIGH"),
        ("gemini-2.5-pro", {"thinking_config": types.ThinkingConfig(thinking_budget=0)}, "only works in thinking"),
        ("gemini-2.5-flash-lite", {"thinking_config": types.ThinkingConfig(thinking_budget=100)}, "between 512"),
        ("gemini-2.0-flash", {"thinking_config": types.ThinkingConfig(include_thoughts=True)}, "not enabled"),
        ("gemma-3-27b-it", {"system_instruction": "Be brief"}, "Developer instruction"),
        ("gemma-3-27b-it", {"tools": TOOLS}, "Function calling is not enabled"),
        ("gemma-3-27b-it", {"response_mime_type": "application/json"}, "JSON mode is not enabled"),
    ],
)  # fmt: skip
async def test_what_some_models_refuse(google, model, more, words) -> None:
    with refused(400, words):
        await google.models.generate_content(model=model, contents="Hi", config=config(**more))


# --- everything else -----------------------------------------------------------------------------


async def test_tokens_are_counted(google) -> None:
    counted = await google.models.count_tokens(model=NEW, contents="Hello there")
    answer = await google.models.generate_content(model=NEW, contents="Hello there")
    assert counted.total_tokens == answer.usage_metadata.prompt_token_count


async def test_vectors(google) -> None:
    asked = {"model": "gemini-embedding-001", "contents": ["a cat sat", "a dog ran"]}
    whole = (await google.models.embed_content(**asked)).embeddings
    short = (
        await google.models.embed_content(**asked, config=types.EmbedContentConfig(output_dimensionality=256))
    ).embeddings
    assert [len(one.values) for one in (*whole, *short)] == [3072, 3072, 256, 256]
    assert sum(value**2 for value in whole[0].values) == pytest.approx(1, abs=1e-3)
    assert sum(value**2 for value in short[0].values) < 0.5, "a vector that was cut is not of length 1"
    newer = await google.models.embed_content(
        model="gemini-embedding-2",
        contents=turn(types.Part.from_bytes(data=PIXEL, mime_type="image/png")),
        config=types.EmbedContentConfig(output_dimensionality=256),
    )
    assert sum(value**2 for value in newer.embeddings[0].values) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"contents": ["a"] * 101}, "at most 100"),
        ({"contents": ["a"], "config": {"output_dimensionality": 4000}}, "between 1 and"),
        ({"contents": ["a"], "config": {"title": "t", "task_type": "RETRIEVAL_QUERY"}}, "RETRIEVAL_DOCUMENT"),
        ({"contents": ["a"], "config": {"task_type": "SOMETHING"}}, "task_type"),
        ({"contents": [""]}, "not specified or empty"),
    ],
    ids=str,
)
async def test_vectors_gemini_refuses(google, asked, words) -> None:
    with refused(400, words):
        await google.models.embed_content(model="gemini-embedding-001", **asked)


async def test_models_come_in_pages(google) -> None:
    names = [model.name async for model in await google.models.list(config={"page_size": 3})]
    assert f"models/{NEW}" in names
    assert len(names) == len(set(names)) > 3
    one = await google.models.get(model=NEW)
    assert one.input_token_limit == 1_048_576
    with refused(404, "is not found for API version v1beta"):
        await google.models.generate_content(model="gemini-9", contents="Hi")


@pytest.mark.parametrize(
    ("key", "status", "reason"),
    [("invalid", 400, "API_KEY_INVALID"), ("forbidden", 403, "SERVICE_DISABLED"), ("noquota", 429, "PerDay")],
)
async def test_keys(lab, key, status, reason) -> None:
    async with sdk(lab, "gemini", "v1beta", api_key=key) as client:
        with pytest.raises(errors.APIError) as raised:
            await client.models.generate_content(model=NEW, contents="Hi")
    assert raised.value.code == status
    assert reason in str(raised.value.details)


async def test_answers_can_be_scripted(google, lab: Lab) -> None:
    lab.script(
        "gemini",
        Answer(tool_calls=[ScriptedCall(name="now", arguments={"zone": "EET"})]),
        Answer(text=["On", "e"], usage={"cachedContentTokenCount": 3}),
        Answer(refusal="No."),
        Answer(tool_calls=[ScriptedCall(name="now", arguments='{"zone": ')]),
    )
    asked = {"model": NEW, "contents": "hi", "config": config(tools=TOOLS)}
    assert (await google.models.generate_content(**asked)).function_calls[0].args == {"zone": "EET"}
    said = await google.models.generate_content(**asked)
    assert (said.text, said.usage_metadata.cached_content_token_count) == ("One", 3)
    assert (await google.models.generate_content(**asked)).candidates[0].finish_reason is FinishReason.SAFETY
    broken = (await google.models.generate_content(**asked)).candidates[0]
    assert broken.finish_reason is FinishReason.MALFORMED_FUNCTION_CALL


async def test_a_failure_in_mid_stream_is_an_event(google, lab: Lab) -> None:
    lab.fault("gemini", Fault(error_midstream=True))
    with refused(503, "overloaded"):
        await told(google, model=OLD, contents="hi there, all of you")


async def test_a_refusal_says_when_to_come_back(google, lab: Lab) -> None:
    lab.fault("gemini", Fault(status=429))
    with pytest.raises(errors.ClientError) as raised:
        await google.models.generate_content(model=NEW, contents="Hi")
    assert raised.value.details["error"]["details"][-1]["retryDelay"] == "0.25s"
