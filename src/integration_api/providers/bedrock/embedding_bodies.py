"""What to send each embedding model, in batches as large as it takes.

https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from msgspec import Struct

from integration_api.core.embedding import EmbeddingInput, EmbeddingRequest
from integration_api.core.llm import Bytes, Media, Text, Url
from integration_api.dialects.notes import Notes, unsupported
from integration_api.providers.bedrock.options import Body

MOST_TEXTS = 96
"""Texts in one request to Cohere."""


class Shown(Struct, frozen=True):
    """A picture, a sound or a film: its content in base64."""

    kind: str
    format: str
    data: str


class Batch(Struct, frozen=True):
    """One request: its body, and how many vectors answer it."""

    body: Body
    size: int = 1
    bits: bool = False
    """Whether the answer has a number for each bit."""


Render: TypeAlias = Callable[[str, EmbeddingRequest, Notes], Iterator[Batch]]

_INPUT_TYPES = {
    "query": "search_query",
    "document": "search_document",
    "classification": "classification",
    "clustering": "clustering",
    "image": "image",
}
_PURPOSES = {
    "query": "GENERIC_RETRIEVAL",
    "document": "GENERIC_INDEX",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
_TRUNCATIONS = {"none": "NONE", "start": "START", "end": "END", "auto": "END"}
_DATA_URL = re.compile(r"data:(image|audio|video)/([\w.+-]+)(?:;[\w=.-]+)*;base64,", re.ASCII)
_USUAL = {"image": "png", "audio": "mp3", "video": "mp4"}
_FORMATS = {
    "jpg": "jpeg",
    "x-wav": "wav",
    "wave": "wav",
    "quicktime": "mov",
    "x-matroska": "mkv",
    "x-flv": "flv",
    "x-ms-wmv": "wmv",
    "3gpp": "3gp",
}
"""Subtypes of media types that Bedrock names otherwise."""


def titan_text(model: str, ask: EmbeddingRequest, notes: Notes) -> Iterator[Batch]:
    """One text a request; only version 2 can be told anything."""
    second = "text-v2" in model
    options: Body = {}
    bits = ask.dtype in {"binary", "ubinary"}
    if ask.dtype not in {"float", "binary", "ubinary"} or (bits and not second):
        raise unsupported("dtype", "this model gives float vectors, and Titan version 2 binary ones too")
    if ask.dimensions is not None:
        if not second:
            raise unsupported("dimensions", "this model's vectors have one length")
        options["dimensions"] = ask.dimensions
    if ask.normalize is not None:
        if second:
            options["normalize"] = ask.normalize
        elif ask.normalize is False:
            notes.cannot("normalize", "this model cannot be told about lengths")
    if bits:
        options["embeddingTypes"] = ["binary"]
    _unheard(ask, notes, "input_type", "truncate", "title", "user")
    for one in ask.inputs:
        yield Batch({"inputText": _text(one), **options}, bits=bits)


def titan_image(model: str, ask: EmbeddingRequest, notes: Notes) -> Iterator[Batch]:
    """One text, one picture, or both together, a request."""
    _floats(ask)
    options: Body = {}
    if ask.dimensions is not None:
        options["embeddingConfig"] = {"outputEmbeddingLength": ask.dimensions}
    _unheard(ask, notes, "input_type", "truncate", "title", "user", "normalize")
    for one in ask.inputs:
        body: Body = {}
        texts, pictures = _pictured(one)
        if texts:
            body["inputText"] = "\n".join(texts)
        if len(pictures) > 1:
            raise unsupported("input", "this model embeds one picture at a time")
        for picture in pictures:
            body["inputImage"] = picture.data
        yield Batch(body | options)


def cohere(model: str, ask: EmbeddingRequest, notes: Notes) -> Iterator[Batch]:
    """96 texts a request; pictures alone with version 3, or mixed with texts with version 4."""
    fourth = "embed-v4" in model
    input_type = _INPUT_TYPES.get(ask.input_type or "document")
    if input_type is None:
        notes.note("mapped", "input_type", f"Cohere has no {ask.input_type}: embedded as a document")
        input_type = "search_document"
    options: Body = {"input_type": input_type}
    if ask.truncate is not None:
        options["truncate"] = _TRUNCATIONS[ask.truncate]
    if ask.dtype != "float" or fourth:
        options["embedding_types"] = [ask.dtype]
    if ask.dimensions is not None:
        if not fourth:
            raise unsupported("dimensions", "this model's vectors have one length")
        options["output_dimension"] = ask.dimensions
    _unheard(ask, notes, "title", "user", "normalize")
    for one in _runs([_pictured(one) for one in ask.inputs]):
        texts = [texts for texts, _ in one]
        if not one[0][1]:
            yield Batch({"texts": ["\n".join(text) for text in texts], **options}, len(one))
        elif fourth:
            inputs = [{"content": _contents(*both)} for both in one]
            yield Batch({"inputs": inputs, **options}, len(one))
        elif any(texts):
            raise unsupported("input", "this model embeds a text or a picture, not both together")
        else:
            # Version 3 wants them one by one, and to be told so.
            for _, pictures in one:
                images = [_data_url(picture) for picture in pictures]
                if len(images) != 1:
                    raise unsupported("input", "this model embeds one picture at a time")
                yield Batch({"images": images, **options, "input_type": "image"})


def nova(model: str, ask: EmbeddingRequest, notes: Notes) -> Iterator[Batch]:
    """One text, picture, sound or film a request."""
    _floats(ask)
    purpose = _PURPOSES.get(ask.input_type or "document")
    if purpose is None:
        notes.note("mapped", "input_type", f"Nova has no {ask.input_type}: embedded as a document")
        purpose = "GENERIC_INDEX"
    options: Body = {"embeddingPurpose": purpose}
    if ask.dimensions is not None:
        options["embeddingDimension"] = ask.dimensions
    _unheard(ask, notes, "title", "user", "normalize")
    for one in ask.inputs:
        texts, shown = _parts(one)
        if len(shown) + bool(texts) != 1:
            raise unsupported("input", "this model embeds one text, picture, sound or film at a time")
        what: Body
        if texts:
            mode = _TRUNCATIONS[ask.truncate or "none"]
            what = {"text": {"truncationMode": mode, "value": "\n".join(texts)}}
        else:
            held: Body = {"format": shown[0].format, "source": {"bytes": shown[0].data}}
            if shown[0].kind == "video":
                held["embeddingMode"] = "AUDIO_VIDEO_COMBINED"  # One vector, as one input is owed.
            what = {shown[0].kind: held}
        yield Batch({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {**options, **what}})


_LANGUAGES: tuple[tuple[re.Pattern[str], Render], ...] = (
    (re.compile(r"amazon\.titan-embed-(text|g1)"), titan_text),
    (re.compile(r"amazon\.titan-embed-image"), titan_image),
    (re.compile(r"cohere\.embed-"), cohere),
    (re.compile(r"amazon\.nova-2-multimodal-embeddings"), nova),
)


def language(model: str) -> Render | None:
    """Return how to speak to a model, or None for one that embeds nothing."""
    return next((render for pattern, render in _LANGUAGES if pattern.match(model)), None)


def _runs(inputs: Sequence[tuple[list[str], list[Shown]]]) -> Iterator[list[tuple[list[str], list[Shown]]]]:
    """Cut the inputs into batches, none of which mixes plain texts with pictures."""
    run: list[tuple[list[str], list[Shown]]] = []
    for one in inputs:
        if run and (len(run) == MOST_TEXTS or bool(run[0][1]) != bool(one[1])):
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _contents(texts: list[str], pictures: list[Shown]) -> list[Body]:
    return [
        *({"type": "text", "text": text} for text in texts),
        *({"type": "image_url", "image_url": {"url": _data_url(picture)}} for picture in pictures),
    ]


def _data_url(shown: Shown) -> str:
    return f"data:{shown.kind}/{shown.format};base64,{shown.data}"


def _text(one: EmbeddingInput) -> str:
    texts, shown = _parts(one)
    if shown:
        raise unsupported("input", "this model embeds text only")
    return "\n".join(texts)


def _pictured(one: EmbeddingInput) -> tuple[list[str], list[Shown]]:
    texts, shown = _parts(one)
    if any(each.kind != "image" for each in shown):
        raise unsupported("input", "this model embeds texts and pictures only")
    return texts, shown


def _parts(one: EmbeddingInput) -> tuple[list[str], list[Shown]]:
    """Return an input's texts, and what it shows."""
    if isinstance(one, str):
        return [one], []
    texts: list[str] = []
    shown: list[Shown] = []
    for part in one:
        match part:
            case Text(text=text):
                texts.append(text)
            case Media(kind="image" | "audio" | "video" as kind, source=Bytes(base64=data), mime=mime):
                shown.append(Shown(kind, _format(kind, (mime or "").partition("/")[2]), data))
            case Media(source=Url(url=url)) if head := _DATA_URL.match(url):
                shown.append(Shown(head[1], _format(head[1], head[2]), url[head.end() :]))
            case Media():
                raise unsupported(
                    "input",
                    "Bedrock embeds pictures, sounds and films given by their content, as a data: URL",
                )
            case _:
                raise unsupported(
                    "input",
                    "bedrock does not take token ids; send text"
                    " (LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False))",
                )
    return texts, shown


def _format(kind: str, subtype: str) -> str:
    if kind == "audio" and subtype == "mpeg":
        return "mp3"
    return _FORMATS.get(subtype, subtype) or _USUAL[kind]


def _floats(ask: EmbeddingRequest) -> None:
    if ask.dtype != "float":
        raise unsupported("dtype", "this model gives float vectors only")


def _unheard(ask: EmbeddingRequest, notes: Notes, *names: str) -> None:
    """Note what this model has no word for; what it does anyway is not worth a word."""
    for name in names:
        value = getattr(ask, name)
        if value is not None and value is not True and (name, value) != ("truncate", "none"):
            notes.cannot(name, f"this model does not know {name}")
