"""The lists of models and of inference profiles
(docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html).
"""

from typing import Any
from urllib.parse import unquote

from lab.bedrock.client import ACCOUNT, REGION, admit, answer, refuse
from lab.bedrock.traits import APPLICATION_PROFILES, Traits, traits
from lab.http import Call, Response

_MODELS = {
    "anthropic.claude-sonnet-4-5-20250929-v1:0": ("Anthropic", "Claude Sonnet 4.5"),
    "anthropic.claude-opus-5-5": ("Anthropic", "Claude Opus 5.5"),
    "anthropic.claude-3-haiku-20240307-v1:0": ("Anthropic", "Claude 3 Haiku"),
    "amazon.nova-pro-v1:0": ("Amazon", "Nova Pro"),
    "amazon.nova-2-lite-v1:0": ("Amazon", "Nova 2 Lite"),
    "amazon.titan-text-express-v1": ("Amazon", "Titan Text G1 - Express"),
    "amazon.titan-embed-text-v2:0": ("Amazon", "Titan Text Embeddings V2"),
    "amazon.nova-2-multimodal-embeddings-v1:0": ("Amazon", "Nova Multimodal Embeddings"),
    "amazon.rerank-v1:0": ("Amazon", "Rerank 1.0"),
    "meta.llama4-maverick-17b-instruct-v1:0": ("Meta", "Llama 4 Maverick 17B Instruct"),
    "mistral.mistral-large-2407-v1:0": ("Mistral AI", "Mistral Large (24.07)"),
    "cohere.embed-v4:0": ("Cohere", "Embed v4"),
    "cohere.rerank-v3-5:0": ("Cohere", "Rerank 3.5"),
    "openai.gpt-oss-120b-1:0": ("OpenAI", "gpt-oss-120b"),
}
_AREAS = ("us", "eu", "global")
_MOST = 1000
_STAMP = "2026-01-15T00:00:00Z"


def listed(call: Call) -> Response:
    """GET /foundation-models. Raises `Refused`."""
    admit(call, "ListFoundationModels")
    output, vendor = call.query.get("byOutputModality"), call.query.get("byProvider")
    kind = call.query.get("byInferenceType")
    if output not in (None, "TEXT", "IMAGE", "EMBEDDING"):
        refuse(call, f"Value '{output}' at 'byOutputModality' failed to satisfy constraint: Member must satisfy "
                     "enum value set: [TEXT, IMAGE, EMBEDDING]")  # fmt: skip
    found = [_summary(id) for id in _MODELS]
    kept = [
        one
        for one in found
        if output in (None, *one["outputModalities"])
        and vendor in (None, one["providerName"])
        and kind in (None, *one["inferenceTypesSupported"])
    ]
    return answer(call, {"modelSummaries": kept})


def one(call: Call) -> Response:
    """GET /foundation-models/{model}. Raises `Refused`."""
    admit(call, "GetFoundationModel")
    id = unquote(call.path.rpartition("/")[2])
    if id not in _MODELS:
        refuse(call, "Could not resolve the foundation model from the provided model identifier.", status=404)
    return answer(call, {"modelDetails": _summary(id)})


def profiles(call: Call) -> Response:
    """GET /inference-profiles, a page at a time. Raises `Refused`."""
    admit(call, "ListInferenceProfiles")
    wanted = call.query.get("type") or call.query.get("typeEquals")
    found = [one for one in _profiles() if wanted in (None, one["type"])]
    most = call.query.get("maxResults", str(_MOST))
    if not most.isdecimal() or not 1 <= int(most) <= _MOST:
        refuse(call, f"maxResults must be between 1 and {_MOST}.")
    token = call.query.get("nextToken", "page-0").removeprefix("page-")
    if not token.isdecimal():
        refuse(call, "The provided nextToken is invalid.")
    start, end = int(token), int(token) + int(most)
    said: dict[str, Any] = {"inferenceProfileSummaries": found[start:end]}
    if end < len(found):
        said["nextToken"] = f"page-{end}"
    return answer(call, said)


def _summary(id: str) -> dict[str, Any]:
    vendor, name = _MODELS[id]
    trait = traits(id) or Traits()
    embeds = trait.language.endswith(("-embed", "-image"))
    return {
        "modelArn": f"arn:aws:bedrock:{REGION}::foundation-model/{id}",
        "modelId": id,
        "modelName": name,
        "providerName": vendor,
        "inputModalities": ["TEXT", *(["IMAGE"] if "image" in trait.media else [])],
        "outputModalities": ["EMBEDDING" if embeds else "TEXT"],
        "responseStreamingSupported": trait.chats,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["INFERENCE_PROFILE" if trait.by_profile else "ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    }


def _profiles() -> list[dict[str, Any]]:
    system = [
        _profile(f"{area}.{id}", f"{area.upper()} {name}", "SYSTEM_DEFINED", "inference-profile", id)
        for id, (_, name) in _MODELS.items()
        if (traits(id) or Traits()).by_profile
        for area in _AREAS
    ]
    own = [
        _profile(id, f"Lab {id}", "APPLICATION", "application-inference-profile", model.removeprefix("us."))
        for id, model in APPLICATION_PROFILES.items()
    ]
    return system + own


def _profile(id: str, name: str, kind: str, resource: str, model: str) -> dict[str, Any]:
    return {
        "inferenceProfileId": id,
        "inferenceProfileName": name,
        "inferenceProfileArn": f"arn:aws:bedrock:{REGION}:{ACCOUNT}:{resource}/{id}",
        "models": [{"modelArn": f"arn:aws:bedrock:{REGION}::foundation-model/{model}"}],
        "status": "ACTIVE",
        "type": kind,
        "createdAt": _STAMP,
        "updatedAt": _STAMP,
    }
