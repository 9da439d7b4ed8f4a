"""What an answer carries beside its message over gRPC, and when that counts."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import (
    Bytes,
    Media,
    Opaque,
    Origin,
    Part,
    Reasoning,
    RefusalText,
    Role,
    ServerToolCall,
    Text,
    ToolCall,
)
from integration_api.dialects.unified_carried import MOST_BYTES, carried
from integration_api.dialects.unified_messages import read_messages, write_message
from integration_api.proto import common_pb2 as common

SIGNATURE = Opaque("c2lnbmVk", "google-gemini-v1", Origin("gemini", "gemini", "gemini-3-pro"))
CALL = ToolCall("call_1", "get_weather", '{"city":"Kyiv"}')
USER = common.Message(user=common.UserMessage(content="hello"))


def back(message: common.Message) -> tuple[Part, ...]:
    return read_messages([USER, message, USER])[1].parts


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (Text("Hello"),),
        (Text("Hel"), Text("lo"), CALL),
        (RefusalText("I had rather not."),),
        (CALL, ToolCall("call_2", "note", "free text", "custom")),
    ],
)
def test_a_message_that_says_all_carries_nothing(parts: tuple[Part, ...]) -> None:
    assert carried(parts) == b""
    assert write_message(parts).assistant.carried == b""


CARRIED = {
    "a signed thought": (Reasoning("Hm.", signature=SIGNATURE), Text("Hello")),
    "a thought": (Reasoning("Hm."), Text("Hello"), CALL),
    "a hidden thought": (Reasoning(encrypted=SIGNATURE, redacted=True), CALL),
    "a signed text": (Text("Hello"), Text("", signature=SIGNATURE)),
    "a signed call": (msgspec.structs.replace(CALL, signature=SIGNATURE),),
    "a text after a call": (Text("One"), CALL, Text("two")),
    "a tool of the provider": (ServerToolCall("srv_1", "search", "{}", {"q": [1, None]}), Text("Hello")),
    "a picture": (
        Text("Look"),
        Media(kind="image", source=Bytes("AAAA"), mime="image/png", signature=SIGNATURE),
    ),
}


@pytest.mark.parametrize("what", CARRIED)
def test_an_answer_comes_back_as_it_was(what: str) -> None:
    parts = CARRIED[what]
    assert back(write_message(parts)) == parts


@pytest.mark.parametrize("what", CARRIED)
def test_an_answer_that_was_edited_is_what_the_caller_says(what: str) -> None:
    message = write_message(CARRIED[what])
    message.assistant.contents[:] = ["Something else"]
    assert back(message)[0] == Text("Something else")
    assert all(isinstance(part, Text | ToolCall) for part in back(message))
    assert not any(part.signature for part in back(message))


@pytest.mark.parametrize("thought", ["x" * MOST_BYTES, "half of a pair: \ud83d"])
def test_what_is_too_long_or_no_text_is_not_carried(thought: str) -> None:
    message = write_message((Reasoning(thought, signature=SIGNATURE), Text("Hello")))
    assert message.assistant.carried == b""
    assert back(message) == (Text("Hello"),)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=64))
def test_bytes_that_nobody_carried_are_refused(junk: bytes) -> None:
    message = common.Message(assistant=common.AssistantMessage(contents=["Hello"], carried=junk))
    try:
        assert back(message) == (Text("Hello"),)
    except Failure as refused:
        assert (refused.kind, refused.param) == (Kind.INVALID_REQUEST, "conversations[1].assistant.carried")
        assert "as it came" in refused.message


def test_nesting_does_not_exhaust_the_stack() -> None:
    deep = b"\x91" * 100_000 + b"\x90"
    message = common.Message(assistant=common.AssistantMessage(contents=["Hello"], carried=deep))
    with pytest.raises(Failure) as refused:
        back(message)
    assert refused.value.param == "conversations[1].assistant.carried"


def test_roles_of_carried_answers_are_the_assistants() -> None:
    message = write_message(CARRIED["a signed thought"])
    message.role = "model"
    assert read_messages([USER, message])[1].role is Role.ASSISTANT
