"""Embeddings of Titan, Cohere and Nova behind InvokeModel
(docs.aws.amazon.com/bedrock/latest/userguide/titan-embedding-models.html).
"""

import re
from array import array
from base64 import b64decode
from typing import Any

from lab.bedrock.client import identity, refuse
from lab.bedrock.invoke import Answer, fields, malformed
from lab.bedrock.traits import Traits
from lab.conversation import IMAGE_TOKENS, count
from lab.http import Call
from lab.vectors import narrow, vector

_TITAN_LENGTHS = (256, 512, 1024)
_IMAGE_LENGTHS = (256, 384, 1024)
_V4_LENGTHS = (256, 512, 1024, 1536)
_NOVA_LENGTHS = (256, 384, 1024, 3072)
_MOST_TEXTS = 96
_TITAN_WINDOW = 8192
_INPUT_TYPES = ("search_document", "search_query", "classification", "clustering", "image")
_TYPES = ("float", "int8", "uint8", "binary", "ubinary")
_PURPOSES = (
    "GENERIC_INDEX", "GENERIC_RETRIEVAL", "TEXT_RETRIEVAL", "IMAGE_RETRIEVAL", "VIDEO_RETRIEVAL",
    "DOCUMENT_RETRIEVAL", "AUDIO_RETRIEVAL", "CLASSIFICATION", "CLUSTERING",
)  # fmt: skip
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,.+")
_NOVA_FORMATS = {
    "image": ("png", "jpeg", "gif", "webp"),
    "audio": ("mp3", "wav", "ogg"),
    "video": ("mp4", "mov", "mkv", "webm", "flv", "mpeg", "mpg", "wmv", "3gp"),
}


def titan(call: Call, body: dict[str, Any], trait: Traits, streamed: bool) -> Answer:
    """One text; version 2 alone can be told anything. Raises `Refused`."""
    second = "text-v2" in trait.id
    known: dict[str, Any] = {"inputText": str}
    if second:
        known |= {"dimensions": (1, 1024), "normalize": bool, "embeddingTypes": list}
    fields(call, body, known, "inputText")
    text = body["inputText"]
    if not text:
        malformed(call, "#/inputText: expected minLength: 1, actual: 0")
    tokens = count(text)
    if tokens > _TITAN_WINDOW:
        refuse(
            call,
            f"Too many input tokens. Max input tokens: {_TITAN_WINDOW}, request input token count: {tokens} ",
        )
    length = _length(call, body.get("dimensions"), _TITAN_LENGTHS, 1024) if second else 1536
    found = vector(text, length)
    if body.get("normalize") is False:
        found = array("f", [value * 3 for value in found])
    types = body.get("embeddingTypes") or ["float"]
    said: dict[str, Any] = {"inputTextTokenCount": tokens}
    if second:
        bits = [int(value > 0) for value in found]
        typed = {"float": list(found), "binary": bits}
        said["embeddingsByType"] = {kind: typed[kind] for kind in types if kind in typed}
    if "float" in types:
        said["embedding"] = list(found)
    return Answer(tokens, whole=said)


def titan_image(call: Call, body: dict[str, Any], trait: Traits, streamed: bool) -> Answer:
    """A text, a picture or both. Raises `Refused`."""
    fields(call, body, {"inputText": str, "inputImage": str, "embeddingConfig": dict})
    text, picture = body.get("inputText", ""), body.get("inputImage", "")
    if not text and not picture:
        refuse(call, "Provide inputText, inputImage or both.")
    _base64(call, picture)
    config = body.get("embeddingConfig") or {}
    length = _length(call, config.get("outputEmbeddingLength"), _IMAGE_LENGTHS, 1024)
    tokens = count(text)
    said = {
        "embedding": list(vector(f"{text} {picture}", length)),
        "inputTextTokenCount": tokens,
        "message": None,
    }
    return Answer(tokens, whole=said)


