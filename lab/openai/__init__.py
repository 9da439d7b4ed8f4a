"""OpenAI: chat completions, embeddings, moderations, audio, live transcripts, models (platform.openai.com/docs/api-reference)."""

from lab.http import Provider
from lab.openai import audio, chat, client, embedding, models, moderation, realtime

PROVIDER = Provider(
    name="openai",
    routes={
        ("POST", "/v1/chat/completions"): chat.complete,
        ("POST", "/v1/embeddings"): embedding.embed,
        ("POST", "/v1/moderations"): moderation.moderate,
        ("POST", "/v1/audio/transcriptions"): audio.transcribed,
        ("POST", "/v1/audio/translations"): audio.translated,
        ("POST", "/v1/audio/speech"): audio.spoken,
        ("GET", "/v1/models"): models.listed,
        ("GET", "/v1/realtime"): realtime.live,
    },
    by_id={("GET", "/v1/models"): models.one},
    refusal=client.refusal,
    stream_headers=client.stream_headers,
    example=(
        "curl -N {origin}/openai/v1/chat/completions -H 'authorization: Bearer sk-any' "
        "-H 'content-type: application/json' "
        """-d '{{"model":"gpt-4o","stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'"""
    ),
)
