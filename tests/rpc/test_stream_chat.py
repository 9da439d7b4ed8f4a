"""UnifiedProviderService/StreamChat: the rules of the conversation, by grpcio."""

import json

import grpc
import pytest

from integration_api.proto import unified_pb2 as wire
from tests.e2e.conftest import base_url
from tests.rpc.caller import (
    SERVICE,
    Caller,
    chat_frame,
    close_frame,
    configuration,
    credential,
    function,
    metrics,
    results,
    signed,
    spoken,
    until,
    user,
)
from tests.rpc.test_chat import CHATS, LIVE_KEY, TOOL_MODELS, records

SLOW = "gpt-4o-mini-lab-paced-3000-20"
"""Four seconds of words."""


@pytest.mark.parametrize("model", CHATS)
def test_a_conversation(caller: Caller, model: str) -> None:
    provider = model.partition("/")[0]
    with caller.talk() as talk:
        told = talk.configure(provider)
        assert (told.providerName, told.success, told.HasField("error")) == (provider, True, False)
        for turn in ("turn-1", "turn-2"):
            talk.chat(turn, model, "Say hello to everybody here")
            pieces, last = talk.turn()
            assert pieces
            for frame in pieces:
                assert frame.requestId == turn
                assert not frame.metrics
                assert frame.data.WhichOneof("message") == "assistant"
                assert len(frame.data.assistant.contents) == 1
            assert last.requestId == turn
            assert last.data.role == "assistant"
            assert spoken(last) == "".join(spoken(frame) for frame in pieces)
            assert last.finishReason == "stop"
            counted = metrics(last)
            assert counted["status"] == "SUCCESS"
            assert 0 < int(counted["time_to_first_token"]) <= int(counted["time_taken"])
            assert int(counted["total_token"]) > 0
        talk.send(close_frame("done"))
        assert talk.next().close.reason == "done"
        assert talk.rest() == []
        assert talk.call.code() is grpc.StatusCode.OK
    assert len(until(lambda: records(caller, "turn-1"))) >= 1


@pytest.mark.parametrize("model", TOOL_MODELS)
def test_tools_go_round(caller: Caller, model: str) -> None:
    asked = user("Use a tool: what is the weather in Kyiv?")
    tools = [function("get_weather", city="string")]
    with caller.talk() as talk:
        talk.configure(model.partition("/")[0])
        talk.send(chat_frame("t1", model, asked, toolDefinitions=tools))
        _, answer = talk.turn()
        assert answer.finishReason == "tool_calls"
        assert [call.function.name for call in answer.data.assistant.toolCalls] == ["get_weather"]
        talk.send(chat_frame("t2", model, asked, answer.data, results(answer.data), toolDefinitions=tools))
        _, answer = talk.turn()
        assert spoken(answer)


def test_a_chat_before_any_configuration(caller: Caller) -> None:
    with caller.talk() as talk:
        talk.chat("early", "sandbox/echo")
        frame = talk.next().chat
        assert (frame.requestId, frame.error.errorCode) == ("early", 412)
        assert not frame.HasField("data")
        assert talk.configure("sandbox").success
        talk.chat("later", "sandbox/echo", "Hello")
        assert spoken(talk.turn()[1]) == "You said: Hello"


@pytest.mark.parametrize(
    "frame",
    [
        configuration(""),
        configuration("nobody"),
        configuration("openai", credential=credential(4711)),
        configuration("openai", credential=credential(base_url="http://127.0.0.1:1")),
        configuration("openai", connectionOptions={"connection.transport": "pigeon"}),
    ],
    ids=["no provider", "unknown", "no such credential", "no key", "no such connection"],
)
def test_a_configuration_that_is_no_good(caller: Caller, frame: wire.StreamChatRequest) -> None:
    with caller.talk() as talk:
        assert talk.configure("sandbox").success
        talk.send(frame)
        told = talk.next().configuration
        assert (told.success, told.error.errorCode) == (False, 400)
        assert told.error.humanMessage
        talk.chat("after", "echo")
        assert talk.next().chat.error.errorCode == 412


