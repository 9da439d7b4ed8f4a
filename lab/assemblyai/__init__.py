"""AssemblyAI: listening, live and whole (assemblyai.com/docs/api-reference)."""

from lab.assemblyai import client, jobs, live
from lab.http import Provider

PROVIDER = Provider(
    name="assemblyai",
    routes={
        ("GET", "/v3/ws"): live.live,
        ("GET", "/v3/token"): live.token,
        ("POST", "/v2/upload"): jobs.upload,
        ("POST", "/v2/transcript"): jobs.submit,
        ("GET", "/v2/transcript"): jobs.listed,
        ("GET", "/v2/transcript/{id}"): jobs.ask,
        ("POST", "/v1/transcribe/live"): jobs.short,
        ("GET", "/v1/warm"): jobs.warm,
    },
    by_id={},
    refusal=client.refusal,
    stream_headers=client.stream_headers,
    example="curl '{origin}/assemblyai/v2/upload' -H 'authorization: any' --data-binary @speech.wav",
)
