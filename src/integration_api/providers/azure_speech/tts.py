"""A live voice that is given SSML, a document a turn, and tells when each word is heard.

https://learn.microsoft.com/azure/ai-services/speech-service/how-to-speech-synthesis
"""

from collections import deque
from typing import Any

from integration_api.core.credential import Credential
from integration_api.core.session import Act, Outcome
from integration_api.core.tts import Flushed, Spoken, SynthesisCapabilities, SynthesisRequest, TtsEvent
from integration_api.providers.azure_speech import ssml as markup
from integration_api.providers.azure_speech.voice import Turns

PATH = "/tts/cognitiveservices/websocket/v1"


class SsmlVoice(Turns):
    """An utterance is one turn or several: what is to be spoken waits for its end, or for a flush, unless the caller
    wants it spoken as it comes.
    """

    capabilities = SynthesisCapabilities(word_timestamps=True, ssml=True, live_update=True)

    def __init__(self, ask: SynthesisRequest, credential: Credential) -> None:
        super().__init__(PATH, ask, credential)
        self._pending = ""
        self._documents: deque[str] = deque()
        self._complete = False
        self._flushing = False

    def update(self, voice: str | None, speed: float | None) -> Outcome[TtsEvent]:
        self._settle()
        self._changed(voice, speed)
        return self._drive()

    def _speak(self, id: str, text: str, ssml: bool) -> list[Act]:
        if ssml:
            self._settle()
            self._documents.append(markup.document(text, self._name, self._manner, ssml=True))
            return self._drive()
        self._text += text
        self._pending += text
        if self._ask.text_buffering == "provider":
            return []
        self._settle()
        return self._drive()

    def _end(self, id: str) -> list[Any]:
        self._settle()
        self._complete = True
        return self._drive() if self._documents or self._turn else self._over(id)

    def _flush(self, _: str) -> list[Act]:
        self._settle()
        self._flushing = bool(self._turn or self._documents)
        return self._drive()

    def _over(self, current: str) -> list[Any]:
        if self._documents:
            return self._drive()
        if self._complete:
            return [Spoken(utterance_id=current, characters=len(self._text) or None), *self._next()]
        flushing, self._flushing = self._flushing, False
        return [Flushed(current)] if flushing else []

    def _next(self) -> list[Act]:
        self._pending, self._complete, self._flushing = "", False, False
        self._documents.clear()
        return super()._next()

    def _settle(self) -> None:
        """Make a document of what waits."""
        if self._pending.strip():
            self._documents.append(markup.document(self._pending, self._name, self._manner))
        self._pending = ""

    def _drive(self) -> list[Act]:
        if self._turn or not self._documents:
            return []
        begun = self._begin_turn({}, words=self._ask.timestamps != "none")
        return [begun, self._say("ssml", self._documents.popleft(), "application/ssml+xml")]