def test_a_frame_of_the_generation_before(caller: Caller) -> None:
    """Its first frame was a whole ChatRequest: it reads as a configuration without a provider."""
    with_value = wire.ChatRequest(providerName="openai", conversations=[user("hi")])
    with_value.credential.CopyFrom(credential(5, key="sk-of-the-generation-before-0123456789"))
    with_id = wire.ChatRequest(providerName="openai", conversations=[user("hi")])
    with_id.credential.id = 5
    for frame in (with_value, with_id):
        with caller.talk() as talk:
            talk.send(frame.SerializeToString())
            told = talk.next().configuration
            assert (told.success, told.error.errorCode) == (False, 400)
            assert "sk-of" not in str(told)
            assert talk.configure("sandbox").success


def test_what_was_left_out_is_told_with_the_answer(caller: Caller) -> None:
    with caller.talk() as talk:
        talk.configure("anthropic")
        talk.chat("w", "anthropic/claude-sonnet-4-5", params={"model.seed": 7, "model.flux": "x"})
        _, last = talk.turn()
    told = json.loads(metrics(last)["warnings"])
    assert {(one["code"], one["param"]) for one in told} == {("dropped", "seed"), ("dropped", "model.flux")}
    assert all(one["message"] for one in told)


def test_a_frame_that_says_nothing_is_no_configuration(caller: Caller) -> None:
    with caller.talk() as talk:
        talk.send(b"")
        assert talk.next().chat.error.errorCode == 400
        assert talk.configure("sandbox").success


def test_frames_that_say_nothing_or_nonsense(caller: Caller) -> None:
    with caller.talk() as talk:
        talk.configure("sandbox")
        for frame in (b"", b"\xff\xff", b"\x12\x02\x0a\xff"):
            talk.send(frame)
            assert talk.next().chat.error.errorCode == 400
        talk.chat("fine", "echo", "Hello")
        assert spoken(talk.turn()[1]) == "You said: Hello"


def test_a_chat_for_another_provider_than_the_configured_one(caller: Caller) -> None:
    with caller.talk() as talk:
        talk.configure("sandbox")
        talk.chat("m1", "openai/gpt-4o-mini")
        frame = talk.next().chat
        assert (frame.requestId, frame.error.errorCode) == ("m1", 400)
        assert "sandbox" in frame.error.humanMessage
        talk.chat("m2", "sandbox/echo", "Hello")
        assert spoken(talk.turn()[1]) == "You said: Hello"


def test_configuring_anew_changes_the_provider(caller: Caller, lab: str) -> None:
    with caller.talk() as talk:
        talk.configure("sandbox")
        told = talk.configure("openai", credential=credential(key=LIVE_KEY, base_url=base_url(lab, "openai")))
        assert told.success
        for turn in ("n1", "n2"):
            talk.chat(turn, "openai/gpt-4o-mini")
            assert spoken(talk.turn()[1])
        assert LIVE_KEY not in str(caller.seen("openai"))
        assert talk.configure("anthropic").success
        talk.chat("n3", "claude-sonnet-4-5")
        assert spoken(talk.turn()[1])


@pytest.mark.parametrize("ending", ["lab-status-429", "lab-status-500", "lab-malformed-json", "lab-cut"])
def test_what_the_provider_refuses_ends_its_turn_only(caller: Caller, ending: str) -> None:
    with caller.talk() as talk:
        talk.configure("openai")
        talk.chat("bad", f"openai/gpt-4o-mini-{ending}")
        _, frame = talk.turn()
        assert (frame.requestId, frame.error.errorCode) == ("bad", 400)
        assert not frame.HasField("data")
        assert not frame.metrics
        assert frame.error.errorMessage
        talk.chat("good", "openai/gpt-4o-mini")
        pieces, last = talk.turn()
        assert {piece.requestId for piece in pieces} == {"good"}
        assert spoken(last)


def left(caller: Caller) -> int:
    return caller.lab_ask("GET", "/stats")["disconnects"]


def test_a_new_chat_ends_the_one_before_with_the_provider_too(caller: Caller) -> None:
    before = left(caller)
    with caller.talk() as talk:
        talk.configure("openai")
        talk.chat("overtaken", f"openai/{SLOW}")
        assert talk.next().chat.requestId == "overtaken"
        talk.chat("second", "openai/gpt-4o-mini")
        while (frame := talk.next().chat).requestId == "overtaken":
            assert not frame.metrics
        frames = [frame]
        while not frames[-1].metrics:
            frames.append(talk.next().chat)
        assert {frame.requestId for frame in frames} == {"second"}
    until(lambda: left(caller) == before + 1)
    (record,) = until(lambda: records(caller, "overtaken"))
    assert record["status"] == "cancelled"
    assert len(until(lambda: records(caller, "second"))) == 1