def cohere(call: Call, body: dict[str, Any], trait: Traits, streamed: bool) -> Answer:
    """Texts, pictures, or with version 4 both mixed. Raises `Refused`."""
    fourth = "embed-v4" in trait.id
    known: dict[str, Any] = {
        "texts": list, "images": list, "input_type": str, "truncate": str, "embedding_types": list,
    }  # fmt: skip
    if fourth:
        known |= {"inputs": list, "output_dimension": (1, 1536), "max_tokens": (1, 128_000)}
    fields(call, body, known, "input_type")
    if body["input_type"] not in _INPUT_TYPES:
        malformed(call, f"#/input_type: {body['input_type']} is not a valid enum value")
    if body.get("truncate", "NONE") not in ("NONE", "START", "END", "LEFT", "RIGHT"):
        malformed(call, f"#/truncate: {body['truncate']} is not a valid enum value")
    sources = [name for name in ("texts", "images", "inputs") if body.get(name)]
    if len(sources) != 1:
        malformed(call, "#: exactly one of texts, images and inputs is required")
    texts = _texts(call, body, sources[0])
    types = body.get("embedding_types") or []
    for kind in types:
        if kind not in _TYPES:
            malformed(call, f"#/embedding_types: {kind} is not a valid enum value")
    length = _length(call, body.get("output_dimension"), _V4_LENGTHS, 1536) if fourth else 1024
    found = [vector(text, length) for text in texts]
    by_type = {
        kind: [list(one) if kind == "float" else narrow(one, kind) for one in found]
        for kind in types or ["float"]
    }
    typed = bool(types) or fourth
    said = {
        "id": identity(call),
        "texts": [text.lower() for text in texts],
        "response_type": "embeddings_by_type" if typed else "embeddings_floats",
        "embeddings": by_type if typed else by_type["float"],
    }
    return Answer(sum(map(count, texts)), whole=said)


def nova(call: Call, body: dict[str, Any], trait: Traits, streamed: bool) -> Answer:
    """One text, picture, sound or film. Raises `Refused`."""
    fields(
        call,
        body,
        {"schemaVersion": str, "taskType": str, "singleEmbeddingParams": dict},
        "taskType",
        "singleEmbeddingParams",
    )
    if body["taskType"] != "SINGLE_EMBEDDING":
        malformed(call, f"#/taskType: {body['taskType']} is not a valid enum value")
    asked = body["singleEmbeddingParams"]
    kinds = [name for name in ("text", "image", "audio", "video") if name in asked]
    known = {"embeddingPurpose": str, "embeddingDimension": (1, 3072)} | dict.fromkeys(kinds, dict)
    fields(call, asked, known, "embeddingPurpose")
    if asked["embeddingPurpose"] not in _PURPOSES:
        malformed(
            call,
            f"#/singleEmbeddingParams/embeddingPurpose: {asked['embeddingPurpose']} is not a valid enum value",
        )
    if len(kinds) != 1:
        malformed(call, "#/singleEmbeddingParams: exactly one of text, image, audio and video is required")
    kind, given = kinds[0], asked[kinds[0]]
    if kind == "text":
        if given.get("truncationMode") not in ("START", "END", "NONE"):
            malformed(call, "#/singleEmbeddingParams/text/truncationMode: not a valid enum value")
        text, tokens = given["value"], count(given["value"])
    else:
        if given.get("format") not in _NOVA_FORMATS[kind]:
            malformed(
                call,
                f"#/singleEmbeddingParams/{kind}/format: {given.get('format')} is not a valid enum value",
            )
        if kind == "video" and given.get("embeddingMode") != "AUDIO_VIDEO_COMBINED":
            refuse(call, "The lab makes one vector of a film: embeddingMode AUDIO_VIDEO_COMBINED.")
        text, tokens = given["source"]["bytes"], IMAGE_TOKENS
        _base64(call, text)
    length = _length(call, asked.get("embeddingDimension"), _NOVA_LENGTHS, 3072)
    said = {"embeddings": [{"embeddingType": kind.upper(), "embedding": list(vector(text, length))}]}
    return Answer(tokens, whole=said)


def _texts(call: Call, body: dict[str, Any], source: str) -> list[str]:
    given = body[source]
    if source == "images":
        if len(given) != 1 or not _PICTURE.fullmatch(str(given[0])):
            malformed(call, "#/images: expected one data URL of an image")
        if body["input_type"] != "image":
            malformed(call, "#/input_type: image is expected with images")
        return [str(given[0])]
    if len(given) > _MOST_TEXTS:
        malformed(call, f"#/{source}: expected maximum item count: {_MOST_TEXTS}, found: {len(given)}")
    if source == "inputs":
        return [" ".join(_said(piece) for piece in one["content"]) for one in given]
    for place, text in enumerate(given):
        if not isinstance(text, str) or not text:
            malformed(call, f"#/texts/{place}: expected a string that is not empty")
    return list(given)


def _said(piece: dict[str, Any]) -> str:
    return str(piece["text"] if piece["type"] == "text" else piece["image_url"]["url"])


def _length(call: Call, given: Any, lengths: tuple[int, ...], usual: int) -> int:
    if given is None:
        return usual
    if given not in lengths:
        malformed(call, f"#: {given} is not one of {', '.join(map(str, lengths))}")
    return int(given)


def _base64(call: Call, given: str) -> None:
    try:
        b64decode(given, validate=True)
    except ValueError:
        refuse(call, "The content is not valid base64.")
