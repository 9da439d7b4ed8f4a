"""Sarvam: listening and speaking, live and whole (docs.sarvam.ai/api-reference-docs)."""

from lab.http import Provider
from lab.sarvam import client, listen, realtime, speak

PROVIDER = Provider(
    name="sarvam",
    routes={
        ("GET", "/speech-to-text/ws"): listen.live,
        ("GET", "/speech-to-text-translate/ws"): listen.live,
        ("GET", "/speech-to-text-realtime/ws"): realtime.live,
        ("POST", "/speech-to-text"): listen.recorded,
        ("POST", "/speech-to-text-translate"): listen.recorded,
        ("GET", "/text-to-speech/ws"): speak.live,
        ("POST", "/text-to-speech"): speak.whole,
        ("POST", "/text-to-speech/stream"): speak.streamed,
        ("GET", "/text-to-speech/pronunciation-dictionary"): client.dictionaries,
    },
    by_id={},
    refusal=client.refusal,
    stream_headers=client.stream_headers,
    example=(
        "curl '{origin}/sarvam/text-to-speech' -H 'api-subscription-key: any' -H 'content-type: application/json' "
        """-d '{{"text":"Hello","language_code":"en-IN","speaker":"shubh","model":"bulbul:v3"}}'"""
    ),
)
