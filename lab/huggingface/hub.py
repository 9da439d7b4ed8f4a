"""Hugging Face's accounts and models (huggingface.co/docs/hub/api)."""

from typing import Any

from lab.conversation import BIRTH
from lab.http import Call, Refused, Response
from lab.huggingface.client import admit, answer, refusal
from lab.keys import bearer, verdict

CHAT = {
    "meta-llama/Llama-3.3-70B-Instruct": ("together", "novita"),
    "deepseek-ai/DeepSeek-V4-Pro": ("together",),
}
EMBEDDING = {"intfloat/multilingual-e5-large": 256, "sentence-transformers/all-MiniLM-L6-v2": 384}
"""Models of sentences, and the sizes of their vectors."""
TOKENS = {"facebook/bart-base": 64}
"""Models that have a vector for each token."""
PARTNERS = {"together": "/v1", "scaleway": "/v1", "deepinfra": "/v1/openai"}
"""Who else embeds, and where."""
_INFER = "inference.serverless.write"


def whoami(call: Call) -> Response:
    """GET /api/whoami-v2. A key that is forbidden to infer is known all the same. Raises `Refused`."""
    known = verdict(bearer(call))
    if known in ("missing", "invalid"):
        raise Refused(refusal(401, call, "Invalid username or password."))
    scoped = [{"entity": {"_id": "1", "type": "user", "name": "lab"}, "permissions": ["repo.content.read"]}]
    held = {"global": [] if known == "forbidden" else [_INFER], "scoped": scoped, "canReadGatedRepos": False}
    token = {
        "displayName": "lab",
        "role": "fineGrained",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "fineGrained": held,
    }
    return answer(
        call,
        {"type": "user", "id": "1", "name": "lab", "auth": {"type": "access_token", "accessToken": token}},
    )


def model(call: Call) -> Response:
    """GET /api/models/{model}: what it is for, and who serves it. Raises `Refused`."""
    id = call.params["model"]
    if id in CHAT:
        task, partners = "conversational", CHAT[id]
    elif id in EMBEDDING or id in TOKENS:
        task, partners = "feature-extraction", ("hf-inference", *PARTNERS)
    else:
        raise Refused(refusal(404, call, "Repository not found"))
    mapping = {
        partner: {
            "status": "live",
            "providerId": id if partner == "hf-inference" else their_name(id),
            "task": task,
        }
        for partner in partners
    }
    tag = "text-generation" if task == "conversational" else task
    return answer(
        call, {"_id": "1", "id": id, "pipeline_tag": tag, "tags": [task], "inferenceProviderMapping": mapping}
    )


def their_name(id: str) -> str:
    """What partners call a model."""
    return f"partner/{id.rpartition('/')[2].lower()}"


def listed(call: Call) -> Response:
    """GET /v1/models: the router's, which anybody may see. A key that is wrong is refused all the same."""
    admit(call, keyless=True)
    return answer(call, {"object": "list", "data": [_listed(id, partners) for id, partners in CHAT.items()]})


def _listed(id: str, partners: tuple[str, ...]) -> dict[str, Any]:
    architecture = {"input_modalities": ["text", "image"], "output_modalities": ["text"]}
    served = [
        {
            "provider": partner,
            "status": "live",
            "context_length": 131072,
            "pricing": {"input": 0.5, "output": 1.5},
            "supports_tools": True,
            "supports_structured_output": partner == "together",
        }
        for partner in partners
    ]
    return {
        "id": id, "object": "model", "created": BIRTH, "owned_by": id.partition("/")[0], "architecture": architecture,
        "providers": served,
    }  # fmt: skip
