"""Replicate: models with schemas of their own, run as predictions (replicate.com/docs/reference/http)."""

from lab.http import Provider
from lab.replicate import client, models, predictions

_MODEL = "/v1/models/{owner}/{name}"
_DEPLOYMENT = "/v1/deployments/{owner}/{name}"

PROVIDER = Provider(
    name="replicate",
    routes={
        ("GET", "/v1/account"): client.account,
        ("GET", "/v1/models"): models.listed,
        ("GET", _MODEL): models.one,
        ("GET", f"{_MODEL}/versions/{{version}}"): models.version,
        ("GET", "/v1/collections/{slug}"): models.collection,
        ("GET", _DEPLOYMENT): models.deployment,
        ("POST", f"{_MODEL}/predictions"): predictions.of_model,
        ("POST", f"{_DEPLOYMENT}/predictions"): predictions.of_deployment,
        ("POST", "/v1/predictions"): predictions.of_any,
        ("GET", "/v1/predictions"): predictions.listed,
        ("GET", "/v1/predictions/{id}"): predictions.one,
        ("POST", "/v1/predictions/{id}/cancel"): predictions.cancel,
        ("GET", "/v1/streams/{id}"): predictions.stream,
    },
    by_id={},
    refusal=client.refusal,
    stream_headers=client.stream_headers,
    example=(
        "curl {origin}/replicate/v1/models/meta/meta-llama-3-70b-instruct/predictions -H 'authorization: Bearer any' "
        "-H 'content-type: application/json' -H 'prefer: wait' "
        """-d '{{"input":{{"prompt":"Hello"}}}}'"""
    ),
)
