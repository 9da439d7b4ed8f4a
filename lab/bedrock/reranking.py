"""Rerank of the agents' runtime, and the rerankers' own languages behind InvokeModel
(docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html).
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from lab.bedrock import shapes
from lab.bedrock.client import admit, answer, document, refuse
from lab.bedrock.invoke import Answer, fields, malformed
from lab.bedrock.shapes import Anything, Items, Number, Structure, Text
from lab.bedrock.traits import Traits, traits
from lab.conversation import count
from lab.http import Call, Response
from lab.vectors import relevance

_PAGE = 100  # results; those behind them are asked for by a token
_MOST = 1000
_LONG = Text(1, 32_000)
_SHAPE = Structure(
    {
        "queries": Items(
            Structure(
                {"type": Text(choices=("TEXT",)), "textQuery": Structure({"text": _LONG}, ("text",))},
                ("type", "textQuery"),
            ),
            1,
            1,
        ),
        "sources": Items(
            Structure(
                {
                    "type": Text(choices=("INLINE",)),
                    "inlineDocumentSource": Structure(
                        {
                            "type": Text(choices=("TEXT", "JSON")),
                            "textDocument": Structure({"text": _LONG}, ("text",)),
                            "jsonDocument": Anything((dict,)),
                        },
                        ("type",),
                    ),
                },
                ("type", "inlineDocumentSource"),
            ),
            1,
            _MOST,
        ),
        "rerankingConfiguration": Structure(
            {
                "type": Text(choices=("BEDROCK_RERANKING_MODEL",)),
                "bedrockRerankingConfiguration": Structure(
                    {
                        "modelConfiguration": Structure(
                            {
                                "modelArn": Text(
                                    1, 2048, r"arn:aws[a-z-]*:bedrock:[a-z0-9-]+::foundation-model/.*"
                                ),
                                "additionalModelRequestFields": Anything((dict,)),
                            },
                            ("modelArn",),
                        ),
                        "numberOfResults": Number(1, _MOST, whole=True),
                    },
                    ("modelConfiguration",),
                ),
            },
            ("type", "bedrockRerankingConfiguration"),
        ),
        "nextToken": Text(1, 2048),
    },
    ("queries", "sources", "rerankingConfiguration"),
)


def rerank(call: Call) -> Response:
    """POST /rerank, which knows no API keys. Raises `Refused`."""
    admit(call, "Rerank", api_keys=False)
    body = document(call)
    shapes.check(call, body, _SHAPE)
    asked = body["rerankingConfiguration"]["bedrockRerankingConfiguration"]
    call.model = asked["modelConfiguration"]["modelArn"]
    trait = traits(call.asked.base)
    if trait is None or not trait.language.endswith("-rerank"):
        refuse(call, "The provided model identifier is invalid.")
    query = body["queries"][0]["textQuery"]["text"]
    documents = [_text(call, source["inlineDocumentSource"]) for source in body["sources"]]
    most = asked.get("numberOfResults", len(documents))
    if most > len(documents):
        refuse(call, "The number of results can't be greater than the number of sources.")
    ranked = _ranked(query, documents)[:most]
    start = _place(call, body.get("nextToken"))
    page = [{"index": place, "relevanceScore": score} for place, score in ranked[start : start + _PAGE]]
    said: dict[str, Any] = {"results": page}
    if start + _PAGE < len(ranked):
        said["nextToken"] = urlsafe_b64encode(str(start + _PAGE).encode()).decode()
    return answer(call, said)


def speak(call: Call, body: dict[str, Any], trait: Traits, streamed: bool) -> Answer:
    """Ranks in the model's own language. Raises `Refused`."""
    known: dict[str, Any] = {"query": str, "documents": list, "top_n": (1, _MOST)}
    needed = ["query", "documents"]
    if trait.language == "cohere-rerank":
        known |= {"api_version": (2, 2), "max_tokens_per_doc": (1, 32_000)}
        needed.append("api_version")
    fields(call, body, known, *needed)
    documents = body["documents"]
    if not documents or not all(isinstance(one, str) and one for one in documents):
        malformed(call, "#/documents: expected strings that are not empty")
    ranked = _ranked(body["query"], documents)[: body.get("top_n", len(documents))]
    results = [{"index": place, "relevance_score": score} for place, score in ranked]
    return Answer(sum(map(count, documents)), whole={"results": results})


def _ranked(query: str, documents: list[str]) -> list[tuple[int, float]]:
    scored = [(place, relevance(query, text)) for place, text in enumerate(documents)]
    return sorted(scored, key=lambda one: -one[1])


def _text(call: Call, source: dict[str, Any]) -> str:
    name = f"{source['type'].lower()}Document"
    if name not in source:
        refuse(call, f"A source of type {source['type']} has a {name}.")
    return str(source[name]["text"] if name == "textDocument" else source[name])


def _place(call: Call, token: str | None) -> int:
    if token is None:
        return 0
    try:
        return int(urlsafe_b64decode(token))
    except ValueError:
        refuse(call, "The provided nextToken is invalid.")
