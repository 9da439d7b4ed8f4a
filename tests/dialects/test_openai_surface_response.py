"""What the openai SDK makes of our answers, whole and streamed, is the answer itself."""

import json

import httpx2 as httpx
import msgspec
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from integration_api.core.llm import (
    Annotated,
    ArgumentsDelta,
    Bytes,
    Candidate,
    Citation,
    CitationDelta,
    Ended,
    FileRef,
    Finish,
    Finished,
    FinishReason,
    LlmResponse,
    LogprobDelta,
    Media,
    MediaDelta,
    Native,
    Notice,
    Noticed,
    Opaque,
    Origin,
    PartEnded,
    PartStarted,
    Ping,
    Reasoning,
    ReasoningDelta,
    RefusalDelta,
    RefusalText,
    ServerToolCall,
    SignatureDelta,
    Started,
    Text,
    TextDelta,
    TokenLogprob,
    ToolCall,
    Usage,
    UsageUpdate,
)
from integration_api.core.llm_fold import LlmFold
from integration_api.dialects.openai_surface_request import read_chat
from integration_api.dialects.openai_surface_response import DONE, ChatStream, render_chat

CLAUDE = Origin("anthropic", "claude", "claude-x", 1 << 60)
GEMINI = Origin("vertexai", "gemini")
SIGNED = Opaque("c2ln", "anthropic-claude-v1", CLAUDE)
THOUGHT = Opaque("dGhvdWdodA==", "google-gemini-v1", GEMINI)
SEALED = Opaque("c2VhbGVk", "openai-responses-v1", Origin("openai", "gpt"))


def chunks_of(rendered):
    """Split rendered bytes into their JSON objects; comments stay as text."""
    assert rendered == b"" or rendered.endswith(b"\n\n")
    found = []
    for block in rendered.decode().split("\n\n")[:-1]:
        if block.startswith("data: "):
            found.append(json.loads(block.removeprefix("data: ")))
        else:
            assert block.startswith(":")
            found.append(block)
    return found


def rendered(events, **options):
    stream = ChatStream(**options)
    return b"".join(stream.render([event]) for event in events) + stream.close()


def deltas(events, **options):
    return [c["choices"][0]["delta"] for c in chunks_of(rendered(events, **options)) if c["choices"]]


def wrapped(*events, finish=FinishReason.STOP):
    return [Started("msg_1", "claude-x", 1_795_000_000), *events, Finished(0, Finish(finish, "end")), Ended()]


def accumulated(body):
    """What the SDK's stream helper has in hand at the end."""

    def answer(_):
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body + DONE)

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        client = openai.OpenAI(api_key="k", base_url="http://test/v1", http_client=http)
        with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as stream:
            for _ in stream:
                pass
            return stream.current_completion_snapshot


def read_back(message):
    """Send the SDK's own message object back as history."""
    said = json.dumps({"model": "m", "messages": [message.model_dump(exclude_none=True)]}).encode()
    (turn,) = read_chat(said).request.messages
    return turn.parts


def fold(events):
    folded = LlmFold()
    for event in events:
        folded.feed(event)
    return folded.close()


# --- the rules of a stream -----------------------------------------------------------------------


def test_a_plain_stream_word_for_word():
    body = rendered(
        [
            Started("msg_1", "m", 7),
            PartStarted(0, 0, Text("")),
            TextDelta(0, 0, 'Hi "é\n'),
            PartEnded(0, 0),
            Finished(0, Finish(FinishReason.STOP, "end_turn")),
            Ended(),
        ]
    )
    head = (
        b'data: {"id":"msg_1","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,'
    )
    assert body == (
        head
        + b'"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
        + head
        + '"delta":{"content":"Hi \\"é\\n"},"finish_reason":null}]}\n\n'.encode()
        + head
        + b'"delta":{},"finish_reason":"stop","native_finish_reason":"end_turn"}]}\n\n'
    )


