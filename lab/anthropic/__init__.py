"""Anthropic: messages, token counts, models (platform.claude.com/docs/en/api)."""

from lab.anthropic import client, messages, models
from lab.http import Provider

PROVIDER = Provider(
    name="anthropic",
    routes={
        ("POST", "/v1/messages"): messages.create,
        ("POST", "/v1/messages/count_tokens"): messages.count_tokens,
        ("GET", "/v1/models"): models.listed,
    },
    by_id={("GET", "/v1/models"): models.one},
    refusal=client.refusal,
    stream_headers=client.stream_headers,
    example=(
        "curl -N {origin}/anthropic/v1/messages -H 'x-api-key: sk-ant-any' "
        "-H 'anthropic-version: 2023-06-01' -H 'content-type: application/json' "
        """-d '{{"model":"claude-sonnet-4-5","max_tokens":256,"stream":true,"""
        """"messages":[{{"role":"user","content":"Hello"}}]}}'"""
    ),
)
