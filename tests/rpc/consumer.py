"""The platform's assistant, as it listens to StreamChat: what it drops, what it takes, when it hangs up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from integration_api.proto import common_pb2 as common
from integration_api.proto import unified_pb2 as wire
from tests.rpc.caller import Talk


@dataclass
class Turn:
    """What one turn said, frame by frame."""

    id: str
    deltas: list[str] = field(default_factory=list)
    whole: wire.StreamChatOutput | None = None

    @property
    def message(self) -> common.Message:
        assert self.whole is not None
        return self.whole.data

    @property
    def text(self) -> str:
        return "".join(self.message.assistant.contents)


class Assistant:
    """Holds every frame to the rules that its code goes by; whatever it would drop or misread fails the test."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.closed = ""
        self.kinds: list[str] = []
        """What came, in order: configured, delta, whole, error, close."""

    def _next(self) -> Any:
        frame = self._talk.next()
        kind = frame.WhichOneof("response")
        assert kind is not None, "a frame that says nothing"
        assert kind != "close" or self.closed, "it did not ask to close, and would end the conversation"
        return frame

    def configure(self, frame: wire.StreamChatRequest) -> bool:
        self._talk.send(frame)
        told = self._next()
        assert told.WhichOneof("response") == "configuration"
        answer = told.configuration
        assert answer.success is not answer.HasField("error")
        if answer.success:
            assert answer.providerName == frame.configuration.providerName
        self.kinds.append("configured" if answer.success else "refused")
        return bool(answer.success)

    def ask(self, frame: wire.StreamChatRequest) -> None:
        self._talk.send(frame)

    def hear(self, id: str, *, ending: bool = True, begun: Sequence[str] = ()) -> Turn:
        """Listen to a turn, of which `begun` was heard, to its completion; without `ending` to its first delta."""
        turn = Turn(id, list(begun))
        while turn.whole is None:
            frame = self._next()
            assert frame.WhichOneof("response") == "chat"
            said = frame.chat
            assert said.requestId == id, "of another turn: discarded"
            assert not said.HasField("error"), said.error
            assert said.HasField("data")
            assert said.data.WhichOneof("message") == "assistant", "any other kind of message is dropped"
            assert said.data.role == "assistant"
            if said.metrics:
                turn.whole = said
                self.kinds.append("whole")
            else:
                assert any(said.data.assistant.contents), "a delta that says nothing is dropped"
                assert not said.data.assistant.toolCalls, "calls are taken from the completion only"
                assert not said.finishReason
                turn.deltas += said.data.assistant.contents
                self.kinds.append("delta")
                if not ending:
                    return turn
        assert turn.text == "".join(turn.deltas), "the completion repeats all that was said"
        names = [metric.name for metric in turn.whole.metrics]
        assert len(names) == len(set(names))
        assert names == [name.lower() for name in names]
        assert all(metric.value for metric in turn.whole.metrics)
        return turn

    def close(self, reason: str) -> None:
        self.closed = reason
        self._talk.send(wire.StreamChatRequest(close=wire.StreamChatClose(reason=reason)))
        frame = self._next()
        assert frame.close.reason == reason
        self.kinds.append("close")
        assert self._talk.rest() == [], "nothing comes after a close"
