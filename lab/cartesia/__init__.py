"""Cartesia: listening and speaking, live and whole (docs.cartesia.ai/api-reference)."""

from lab.cartesia import client, contexts, stt, turns, whole
from lab.http import Provider

PROVIDER = Provider(
    name="cartesia",
    routes={
        ("GET", "/stt/websocket"): stt.live,
        ("GET", "/stt/turns/websocket"): turns.live,
        ("POST", "/stt"): stt.recorded,
        ("GET", "/tts/websocket"): contexts.live,
        ("POST", "/tts/bytes"): whole.bytes_,
        ("POST", "/tts/sse"): whole.sse,
        ("GET", "/voices"): whole.voices,
        ("POST", "/access-token"): whole.token,
    },
    by_id={},
    refusal=client.refusal,
    stream_headers=client.stream_headers,
    example=(
        "curl -N '{origin}/cartesia/tts/bytes' -H 'authorization: Bearer any' -H 'cartesia-version: 2026-08-14' "
        "-H 'content-type: application/json' "
        """-d '{{"model_id":"sonic-3","transcript":"Hello","voice":"v","output_format":"""
        """{{"container":"wav","encoding":"pcm_s16le","sample_rate":24000}}}}' -o hello.wav"""
    ),
)