def test_usage_comes_last_and_only_when_asked():
    events = wrapped(
        PartStarted(0, 0, Text("")),
        TextDelta(0, 0, "x"),
        UsageUpdate(Usage(input_total=3, output_total=1)),
        UsageUpdate(Usage(input_total=10, cache_read=4, output_total=5, reasoning=2)),
    )
    assert all("usage" not in chunk for chunk in chunks_of(rendered(events)))
    *earlier, last = chunks_of(rendered(events, include_usage=True))
    assert all(chunk["usage"] is None and chunk["choices"] for chunk in earlier)
    assert last["choices"] == []
    assert last["usage"]["total_tokens"] == 15
    assert last["usage"]["prompt_tokens_details"]["cached_tokens"] == 4
    assert last["usage"]["completion_tokens_details"]["reasoning_tokens"] == 2


def test_moderation_follows_usage():
    events = wrapped(Annotated(moderation={"input": {}}))
    *_, usage, moderation = chunks_of(rendered(events, include_usage=True))
    assert usage["usage"] is not None
    assert (moderation["choices"], moderation["usage"], moderation["moderation"]) == ([], None, {"input": {}})


def test_all_chunks_share_their_frame_and_say_the_role_once_a_choice():
    events = [
        Started("id", "m", 5, "flex", "fp"),
        PartStarted(0, 0, Text("")),
        PartStarted(1, 0, Text("")),
        TextDelta(1, 0, "b"),
        TextDelta(0, 0, "a"),
        Finished(1, Finish(FinishReason.LENGTH)),
        Finished(0, Finish(FinishReason.STOP)),
        Ended(),
    ]
    chunks = chunks_of(rendered(events, provider="anthropic"))
    frames = [{k: v for k, v in chunk.items() if k != "choices"} for chunk in chunks]
    assert all(frame == frames[0] for frame in frames)
    assert (frames[0]["service_tier"], frames[0]["provider"]) == ("flex", "anthropic")
    roles = [c["choices"][0]["index"] for c in chunks if "role" in c["choices"][0]["delta"]]
    assert roles == [0, 1]
    ends = [c["choices"][0]["finish_reason"] for c in chunks if c["choices"][0]["finish_reason"]]
    assert ends == ["length", "stop"]


def test_strange_service_tiers_are_left_out():
    assert all(
        "service_tier" not in c for c in chunks_of(rendered([Started("i", "m", 0, "standard"), Ended()]))
    )


