"""A live voice that is given text as a language model writes it, token by token.

https://learn.microsoft.com/azure/ai-services/speech-service/how-to-lower-speech-synthesis-latency#input-text-streaming
"""

from typing import Any

from integration_api.core.credential import Credential
from integration_api.core.session import Act, Outcome, Warned
from integration_api.core.tts import Spoken, SynthesisCapabilities, SynthesisRequest, TtsEvent
from integration_api.providers.azure_speech.voice import Turns

PATH = "/tts/cognitiveservices/websocket/v2"
PLAIN = "text/plain"


class TokenVoice(Turns):
    """An utterance is a turn. Azure waits for as much text as it needs; there is neither SSML nor a flush."""

    capabilities = SynthesisCapabilities(live_update=True)

    def __init__(self, ask: SynthesisRequest, credential: Credential) -> None:
        super().__init__(PATH, ask, credential)

    def update(self, voice: str | None, speed: float | None) -> Outcome[TtsEvent]:
        self._changed(voice, None)
        if speed is None:
            return []
        return [
            Warned("unsupported_update", "azure-speech changes speed only in a session that began with one")
        ]

    def _speak(self, id: str, text: str, ssml: bool) -> list[Act]:
        acts: list[Act] = []
        if not self._turn:
            voice = {"voiceName": self._name, "language": self._manner.language or ""}
            acts.append(self._begin_turn({"input": {"bidirectionalStreamingMode": True, **voice}}))
        self._text += text
        return [*acts, self._say("text.piece", text, PLAIN)]

    def _end(self, id: str) -> list[Act]:
        return [self._say("text.end", "", PLAIN)]

    def _flush(self, _: str) -> list[Act]:
        return []

    def _over(self, current: str) -> list[Any]:
        return [Spoken(utterance_id=current, characters=len(self._text)), *self._next()]
