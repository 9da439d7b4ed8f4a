"""The events of a call's sound, as protobuf."""

from integration_api.core.media import Cleared, Dtmf, MarkReached, Stopped
from integration_api.core.session import Warned
from integration_api.dialects.voice_messages import write_format
from integration_api.proto import voice_pb2 as wire
from integration_api.rpc import told_stt, told_tts
from integration_api.services.media_guest import Attached, Audio, Over, Told
from integration_api.services.voice_loop import Listened, Spoke

Server = wire.MediaServer


def write(event: Told, envelope: wire.Envelope) -> wire.MediaServer:
    match event:
        case Audio(data, offset):
            return Server(envelope=envelope, audio=Server.Audio(audio=data, offset_ms=offset))
        case Attached():
            started = Server.Started(
                call_id=event.call_id,
                stream_id=event.stream_id,
                provider=event.provider,
                format=write_format(event.format),
                custom=event.custom,
            )
            return Server(envelope=envelope, started=started)
        case Dtmf(digit, duration):
            return Server(envelope=envelope, dtmf=Server.Dtmf(digit=digit, duration_ms=duration))
        case MarkReached(name, cancelled):
            return Server(envelope=envelope, mark_reached=Server.MarkReached(name=name, cancelled=cancelled))
        case Cleared():
            return Server(envelope=envelope, cleared=Server.Cleared())
        case Stopped(reason):
            return Server(envelope=envelope, stopped=Server.Stopped(reason=reason))
        case Listened(event):
            return Server(envelope=envelope, stt=told_stt.write(event, wire.Envelope()))
        case Spoke(event):
            return Server(envelope=envelope, tts=told_tts.write(event, wire.Envelope()))
        case Warned(code, message):
            return Server(envelope=envelope, warning=wire.Warning(code=code, message=message))
        case Over(reason):
            return Server(envelope=envelope, closed=wire.Closed(reason=reason))
