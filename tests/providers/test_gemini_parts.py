"""What Gemini answers with, and what it is given."""

import base64
import json
from typing import Any

import msgspec
import pytest

from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Header
from integration_api.core.llm import (
    Bytes,
    FinishReason,
    Media,
    Message,
    Opaque,
    Role,
    Text,
    TokenLogprob,
    ToolCall,
    ToolResult,
    Url,
    only_text,
)
from tests.providers.gemini import (
    BOTH,
    OLD,
    STOP,
    ask,
    body,
    chunk,
    folded,
    notices,
    request,
    whole,
)
from tests.providers.unified import PIXEL, WEATHER, assistant, user


def call(number: int, signature: Opaque | None = None, name: str = "now") -> ToolCall:
    return ToolCall(f"call_{number}", name, "{}", signature=signature)


# --- answers -------------------------------------------------------------------------------------


def test_gotcha_5_a_call_without_arguments_has_an_empty_object() -> None:
    for made in ({"name": "now"}, {"name": "now", "args": {}}, {"name": "now", "args": None}):
        told = whole(chunk({"functionCall": made}, **STOP))
        [found] = told.candidates[0].parts
        assert found.arguments == "{}"
        assert told.candidates[0].finish.reason is FinishReason.TOOL_CALLS


def test_calls_without_ids_get_some_that_never_go_back() -> None:
    made = [{"functionCall": {"name": "now"}}, {"functionCall": {"name": "now", "args": {"a": 1}}}]
    one, other = (whole(chunk(*made, **STOP)) for _ in range(2))
    ids = [part.id for part in one.candidates[0].parts]
    assert len({*ids}) == 2
    assert ids == [part.id for part in other.candidates[0].parts], "the same whenever the same answer is read"
    streamed = folded(chunk(made[0]), chunk(made[1], **STOP))
    assert ids == [part.id for part in streamed.candidates[0].parts]
    answers = tuple(ToolResult(id, (Text("noon"),)) for id in ids)
    back = body(
        ask(user("Go"), Message(Role.ASSISTANT, one.candidates[0].parts), Message(Role.TOOL, answers))
    )
    assert '"id"' not in json.dumps(back)


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("STOP", FinishReason.STOP), ("MAX_TOKENS", FinishReason.LENGTH), ("CONTINUATION", FinishReason.LENGTH),
        *((word, FinishReason.CONTENT_FILTER) for word in (
            "SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR", "ESCALATION", "PUP_LIMITED_DISABLED")),
        ("MALFORMED_FUNCTION_CALL", FinishReason.ERROR), ("SOMETHING_NEW", FinishReason.OTHER),
        (1, FinishReason.STOP), (2, FinishReason.LENGTH), (77, FinishReason.OTHER),
    ],
)  # fmt: skip
def test_how_an_answer_ended(native, reason) -> None:
    finish = whole(chunk("Hi", finishReason=native, finishMessage="so")).candidates[0].finish
    assert (finish.reason, finish.explanation) == (reason, "so")
    assert finish.native == {1: "STOP", 2: "MAX_TOKENS"}.get(native, str(native))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("native", "again"),
    [
        ("MALFORMED_FUNCTION_CALL", True),
        ("MALFORMED_RESPONSE", True),
        ("UNEXPECTED_TOOL_CALL", False),
        ("NO_IMAGE", False),
    ],
)
def test_an_attempt_that_came_to_nothing_is_no_answer(native, again, stream) -> None:
    with pytest.raises(ProviderError) as raised:
        (folded if stream else whole)(
            chunk(finishReason=native, finishMessage="Malformed function call: now(")
        )
    assert (raised.value.kind, raised.value.code, raised.value.retryable) == (
        Kind.UPSTREAM,
        native.lower(),
        again,
    )
    assert "now(" in raised.value.message


