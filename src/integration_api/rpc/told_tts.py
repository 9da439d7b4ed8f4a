"""The events of a live voice, as protobuf."""

from integration_api.core.session import Warned
from integration_api.core.tts import Flushed, SynthesisCapabilities, Timestamps
from integration_api.dialects.voice_messages import write_format
from integration_api.proto import voice_pb2 as wire
from integration_api.services import live_words, tts_words

Server = wire.TtsServer

GRANULARITIES = {"word": wire.WORD, "char": wire.CHAR}


def write(event: tts_words.Told, envelope: wire.Envelope) -> wire.TtsServer:
    match event:
        case tts_words.Audio():
            frame = Server.Audio(
                utterance_id=event.utterance.id, seq=event.seq, offset_ms=event.offset_ms, audio=event.data
            )
            return Server(envelope=envelope, audio=frame)
        case tts_words.Started(id, ttfb_ms):
            return Server(envelope=envelope, started=Server.Started(utterance_id=id, ttfb_ms=ttfb_ms))
        case Timestamps():
            return Server(envelope=envelope, timestamps=_timestamps(event))
        case tts_words.MarkReached():
            reached = Server.MarkReached(utterance_id=event.utterance_id, name=event.name, at_ms=event.at_ms)
            return Server(envelope=envelope, mark_reached=reached)
        case Flushed(id):
            return Server(envelope=envelope, flushed=Server.Flushed(utterance_id=id))
        case tts_words.Done():
            done = Server.Done(
                utterance_id=event.utterance_id,
                audio_ms=event.audio_ms,
                characters=event.characters,
                billed=event.billed,
            )
            return Server(envelope=envelope, done=done)
        case tts_words.Cancelled():
            cut = Server.Cancelled(
                utterance_id=event.utterance_id,
                text_spoken=event.text_spoken,
                text_remaining=event.text_remaining,
                estimated=event.estimated,
            )
            return Server(envelope=envelope, cancelled=cut)
        case tts_words.Used():
            used = Server.Usage(characters=event.characters, audio_ms=event.audio_ms)
            return Server(envelope=envelope, usage=used)
        case Warned(code, message):
            return Server(envelope=envelope, warning=wire.Warning(code=code, message=message))
        case tts_words.Ready():
            ready = Server.Ready(
                model=event.model,
                capabilities=_capabilities(event.capabilities),
                negotiated_output=write_format(event.negotiated_output),
                reused_connection=event.reused_connection,
                connect_ms=event.connect_ms,
            )
            return Server(envelope=envelope, ready=ready)
        case live_words.Over(reason):
            return Server(envelope=envelope, closed=wire.Closed(reason=reason))
        case live_words.Ended(error):
            raise error


def _timestamps(event: Timestamps) -> wire.TtsServer.TimestampItems:
    return Server.TimestampItems(
        utterance_id=event.utterance_id,
        granularity=GRANULARITIES[event.granularity],
        estimated=event.estimated,
        items=[
            Server.TimestampItems.Item(
                text=one.text,
                start_ms=one.start_ms,
                end_ms=one.end_ms,
                char_start=one.char_start,
                char_end=one.char_end,
            )
            for one in event.items
        ],
    )


def _capabilities(known: SynthesisCapabilities) -> wire.TtsServer.Capabilities:
    return Server.Capabilities(
        cancel_native=known.cancel_native,
        word_ts=known.word_timestamps,
        char_ts=known.char_timestamps,
        ssml=known.ssml,
        multi_context=known.multi_context,
        tells_spoken=known.tells_spoken,
        live_update=known.live_update,
    )
