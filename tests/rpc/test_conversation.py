"""A conversation as the platform's assistant holds it: configured, three turns with tools, closed; frame by frame."""

import json

import grpc
import pytest

from integration_api.proto import common_pb2 as common
from tests.rpc.caller import Caller, chat_frame, configuration, function, results, until, user
from tests.rpc.consumer import Assistant
from tests.rpc.test_chat import TOOL_MODELS, records

SLOW = "openai/gpt-4o-mini-lab-paced-3000-20"
"""Four seconds of words."""
TOOLS = [function("get_weather", city="string")]


@pytest.mark.parametrize("model", TOOL_MODELS)
def test_three_turns_with_tools(caller: Caller, model: str) -> None:
    provider = model.partition("/")[0]
    history: list[common.Message] = []
    with caller.talk() as talk:
        assistant = Assistant(talk)
        assert assistant.configure(configuration(provider))

        def turn(id: str, *said: common.Message) -> common.Message:
            history.extend(said)
            assistant.ask(
                chat_frame(id, model, *history, toolDefinitions=TOOLS, additionalData={"conversation_id": id})
            )
            answer = assistant.hear(id).message
            history.append(answer)
            return answer

        called = turn("turn-1", user("Use a tool: what is the weather in Kyiv?"))
        calls = called.assistant.toolCalls
        assert calls
        for call in calls:
            assert (call.type, call.function.name) == ("function", "get_weather")
            assert call.id
            assert isinstance(json.loads(call.function.arguments)["city"], str)
        answered = turn("turn-2", results(called))
        assert answered.assistant.contents
        assert not answered.assistant.toolCalls
        thanked = turn("turn-3", user("Thank you")).assistant
        assert thanked.contents or thanked.toolCalls
        assistant.close("the caller hung up")
        assert talk.call.code() is grpc.StatusCode.OK
    shape = [kind for kind in assistant.kinds if kind != "delta"]
    assert shape == ["configured", "whole", "whole", "whole", "close"]
    assert "delta" in assistant.kinds


def test_barging_in_cancels_the_provider_and_is_answered_alone(caller: Caller) -> None:
    before = caller.lab_ask("GET", "/stats")["disconnects"]
    with caller.talk() as talk:
        assistant = Assistant(talk)
        assert assistant.configure(configuration("openai"))
        assistant.ask(chat_frame("interrupted", SLOW, user("Tell me everything")))
        assistant.hear("interrupted", ending=False)
        assistant.ask(chat_frame("instead", "openai/gpt-4o-mini", user("Never mind")))
        late = 0
        while (frame := talk.next().chat).requestId == "interrupted":
            assert not frame.metrics, "an interrupted turn is never completed"
            assert not frame.HasField("error"), "nor has it failed"
            late += 1
        assert frame.requestId == "instead"
        assert assistant.hear("instead", begun=frame.data.assistant.contents).text
        assistant.close("done")
    until(lambda: caller.lab_ask("GET", "/stats")["disconnects"] == before + 1)
    (record,) = until(lambda: records(caller, "interrupted"))
    assert (record["status"], record["response_status"]) == ("cancelled", 499)
    (record,) = until(lambda: records(caller, "instead"))
    assert record["status"] == "success"
    assert late < 150, "what it had yet to say is not said"


def test_a_new_configuration_holds_for_what_comes_after_it(caller: Caller) -> None:
    with caller.talk() as talk:
        assistant = Assistant(talk)
        for number, model in enumerate(("openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5", "sandbox/echo")):
            assert assistant.configure(configuration(model.partition("/")[0]))
            assistant.ask(chat_frame(f"r{number}", model, user("Say hello")))
            assert assistant.hear(f"r{number}").text
        assert not assistant.configure(
            configuration("openai", connectionOptions={"connection.transport": "pigeon"})
        )
        assistant.ask(chat_frame("nowhere", "sandbox/echo", user("Hello?")))
        assert talk.next().chat.error.errorCode == 412, "a refused configuration leaves none"
        assert assistant.configure(configuration("sandbox"))
        assistant.ask(chat_frame("again", "sandbox/echo", user("Hello")))
        assert assistant.hear("again").text == "You said: Hello"
        assistant.close("done")


def test_configuring_anew_amid_an_answer_lets_it_end_where_it_began(caller: Caller) -> None:
    before = caller.lab_ask("GET", "/stats")["disconnects"]
    with caller.talk() as talk:
        assistant = Assistant(talk)
        assert assistant.configure(configuration("openai"))
        assistant.ask(chat_frame("first", "openai/gpt-4o-mini-lab-paced-20-10", user("Hello")))
        begun = assistant.hear("first", ending=False)
        talk.send(configuration("sandbox"))
        deltas, configured = list(begun.deltas), False
        while True:
            frame = talk.next()
            if frame.WhichOneof("response") == "configuration":
                assert frame.configuration.success
                configured = True
                continue
            assert frame.chat.requestId == "first"
            if frame.chat.metrics:
                break
            deltas += frame.chat.data.assistant.contents
        assert configured
        assert "".join(frame.chat.data.assistant.contents) == "".join(deltas)
        assistant.ask(chat_frame("second", "sandbox/echo", user("Hello")))
        assert assistant.hear("second").text == "You said: Hello"
        assistant.close("done")
    assert caller.lab_ask("GET", "/stats")["disconnects"] == before


@pytest.mark.parametrize("named", ["openai/gpt-4o-mini", "nobody/x"])
def test_a_chat_for_another_provider_fails_alone(caller: Caller, named: str) -> None:
    with caller.talk() as talk:
        assistant = Assistant(talk)
        assert assistant.configure(configuration("sandbox"))
        asked = len(caller.seen("openai"))
        assistant.ask(chat_frame("elsewhere", named, user("Hello")))
        told = talk.next().chat
        assert (told.requestId, told.error.errorCode) == ("elsewhere", 400)
        assert not told.HasField("data")
        assert not told.metrics
        assert len(caller.seen("openai")) == asked
        assistant.ask(chat_frame("here", "sandbox/echo", user("Hello")))
        assert assistant.hear("here").text == "You said: Hello"
        assistant.close("done")


def test_a_failing_turn_is_told_once_and_leaves_the_stream_open(caller: Caller) -> None:
    """Not as an answer, for callers take what has `data` for one; and once, for they take each for a turn's end."""
    with caller.talk() as talk:
        assistant = Assistant(talk)
        assert assistant.configure(configuration("openai"))
        for number, ending in enumerate(("lab-status-400", "lab-cut", "lab-error-midstream")):
            assistant.ask(chat_frame(f"bad-{number}", f"openai/gpt-4o-mini-{ending}", user("Hello")))
            while not (frame := talk.next().chat).HasField("error"):
                assert not frame.metrics
            assert (frame.requestId, frame.error.errorCode) == (f"bad-{number}", 400)
            assert not frame.HasField("data")
            assert not frame.metrics
            assistant.ask(chat_frame(f"good-{number}", "openai/gpt-4o-mini", user("Hello")))
            assert assistant.hear(f"good-{number}").text
        assistant.close("done")