def test_chats_sent_at_once_leave_the_last_one(caller: Caller) -> None:
    with caller.talk() as talk:
        talk.send(configuration("openai"))
        for number in range(20):
            talk.chat(f"rush-{number}", f"openai/{SLOW}")
        talk.chat("rush-last", "openai/gpt-4o-mini")
        assert talk.next().configuration.success
        answered = []
        while not answered or answered[-1].requestId != "rush-last" or not answered[-1].metrics:
            answered.append(talk.next().chat)
        assert not any(frame.metrics for frame in answered[:-1])


def test_closing_amid_an_answer_ends_it(caller: Caller) -> None:
    before = left(caller)
    with caller.talk() as talk:
        talk.configure("openai")
        talk.chat("cut short", f"openai/{SLOW}")
        assert talk.next().chat.requestId == "cut short"
        talk.send(close_frame("enough"))
        frames = talk.rest()
        assert frames[-1].close.reason == "enough"
        assert not any(frame.chat.metrics for frame in frames[:-1])
        assert talk.call.code() is grpc.StatusCode.OK
    until(lambda: left(caller) == before + 1)


def test_hanging_up_ends_the_providers_work(caller: Caller) -> None:
    before = left(caller)
    with caller.talk() as talk:
        talk.configure("openai")
        talk.chat("gone", f"openai/{SLOW}")
        talk.next()
        talk.call.cancel()
    until(lambda: left(caller) == before + 1)
    (record,) = until(lambda: records(caller, "gone"))
    assert record["status"] == "cancelled"


@pytest.mark.parametrize("closing", [True, False])
def test_everything_sent_at_once_is_answered(caller: Caller, closing: bool) -> None:
    """A script that sends all its frames and then reads: by close, or by saying no more."""
    sent = [configuration("openai"), chat_frame("only", "openai/gpt-4o-mini", user("Hello"))]
    stub = caller.channel.stream_stream(
        SERVICE + "StreamChat",
        wire.StreamChatRequest.SerializeToString,
        wire.StreamChatResponse.FromString,
    )
    call = stub(iter([*sent, close_frame("bye")] if closing else sent), metadata=signed_admin(), timeout=60)
    kinds = [frame.WhichOneof("response") for frame in call]
    assert kinds[0] == "configuration"
    assert kinds[-1] == ("close" if closing else "chat")
    assert kinds.count("chat") >= 2
    assert call.code() is grpc.StatusCode.OK


def signed_admin() -> list[tuple[str, str]]:
    from tests.e2e.service import ADMIN_KEY

    return signed(ADMIN_KEY)


THINKING = {"model.thinking": {"enabled": True, "budget_tokens": 2048}, "model.max_tokens": 4096}


@pytest.mark.parametrize("edited", [False, True])
def test_thoughts_survive_a_tool_call_though_the_messages_cannot_carry_them(
    caller: Caller, edited: bool
) -> None:
    model = "anthropic/claude-sonnet-4-5"
    asked = user("Use a tool: what is the weather in Kyiv?")
    tools = [function("get_weather", city="string")]
    more = {"toolDefinitions": tools, "params": THINKING}
    with caller.talk() as talk:
        talk.configure("anthropic")
        talk.send(chat_frame("think-1", model, asked, **more))
        _, answer = talk.turn()
        assert answer.data.assistant.toolCalls
        if edited:
            answer.data.assistant.toolCalls[0].function.arguments = '{"city": "Lviv"}'
        talk.send(chat_frame("think-2", model, asked, answer.data, results(answer.data), **more))
        _, last = talk.turn()
        assert spoken(last)
    turn = caller.last_body("anthropic")["messages"][1]
    kinds = [block["type"] for block in turn["content"]]
    if edited:
        assert "thinking" not in kinds
    else:
        assert kinds[0] == "thinking"
        assert turn["content"][0]["signature"]


def test_thoughts_are_never_spoken(caller: Caller) -> None:
    with caller.talk() as talk:
        talk.configure("sandbox")
        talk.chat("r", "sandbox/reasoner", "Hello")
        pieces, last = talk.turn()
        assert "".join(spoken(piece) for piece in pieces) == spoken(last) == "You said: Hello"
        assert int(metrics(last)["thoughts_token"]) > 0
