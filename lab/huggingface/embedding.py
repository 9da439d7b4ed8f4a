"""Vectors and ranks: TEI's routes, the pipelines of single models, and those of partners
(huggingface.github.io/text-embeddings-inference).
"""

from collections.abc import Mapping
from typing import Any

from lab.conversation import count
from lab.http import Call, Refused, Response, encode
from lab.huggingface.client import admit, answer, document, headers, refuse
from lab.huggingface.hub import EMBEDDING, PARTNERS, TOKENS, their_name
from lab.openai import embedding as openai
from lab.vectors import in_base64, relevance, vector

SERVED = "intfloat/multilingual-e5-large"
"""The model that the lab's TEI was started with."""
MOST_INPUTS = 32
MOST_TOKENS = 512

_PIPELINE = frozenset({"inputs", "normalize", "truncate", "truncation_direction", "prompt_name"})
_EMBED = _PIPELINE | {"dimensions"}
_RERANK = frozenset({"query", "texts", "raw_scores", "return_text", "truncate", "truncation_direction"})


def info(call: Call) -> Response:
    """GET /info. Raises `Refused`."""
    admit(call, keyless=True)
    return answer(
        call,
        {
            "model_id": SERVED, "model_sha": "0", "model_dtype": "float16", "model_type": {"embedding": {"pooling": "mean"}},
            "max_concurrent_requests": 512, "max_input_length": MOST_TOKENS, "max_batch_tokens": 16384,
            "max_client_batch_size": MOST_INPUTS, "auto_truncate": False, "tokenization_workers": 2, "version": "1.8.0",
        },
    )  # fmt: skip


def health(call: Call) -> Response:
    """GET /health."""
    return answer(call, {})


def embed(call: Call) -> Response:
    """POST /embed, which is also what TEI does at its root. Raises `Refused`."""
    admit(call, keyless=True)
    body = document(call)
    texts = _texts(call, body, _EMBED)
    size = body.get("dimensions") or EMBEDDING[SERVED]
    return answer(call, [vector(text, size).tolist() for text in texts], tokens=sum(map(count, texts)))


def embed_openai(call: Call) -> Response:
    """POST /v1/embeddings: OpenAI's route of TEI. Raises `Refused`."""
    admit(call, keyless=True)
    body = document(call)
    texts = _batch(call, body.get("input"), body, at_openais=True)
    size = body.get("dimensions") or EMBEDDING[SERVED]
    data = [
        {"object": "embedding", "index": index, "embedding": _shown(vector(text, size), body)}
        for index, text in enumerate(texts)
    ]
    tokens = sum(map(count, texts))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return answer(call, {"object": "list", "data": data, "model": SERVED, "usage": usage}, tokens=tokens)


def pipeline(call: Call) -> Response:
    """POST /hf-inference/models/{model}/pipeline/feature-extraction. Raises `Refused`."""
    admit(call)
    body = document(call)
    id = call.params["model"]
    if id not in EMBEDDING and id not in TOKENS:
        refuse(call, f"Model {id} does not exist", status=404)
    texts = _texts(call, body, _PIPELINE)
    if id in TOKENS:
        found: list[Any] = [[vector(word, TOKENS[id]).tolist() for word in text.split()] for text in texts]
    else:
        found = [vector(text, EMBEDDING[id]).tolist() for text in texts]
    return answer(call, found[0] if isinstance(body["inputs"], str) else found, tokens=sum(map(count, texts)))


def partner(call: Call) -> Response:
    """POST /{partner}/v1/embeddings, and where else partners embed. Raises `Refused`."""
    admit(call)
    name = call.params["partner"]
    body = document(call)
    sizes = {their_name(id): size for id, size in EMBEDDING.items()}
    if name not in PARTNERS or body.get("model") not in sizes:
        refuse(call, f"{name} has no model {body.get('model')}", status=404)
    return answer(call, openai.embedded(call, body, body["model"], sizes))


def rerank(call: Call) -> Response:
    """POST /rerank: in no order, but for the order of the texts. Raises `Refused`."""
    admit(call, keyless=True)
    body = document(call)
    _known(call, body, _RERANK)
    query = body.get("query")
    if not isinstance(query, str):
        refuse(call, "Failed to deserialize the JSON body into the target type: missing field `query`")
    texts = _batch(call, body.get("texts"), body)
    ranked: list[dict[str, Any]] = [
        {"index": place, "score": relevance(query, text)} for place, text in enumerate(texts)
    ]
    if body.get("return_text"):
        ranked = [{**rank, "text": text} for rank, text in zip(ranked, texts, strict=True)]
    return answer(call, ranked, tokens=sum(count(query) + count(text) for text in texts))


def _texts(call: Call, body: dict[str, Any], fields: frozenset[str]) -> list[str]:
    _known(call, body, fields)
    texts = _batch(call, body.get("inputs"), body)
    side = body.get("truncation_direction")
    if side not in (None, "left", "right", "Left", "Right"):
        refuse(call, f"unknown variant `{side}`, expected `Left` or `Right`")
    return texts


def _batch(call: Call, given: Any, body: Mapping[str, Any], *, at_openais: bool = False) -> list[str]:
    """The texts of a batch that is not too large and has no text that is too long. Raises `Refused`."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        refuse(call, "Failed to deserialize the JSON body into the target type: expected texts")
    if not texts:
        refuse(call, "`inputs` cannot be empty", status=400)
    if len(texts) > MOST_INPUTS:
        _too_much(
            call, f"batch size {len(texts)} > maximum allowed batch size {MOST_INPUTS}", at_openais=at_openais
        )
    longest = max(map(count, texts))
    if longest > MOST_TOKENS and not body.get("truncate"):
        message = (
            f"Input validation error: `inputs` must have less than {MOST_TOKENS} tokens. Given: {longest}"
        )
        _too_much(call, message, at_openais=at_openais)
    return texts


def _too_much(call: Call, message: str, *, at_openais: bool) -> None:
    if at_openais:
        raise Refused(
            Response(413, headers(call), encode({"message": message, "code": 413, "type": "validation"}))
        )
    refuse(call, message, status=413)


def _known(call: Call, body: Mapping[str, Any], fields: frozenset[str]) -> None:
    """Real servers pass over what they do not know; here it would hide a slip."""
    for name in body:
        if name not in fields:
            refuse(call, f"unknown field `{name}`")


def _shown(values: Any, body: Mapping[str, Any]) -> Any:
    return in_base64(values) if body.get("encoding_format") == "base64" else values.tolist()
