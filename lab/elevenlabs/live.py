"""Live voices: one utterance a socket, or up to five side by side on one.

elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input, which no SDK speaks:
what is here of it is derived from that page and from the messages' types in the SDK.
"""

import base64
import json
from collections import deque
from typing import Any

from lab import mouth
from lab.elevenlabs import client
from lab.faults import directives
from lab.http import Call, Peer, Response
from lab.sockets import Broken, Fate, Opened

PARAMETERS = frozenset({
    "model_id", "output_format", "language_code", "inactivity_timeout", "auto_mode", "sync_alignment",
    "apply_text_normalization", "enable_ssml_parsing", "enable_logging", "seed", "authorization",
    "single_use_token",
})  # fmt: skip
STEP_CHARACTERS = 3
"""How much of a text comes in one message."""
SCHEDULE = [120, 160, 250, 290]
"""How many characters wait until they are spoken."""
MOST_CONTEXTS = 5
LONGEST_WAIT = 180.0
TOO_MANY = (
    "Maximum simultaneous contexts per WebSocket connection exceeded (5). "
    "Please close an existing context before opening a new one."
)


def single(call: Call) -> Response:
    """GET /v1/text-to-speech/{voice}/stream-input. Raises `Refused`."""
    return _opened(call, many=False)


def multi(call: Call) -> Response:
    """GET /v1/text-to-speech/{voice}/multi-stream-input. Raises `Refused`."""
    return _opened(call, many=True)


def _opened(call: Call, *, many: bool) -> Response:
    client.admit(call, token=call.query.get("single_use_token", ""))
    client.known(call, PARAMETERS)
    call.model = call.query.get("model_id", "eleven_multilingual_v2")
    if float(call.query.get("inactivity_timeout", "20")) > LONGEST_WAIT:
        client.refuse(call, ["query", "inactivity_timeout"], "Input should be less than or equal to 180")
    client.format_of(call)
    return Opened([("request-id", client.identity(call))], Voice(call, many=many).talk)


class Closing(Exception):
    """The talk is over, for a reason that is told."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error


class Context:
    """One utterance. Text waits until there is enough of it, or until it is flushed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = ""
        self.pieces: deque[str] = deque()
        self.closed = False
        self.flushed = False
        self.schedule = list(SCHEDULE)
        self.begun = False

    def speak(self) -> None:
        text, self.text = self.text, ""
        self.pieces += [text[at : at + STEP_CHARACTERS] for at in range(0, len(text), STEP_CHARACTERS)]
        self.schedule = self.schedule[1:] or self.schedule


class Voice:
    """One socket."""

    def __init__(self, call: Call, *, many: bool) -> None:
        self.call = call
        self.many = many
        self.format = client.format_of(call)
        self.eager = call.query.get("auto_mode") == "true"
        self.patience = float(call.query.get("inactivity_timeout", "20"))
        self.contexts: dict[str, Context] = {}
        self.leaving = False
        self.said_ms = 0

    async def talk(self, peer: Peer) -> None:
        fate = Fate(self.call, peer)
        try:
            while not (self.leaving and not self.contexts):
                busy = next((one for one in self.contexts.values() if one.pieces or one.closed), None)
                await fate.pause(0)
                if busy is None or fate.peek() is not None:
                    message = await fate.receive(self.patience)
                    if message is None:
                        if fate.idle:
                            raise Closing(
                                "input_timeout_exceeded",
                                "Have not received a new text input within the timeout",
                            )
                        return
                    self.hear(json.loads(message), fate.late)
                elif busy.pieces:
                    await self.say(peer, fate, busy)
                else:
                    del self.contexts[busy.name]
                    await peer.send(json.dumps({"audio": None, "isFinal": True, **self.named(busy)}))
                    self.leaving = self.leaving or not self.many
        except Closing as why:
            await peer.send(json.dumps({"message": str(why), "error": why.error, "code": 1008}))
            await peer.close(1008, str(why)[:120])
        except Broken:
            return

    def hear(self, said: dict[str, Any], late: int) -> None:
        """Takes a message; a context that is closed has so many pieces of sound under way."""
        if said.get("close_socket"):
            self.leaving = True
            for one in self.contexts.values():
                one.closed = True
            return
        name = said.get("context_id") or "default"
        text = said.get("text")
        if name not in self.contexts:
            if said.get("close_context") or text == "":
                return  # A keep-alive, or a goodbye to nobody.
            if len(self.contexts) >= MOST_CONTEXTS:
                raise Closing("max_active_conversations", TOO_MANY)
            self.contexts[name] = Context(name)
        one = self.contexts[name]
        if "voice_settings" in said and one.begun:
            raise Closing("invalid_message", "voice_settings can only be set in the first message")
        one.begun = True
        schedule = (said.get("generation_config") or {}).get("chunk_length_schedule")
        if schedule:
            if not all(50 <= length <= 500 for length in schedule):
                raise Closing("invalid_message", "chunk_length_schedule takes 50 to 500")
            one.schedule = list(schedule)
        if text == "" and not self.many:
            one.speak()
            one.closed = True
        elif text and text != " ":
            one.text += text
        if said.get("flush"):
            one.speak()
            one.flushed = True
        elif one.text and (self.eager or len(one.text) >= one.schedule[0]):
            one.flushed = False
            one.speak()
        if said.get("close_context"):
            one.closed = True
            if not one.flushed:
                one.pieces = deque(list(one.pieces)[:late])

    async def say(self, peer: Peer, fate: Fate, one: Context) -> None:
        await fate.at(self.said_ms)
        text = one.pieces.popleft()
        times = {
            "chars": list(text),
            "charStartTimesMs": [at * mouth.CHARACTER_MS for at in range(len(text))],
            "charDurationsMs": [mouth.CHARACTER_MS] * len(text),
        }
        data = base64.b64encode(client.sound(text, self.format)).decode()
        said = {"audio": data, "isFinal": None, "alignment": times, "normalizedAlignment": times}
        await peer.send(json.dumps({**said, **self.named(one)}))
        self.said_ms += mouth.milliseconds(text)
        await fate.pause(directives(self.call.model).gap_ms)

    def named(self, one: Context) -> dict[str, str]:
        return {"contextId": one.name} if self.many else {}
