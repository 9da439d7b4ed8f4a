"""Deepgram: listening and speaking, live and whole (developers.deepgram.com/reference)."""

from lab.deepgram import client, flux, listen, speak, voices
from lab.http import Provider

PROVIDER = Provider(
    name="deepgram",
    routes={
        ("GET", "/v1/listen"): listen.live,
        ("POST", "/v1/listen"): listen.recorded,
        ("GET", "/v2/listen"): flux.live,
        ("GET", "/v1/speak"): speak.live,
        ("POST", "/v1/speak"): speak.whole,
        ("GET", "/v2/speak"): speak.flux,
        ("GET", "/v1/projects"): client.projects,
        ("GET", "/v1/models"): voices.models,
    },
    by_id={},
    refusal=client.refusal,
    stream_headers=client.stream_headers,
    example=(
        "curl -N '{origin}/deepgram/v1/speak?model=aura-2-thalia-en&encoding=linear16&container=wav' "
        "-H 'authorization: Token any' -H 'content-type: application/json' "
        """-d '{{"text":"Hello"}}' -o hello.wav"""
    ),
)
