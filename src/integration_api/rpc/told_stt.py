"""The events of a live transcript, as protobuf."""

from integration_api.core.session import Warned
from integration_api.core.stt import (
    EagerEnd,
    Final,
    Heard,
    Interim,
    ListenCapabilities,
    Raw,
    Resumed,
    Revision,
    SpeechStarted,
    UtteranceEnd,
)
from integration_api.dialects.voice_messages import write_format, write_words
from integration_api.proto import voice_pb2 as wire
from integration_api.services import live_words, stt_words

Server = wire.SttServer


def write(event: stt_words.Told, envelope: wire.Envelope) -> wire.SttServer:
    match event:
        case Interim():
            told = Server.Interim(
                segment_id=event.segment_id,
                text=event.text,
                stability=event.stability,
                words=write_words(event.words),
                language=event.language,
            )
            return Server(envelope=envelope, interim=told)
        case Final():
            settled = Server.Final(
                segment_id=event.segment_id,
                text=event.text,
                confidence=event.confidence,
                words=write_words(event.words),
                language=event.language,
                language_confidence=event.language_confidence,
                start_ms=event.start_ms,
                end_ms=event.end_ms,
                from_finalize=event.from_finalize,
            )
            return Server(envelope=envelope, final=settled)
        case SpeechStarted():
            started = Server.SpeechStarted(audio_time_ms=event.audio_time_ms, inferred=event.inferred)
            return Server(envelope=envelope, speech_started=started)
        case UtteranceEnd():
            ended = Server.UtteranceEnd(
                utterance_id=event.utterance_id,
                text=event.text,
                reason=event.reason.name,
                end_of_turn_confidence=event.end_of_turn_confidence,
            )
            return Server(envelope=envelope, utterance_end=ended)
        case EagerEnd(id, text, confidence):
            eager = Server.EagerEndOfUtterance(utterance_id=id, text=text, confidence=confidence)
            return Server(envelope=envelope, eager_end_of_utterance=eager)
        case Resumed(id):
            return Server(envelope=envelope, utterance_resumed=Server.UtteranceResumed(utterance_id=id))
        case Revision():
            revised = Server.Revision(
                utterance_id=event.utterance_id, text=event.text, words=write_words(event.words)
            )
            return Server(envelope=envelope, revision=revised)
        case Heard():
            heard = Server.Usage(audio_ms=event.audio_ms, billed_ms=event.billed_ms, unit=event.unit)
            return Server(envelope=envelope, usage=heard)
        case Warned(code, message):
            return Server(envelope=envelope, warning=wire.Warning(code=code, message=message))
        case Raw(data):
            return Server(envelope=envelope, raw=Server.Raw(data=data))
        case stt_words.Ready():
            ready = Server.Ready(
                model=event.model,
                capabilities=_capabilities(event.capabilities),
                negotiated_input=write_format(event.negotiated_input),
                reused_connection=event.reused_connection,
                connect_ms=event.connect_ms,
            )
            return Server(envelope=envelope, ready=ready)
        case stt_words.Reconnected():
            again = Server.Reconnected(
                gap_ms=event.gap_ms, replayed_ms=event.replayed_ms, new_provider=event.new_provider
            )
            return Server(envelope=envelope, reconnected=again)
        case live_words.Over(reason):
            return Server(envelope=envelope, closed=wire.Closed(reason=reason))
        case live_words.Ended(error):
            raise error


def _capabilities(known: ListenCapabilities) -> wire.SttServer.Capabilities:
    return Server.Capabilities(
        interim=known.interim,
        words=known.words,
        confidence=known.confidence,
        language_id=known.language_id,
        vad=known.vad,
        eager_eot=known.eager_eot,
        live_update=known.live_update,
        finalize_ack=known.finalize_ack,
        turns=known.turns,
    )