def test_a_call_is_named_once_and_then_only_argued():
    said = deltas(
        wrapped(
            PartStarted(0, 0, ToolCall("a", "f", "")),
            ArgumentsDelta(0, 0, '{"x"'),
            ArgumentsDelta(0, 0, ":1}"),
            PartEnded(0, 0),
        )
    )
    assert said[1:-1] == [
        {
            "tool_calls": [
                {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"x"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
    ]


def test_interleaved_calls_are_told_one_after_another():
    said = deltas(
        wrapped(
            PartStarted(0, 0, ToolCall("a", "f", "")),
            PartStarted(0, 1, ToolCall("b", "g", "")),
            PartStarted(0, 2, ToolCall("c", "h", "")),
            ArgumentsDelta(0, 1, "{1"),
            ArgumentsDelta(0, 0, "{0"),
            ArgumentsDelta(0, 2, "{2}"),
            PartEnded(0, 2),
            ArgumentsDelta(0, 1, "}"),
            ArgumentsDelta(0, 0, "}"),
            PartEnded(0, 1),
            PartEnded(0, 0),
            finish=FinishReason.TOOL_CALLS,
        )
    )
    calls = [delta["tool_calls"][0] for delta in said if "tool_calls" in delta]
    order = [call["index"] for call in calls]
    assert order == sorted(order)
    assert [call["id"] for call in calls if "id" in call] == ["a", "b", "c"]
    for index, arguments in enumerate(["{0}", "{1}", "{2}"]):
        assert "".join(c["function"]["arguments"] for c in calls if c["index"] == index) == arguments


def test_calls_still_open_at_the_end_are_told_before_it():
    chunks = chunks_of(
        rendered(
            wrapped(
                PartStarted(0, 0, ToolCall("a", "f", "")),
                PartStarted(0, 1, ToolCall("b", "g", "")),
                ArgumentsDelta(0, 1, "{}"),
            )
        )
    )
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert sum("id" in c["choices"][0]["delta"].get("tool_calls", [{}])[0] for c in chunks) == 2


def test_a_call_without_arguments_says_so_and_one_without_an_id_gets_one():
    said = deltas(wrapped(PartStarted(0, 0, ToolCall("", "f", "")), PartEnded(0, 0)))
    (begin, arguments) = [delta["tool_calls"][0] for delta in said if "tool_calls" in delta]
    assert begin["id"] == "call_0_msg_1"
    assert arguments["function"]["arguments"] == "{}"


def test_what_only_the_whole_part_says_is_still_told():
    events = wrapped(
        PartStarted(0, 0, Reasoning()),
        PartEnded(0, 0, Reasoning("why", signature=SIGNED)),
        PartStarted(0, 1, Text("")),
        TextDelta(0, 1, "hel"),
        PartEnded(0, 1, Text("hello", (Citation(kind="url", start=1, end=2, url="https://a", title="t"),))),
        PartStarted(0, 2, ToolCall("a", "f", "")),
        ArgumentsDelta(0, 2, '{"x"'),
        PartEnded(0, 2, ToolCall("a", "f", '{"x":1}', signature=THOUGHT)),
        PartStarted(0, 3, RefusalText("")),
        PartEnded(0, 3, RefusalText("no")),
    )
    message = accumulated(rendered(events)).choices[0].message
    assert message.content == "hello"
    assert message.refusal == "no"
    assert message.tool_calls[0].function.arguments == '{"x":1}'
    assert read_back(message) == (
        Reasoning("why", signature=SIGNED),
        Text("hello", (Citation(kind="url", start=1, end=2, url="https://a", title="t"),)),
        RefusalText("no"),
        ToolCall("a", "f", '{"x":1}', signature=THOUGHT),
    )


def test_a_signature_without_text_is_a_delta_of_its_own():
    said = deltas(
        wrapped(
            PartStarted(0, 0, Reasoning()),
            ReasoningDelta(0, 0, "so"),
            SignatureDelta(0, 0, SIGNED),
            PartEnded(0, 0),
        )
    )
    assert said[1] == {"reasoning_content": "so"}
    (detail,) = said[2]["reasoning_details"]
    assert (detail["type"], detail["index"], detail["signature"]) == ("reasoning.text", 0, SIGNED.data)
    assert "text" not in detail


def test_citations_count_from_the_beginning_of_the_message():
    cited = CitationDelta(0, 1, Citation(kind="char", start=0, end=2, source_id="doc", cited_text="x"))
    said = deltas(
        wrapped(
            PartStarted(0, 0, Text("")),
            TextDelta(0, 0, "héllo"),
            PartEnded(0, 0),
            PartStarted(0, 1, Text("")),
            TextDelta(0, 1, "ok"),
            cited,
            PartEnded(0, 1),
        )
    )
    (annotations,) = [delta["annotations"] for delta in said if "annotations" in delta]
    assert annotations[0]["url_citation"] == {"start_index": 5, "end_index": 7, "title": "", "url": ""}
    assert annotations[0]["citation"] == {"kind": "char", "source_id": "doc", "cited_text": "x"}


def test_log_probabilities():
    token = TokenLogprob("a", -0.5, (97,), (TokenLogprob("b", -1.5),))
    snapshot = accumulated(
        rendered(wrapped(PartStarted(0, 0, Text("")), TextDelta(0, 0, "a"), LogprobDelta(0, (token,))))
    )
    (said,) = snapshot.choices[0].logprobs.content
    assert (said.token, said.logprob, said.bytes, said.top_logprobs[0].token) == ("a", -0.5, [97], "b")


def test_audio_arrives_in_pieces():
    events = wrapped(
        PartStarted(0, 0, Media(kind="audio", source=Bytes(""), mime="audio/wav")),
        MediaDelta(0, 0, "", "Hel", "audio_1"),
        MediaDelta(0, 0, "QUFB", "lo", "audio_1"),
        MediaDelta(0, 0, "QUJC"),
        PartEnded(0, 0),
    )
    audio = [delta["audio"] for delta in deltas(events) if "audio" in delta]
    assert [piece.get("id") for piece in audio] == ["audio_1", None, None]
    assert "".join(piece.get("data", "") for piece in audio) == "QUFBQUJC"
    assert "".join(piece.get("transcript", "") for piece in audio) == "Hello"
    whole = render_chat(fold(events))
    assert json.loads(whole)["choices"][0]["message"]["audio"] == {
        "id": "audio_1",
        "data": "QUFBQUJC",
        "expires_at": 0,
        "transcript": "Hello",
    }


def test_pings_are_comments_and_warnings_are_told():
    stream = ChatStream()
    assert stream.render([Ping()]) == b": ping\n\n"
    events = wrapped(Noticed(Notice("dropped", "seed", "not here")))
    assert chunks_of(rendered(events))[-1]["warnings"] == [
        {"code": "dropped", "param": "seed", "message": "not here"}
    ]


@pytest.mark.parametrize("reason", list(FinishReason))
def test_finish_reasons_are_words_clients_know(reason):
    events = wrapped(finish=reason)
    ChatCompletionChunk.model_validate(chunks_of(rendered(events))[-1], strict=True)
    answer = LlmResponse(id="x", model="m", candidates=(Candidate(finish=Finish(reason)),))
    ChatCompletion.model_validate_json(render_chat(answer), strict=True)


def test_nothing_is_said_twice_at_the_end():
    stream = ChatStream(include_usage=True)
    assert stream.render(wrapped())
    assert stream.close() == b""


# --- the law: stream, fold, whole and history agree ------------------------------------------------

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
places = st.integers(0, 5)
citations = st.builds(
    Citation,
    kind=st.sampled_from(["url", "char", "document"]),
    start=st.just(0),
    end=places,
    url=st.none() | st.just("https://example.com"),
    title=st.none() | words,
    cited_text=st.none() | words,
)
thoughts = st.one_of(
    st.builds(Reasoning, words, signature=st.none() | st.just(SIGNED)),
    st.builds(Reasoning, st.just(""), signature=st.just(SIGNED)),
    st.builds(Reasoning, words, st.just("summary"), encrypted=st.just(SEALED), id=st.just("rs_1")),
    st.builds(Reasoning, words, st.just("plan")),
    st.just(Reasoning("", encrypted=SIGNED, redacted=True)),
)
extras = st.one_of(
    st.just(ServerToolCall("srv_1", "web_search", '{"q":1}', {"type": "x"}, CLAUDE)),
    st.just(Native("compaction", {"a": [1]}, CLAUDE)),
)
texts = st.one_of(
    st.builds(
        Text, words, st.lists(citations, max_size=2).map(tuple), signature=st.none() | st.just(THOUGHT)
    ),
    st.just(Text("", signature=THOUGHT)),
)
images = st.builds(
    Media,
    kind=st.just("image"),
    source=st.just(Bytes("QUJD")),
    mime=st.just("image/png"),
    signature=st.none() | st.just(THOUGHT),
)
calls = st.builds(
    ToolCall,
    st.uuids().map(str),
    words,
    st.sampled_from(["{}", '{"x":1}', '{"cut']),
    st.just("function"),
    st.none() | st.just(THOUGHT),
)


@st.composite
def answers(draw):
    """Parts in any order, but that what is refused is refused before anything is called."""
    parts = draw(st.lists(st.builds(RefusalText, words), max_size=1))
    parts += draw(st.lists(calls, max_size=3, unique_by=lambda call: call.id))
    for extra in draw(st.lists(texts | images | thoughts | extras, max_size=6)):
        parts.insert(draw(st.integers(0, len(parts))), extra)
    return tuple(parts)


def events_of(part, at, cut):
    """The events of one part; a call's are still open so that they can interleave."""
    match part:
        case Text():
            yield PartStarted(0, at, msgspec.structs.replace(part, text="", citations=(), signature=None))
            yield from (TextDelta(0, at, piece) for piece in (part.text[:cut], part.text[cut:]) if piece)
            yield from (CitationDelta(0, at, citation) for citation in part.citations)
        case Reasoning():
            yield PartStarted(0, at, msgspec.structs.replace(part, text="", signature=None))
            yield from (ReasoningDelta(0, at, piece) for piece in (part.text[:cut], part.text[cut:]) if piece)
        case RefusalText():
            yield PartStarted(0, at, RefusalText(""))
            yield RefusalDelta(0, at, part.text)
        case ToolCall():
            yield PartStarted(0, at, msgspec.structs.replace(part, arguments="", signature=None))
            yield from (
                ArgumentsDelta(0, at, piece) for piece in (part.arguments[:cut], part.arguments[cut:])
            )
        case Media():
            yield PartStarted(0, at, msgspec.structs.replace(part, source=Bytes("")))
            yield MediaDelta(0, at, "QUJD")
        case ServerToolCall():
            yield PartStarted(0, at, msgspec.structs.replace(part, input=""))
            yield ArgumentsDelta(0, at, part.input)
        case _:
            yield PartStarted(0, at, part)
    signature = getattr(part, "signature", None)
    if signature is not None:
        yield SignatureDelta(0, at, signature)
    yield PartEnded(0, at)


def interleave(parts, cut, random):
    """Tell parts at random, each in its own order; one begins after those before it, and only calls mingle."""
    told = [list(events_of(part, at, cut)) for at, part in enumerate(parts)]
    waiting = [
        [[event] for event in events] if isinstance(part, ToolCall) else [events]
        for part, events in zip(parts, told, strict=True)
    ]
    begun: list[list] = []
    while waiting or any(begun):
        chosen = random.choice([stream for stream in begun if stream] + waiting[:1])
        if waiting and chosen is waiting[0]:
            begun.append(waiting.pop(0))
        yield from chosen.pop(0)


@settings(deadline=None)
@given(parts=answers(), cut=st.integers(0, 12), random=st.randoms(use_true_random=False))
def test_whole_stream_and_history_agree(parts, cut, random):
    spoken = wrapped(*interleave(parts, cut, random))
    answer = fold(spoken)
    assert answer.candidates[0].parts == parts
    whole = ChatCompletion.model_validate_json(render_chat(answer))
    assert read_back(whole.choices[0].message) == parts
    state = ChatCompletionStreamState()
    for chunk in chunks_of(rendered(spoken)):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    assert read_back(state.current_completion_snapshot.choices[0].message) == parts


def test_whole_answers_validate_strictly():
    answer = LlmResponse(
        id="",
        model="m",
        candidates=(
            Candidate(
                parts=(ToolCall("a", "f", "{}"),),
                finish=Finish(FinishReason.TOOL_CALLS, "tool_use", "END", "cat", "why"),
                logprobs=(TokenLogprob("x", -1.0),),
            ),
        ),
        usage=Usage(input_total=5, output_total=2, server_tools={"web_search": 1}, estimated=True),
        service_tier="standard",
        prompt_feedback={"blocked": False},
        warnings=(Notice("dropped", "seed", "no"),),
    )
    body = render_chat(answer, id="chatcmpl-9", created=3, provider="p")
    read = ChatCompletion.model_validate_json(body, strict=True)
    assert (read.id, read.created, read.service_tier) == ("chatcmpl-9", 3, None)
    assert read.choices[0].message.content is None
    said = json.loads(body)
    assert said["choices"][0]["finish_details"] == {
        "stop_sequence": "END",
        "category": "cat",
        "explanation": "why",
    }
    assert said["usage"]["server_tool_use"] == {"web_search": 1}
    assert said["usage"]["estimated"] is True


def test_usage_that_nobody_counted_is_null():
    answer = LlmResponse(id="i", model="m", candidates=(Candidate(finish=Finish(FinishReason.STOP)),))
    said = json.loads(render_chat(answer))
    assert said["usage"] is None
    assert said["choices"][0]["message"]["content"] == ""


def test_audio_of_a_former_turn_is_named_by_its_id():
    answer = LlmResponse(
        id="i",
        model="m",
        candidates=(
            Candidate(
                parts=(Media(kind="audio", source=Bytes("AA=="), transcript="hi", id="audio_1"),),
                finish=Finish(FinishReason.STOP),
            ),
        ),
    )
    message = ChatCompletion.model_validate_json(render_chat(answer), strict=True).choices[0].message
    assert message.audio.transcript == "hi"
    assert read_back(message) == (Media(kind="audio", source=FileRef("audio_1"), id="audio_1"),)
