"""Reranking by Cohere and Amazon.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html

The agents' API ranks with every such model and takes 1,000 documents, but it knows no API keys: an account
that has only one of those, or that asks for `{"api": "invoke"}`, is served by InvokeModel.
"""

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import Exchange, HttpRequest, decode, json_body
from integration_api.core.llm import Notice, Usage
from integration_api.core.reranking import Ranked, RerankingRequest, RerankingResponse
from integration_api.providers.bedrock import client, invoke
from integration_api.providers.bedrock.embedding import INPUT_TOKENS
from integration_api.providers.bedrock.families import bare
from integration_api.providers.bedrock.options import Body, base_model, merged, native

MAX_DOCUMENTS = 1000
MAX_PAGES = 16
"""More pages than 1,000 documents can fill: a host that never ends must not keep us asking."""

COHERE_VERSION = 2
"""The version of Cohere's own API that InvokeModel speaks."""


class Result(Struct, gc=False):
    """A rank, as either of the two ways spells it."""

    index: int
    relevance_score: float | None = None
    score: float | None = msgspec.field(default=None, name="relevanceScore")


class Results(Struct, gc=False):
    results: list[Result]
    next_token: str | None = msgspec.field(default=None, name="nextToken")


DECODER = msgspec.json.Decoder(Results)


def rerank(ask: RerankingRequest, credential: Credential) -> Exchange[RerankingResponse]:
    """Rank the documents. Raises `Failure` for what cannot be asked, `ProviderError` for the answers."""
    if len(ask.documents) > MAX_DOCUMENTS:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"Bedrock ranks {MAX_DOCUMENTS} documents at most; send fewer",
            code="invalid_value",
            param="documents",
        )
    notices: tuple[Notice, ...] = ()
    if ask.instruction is not None:
        notices = (Notice("dropped", "instruction", "Bedrock's rerankers take no instruction"),)
    can_sign = client.SECRET_ACCESS_KEY.name in credential.held or client.API_KEY.name not in credential.held
    if ask.extras.get("api") == "invoke" or not can_sign:
        results, id, usage = yield from _invoke(ask, credential)
    else:
        results, id, usage = yield from _agents(ask, credential)
    ranked = sorted(
        (
            Ranked(one.index, (one.relevance_score if one.score is None else one.score) or 0.0)
            for one in results
        ),
        key=lambda one: -one.score,
    )
    return RerankingResponse(
        id=id,
        model=ask.model,
        results=tuple(ranked if ask.top_n is None else ranked[: ask.top_n]),
        usage=usage,
        warnings=notices,
    )


def _agents(ask: RerankingRequest, credential: Credential) -> Exchange[tuple[list[Result], str, Usage]]:
    """Ask the agents' API, page by page."""
    model: Body = {"modelArn": arn(ask.model, credential)}
    additional = native(ask.extras)
    if ask.max_tokens_per_document is not None:
        additional["max_tokens_per_doc"] = ask.max_tokens_per_document
    if additional:
        model["additionalModelRequestFields"] = additional
    asked: Body = {"modelConfiguration": model}
    if ask.top_n is not None:
        asked["numberOfResults"] = max(1, min(ask.top_n, len(ask.documents)))
    body: Body = {
        "queries": [{"type": "TEXT", "textQuery": {"text": ask.query}}],
        "sources": [
            {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}}}
            for text in ask.documents
        ],
        "rerankingConfiguration": {
            "type": "BEDROCK_RERANKING_MODEL",
            "bedrockRerankingConfiguration": asked,
        },
    }
    found: list[Result] = []
    id = ""
    for _ in range(MAX_PAGES):
        reply = yield HttpRequest(
            method="POST",
            url=client.address(client.AGENTS, "/rerank", credential),
            headers=client.JSON_BODY,
            body=json_body(body),
            auth=client.signature(credential),
        )
        page = decode(reply, DECODER)
        id = id or reply.headers.get("x-amzn-requestid", "")
        found += page.results
        if not page.next_token:
            break
        body["nextToken"] = page.next_token
    return found, id, Usage()


def _invoke(ask: RerankingRequest, credential: Credential) -> Exchange[tuple[list[Result], str, Usage]]:
    """Ask the model itself, in its vendor's language."""
    body: Body = {"query": ask.query, "documents": list(ask.documents)}
    if ask.top_n is not None:
        body["top_n"] = ask.top_n
    base = bare(base_model(ask.model, ask.extras, credential.fields))
    if base.startswith("cohere."):
        body["api_version"] = COHERE_VERSION
        if ask.max_tokens_per_document is not None:
            body["max_tokens_per_doc"] = ask.max_tokens_per_document
    body = merged(body, native(ask.extras))
    reply = yield client.ask(ask.model, "invoke", body, credential, invoke.JSON_ANSWER)
    tokens = reply.headers.get(INPUT_TOKENS, "")
    usage = Usage(input_total=int(tokens) if tokens.isascii() and tokens.isdigit() else None)
    return decode(reply, DECODER).results, reply.headers.get("x-amzn-requestid", ""), usage


def arn(model: str, credential: Credential) -> str:
    """Return a model's full name, which the agents' API insists on."""
    if model.startswith("arn:"):
        return model
    region = client.region(credential)
    partition = (
        "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    )
    return f"arn:{partition}:bedrock:{region}::foundation-model/{model}"
