"""ElevenLabs: speaking, live and whole (elevenlabs.io/docs/api-reference)."""

from lab.elevenlabs import client, live, speak
from lab.http import Provider

PROVIDER = Provider(
    name="elevenlabs",
    routes={
        ("POST", "/v1/text-to-speech/{voice}"): speak.whole,
        ("POST", "/v1/text-to-speech/{voice}/stream"): speak.streamed,
        ("POST", "/v1/text-to-speech/{voice}/with-timestamps"): speak.timed,
        ("POST", "/v1/text-to-speech/{voice}/stream/with-timestamps"): speak.streamed_timed,
        ("GET", "/v1/text-to-speech/{voice}/stream-input"): live.single,
        ("GET", "/v1/text-to-speech/{voice}/multi-stream-input"): live.multi,
        ("GET", "/v1/user"): client.user,
        ("GET", "/v2/voices"): client.voices,
    },
    by_id={},
    refusal=client.refusal,
    stream_headers=client.stream_headers,
    example=(
        "curl -N '{origin}/elevenlabs/v1/text-to-speech/lab-voice-0/stream?output_format=pcm_16000' "
        "-H 'xi-api-key: any' -H 'content-type: application/json' "
        """-d '{{"text":"Hello"}}' -o hello.pcm"""
    ),
)