def test_several_candidates_are_told_apart() -> None:
    def of(*pieces: tuple[int, str], **more: Any) -> dict[str, Any]:
        told = [{"content": {"parts": [{"text": text}]}, "index": index, **more} for index, text in pieces]
        return {"candidates": told, "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 3}}

    told = folded(of((0, "a"), (1, "x")), of((1, "y")), of((0, "b")), of((0, "c"), (1, "z"), **STOP))
    assert ["".join(part.text for part in one.parts) for one in told.candidates] == ["abc", "xyz"]


def test_sound_that_comes_in_pieces_is_one_sound() -> None:
    def piece(raw: bytes) -> dict[str, Any]:
        return {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": base64.b64encode(raw).decode()}}

    told = folded(chunk(piece(b"ab")), chunk(piece(b"cdef")), chunk(piece(b"g"), **STOP))
    [sound] = told.candidates[0].parts
    assert (sound.kind, base64.b64decode(sound.source.base64)) == ("audio", b"abcdefg")


def test_what_more_there_is_to_say_can_be_asked_for() -> None:
    told = whole(chunk("One", finishReason="CONTINUATION", continuationToken="dG9rZW4="))
    text, more = told.candidates[0].parts
    assert only_text(Message(Role.ASSISTANT, (text,))) == "One"
    assert more.data == {"continuationToken": "dG9rZW4="}
    sent = body(ask(user("Count"), extras={"continuation_token": "dG9rZW4="}))
    assert sent["continuationToken"] == "dG9rZW4="


# --- what goes in --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (Media(kind="image", source=Bytes(PIXEL)), {"inlineData": {"mimeType": "image/png", "data": PIXEL}}),
        (Media(kind="image", source=Url(f"data:image/webp;base64,{PIXEL}")),
         {"inlineData": {"mimeType": "image/webp", "data": PIXEL}}),
        (Media(kind="audio", source=Bytes("AAAA"), mime="audio/mp3"),
         {"inlineData": {"mimeType": "audio/mpeg", "data": "AAAA"}}),
        (Media(kind="document", source=Bytes("AAAA"), filename="a.csv"),
         {"inlineData": {"mimeType": "text/csv", "data": "AAAA"}}),
        (Media(kind="video", source=Url("https://example.com/a.mov?x=1"), options={"videoMetadata": {"fps": 1}}),
         {"fileData": {"mimeType": "video/quicktime", "fileUri": "https://example.com/a.mov?x=1"},
          "videoMetadata": {"fps": 1}}),
        (Media(kind="image", source=Bytes(PIXEL), detail="low"),
         {"inlineData": {"mimeType": "image/png", "data": PIXEL},
          "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}}),
    ],
)  # fmt: skip
def test_pictures_sounds_films_and_documents_go_in(media, part) -> None:
    assert body(ask(user(media)))["contents"] == [{"role": "user", "parts": [part]}]


def test_a_tools_picture_stands_in_its_result_or_behind_it() -> None:
    picture = Media(kind="image", source=Bytes(PIXEL), mime="image/png")
    asked = ask(
        user("Go"), assistant(call(1)), Message(Role.TOOL, (ToolResult("call_1", (Text("See"), picture)),))
    )
    held = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
    [result] = body(asked)["contents"][2]["parts"]
    assert result["functionResponse"]["parts"] == [held]
    older = msgspec.structs.replace(asked, model=OLD)
    assert body(older)["contents"][3]["parts"] == [{"text": "Shown by the tool now:"}, held]


@BOTH
def test_a_cached_content_has_instructions_and_tools_of_its_own(host) -> None:
    system = Message(Role.SYSTEM, (Text("Be brief."),))
    asked = ask(system, user("Hi"), tools=(WEATHER,), extras={"cached_content": "cachedContents/c1"})
    sent = body(asked, host)
    assert sent.keys() & {"systemInstruction", "tools", "toolConfig"} == set()
    assert sent["cachedContent"].endswith("cachedContents/c1")
    assert {notice.param for notice in notices(asked, host)} == {"systemInstruction", "tools", "toolConfig"}


def test_options_in_either_spelling_are_laid_over_ours() -> None:
    asked = ask(
        model=OLD,
        max_output_tokens=100,
        extras={
            "generation_config": {"response_modalities": ["TEXT"], "maxOutputTokens": 50},
            "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
        },
    )
    sent = body(asked)
    assert sent["generationConfig"] == {"maxOutputTokens": 50, "responseModalities": ["TEXT"]}
    assert sent["safetySettings"][0]["threshold"] == "OFF"


def test_a_key_is_in_a_header_and_never_in_an_address() -> None:
    made = request(ask())
    assert made.auth == Header("x-goog-api-key")
    assert made.url == (
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse"
    )
    assert request(ask(model="models/x y")).url.endswith("/models/x%20y:streamGenerateContent?alt=sse")


def test_probabilities_are_told_where_they_are() -> None:
    found = whole(
        chunk(
            "Hi",
            logprobsResult={
                "chosenCandidates": [{"token": "Hi", "logProbability": -0.1}],
                "topCandidates": [{"candidates": [{"token": "Ho", "logProbability": -2.0}]}],
            },
            **STOP,
        ),
        host="vertexai",
    )
    assert found.candidates[0].logprobs == (
        TokenLogprob("Hi", -0.1, (72, 105), (TokenLogprob("Ho", -2.0, (72, 111)),)),
    )
