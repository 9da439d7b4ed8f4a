"""Parts of a conversation as OpenAI-shaped clients carry them: both ways, so that history survives.

What the official shape has no place for travels in extensions that clients keep:
`reasoning_details` (its `index` is the part's place in the message), `extra_content` for
Gemini's thought signatures, `provider_extra.parts` for what only its maker understands, and
`provider_extra.texts` for how a message's text falls apart.
"""

from bisect import bisect_right
from itertools import accumulate
from typing import Any

import msgspec

from integration_api.core.ids import read_id
from integration_api.core.llm import (
    Bytes,
    Citation,
    FileRef,
    Media,
    MediaSource,
    Opaque,
    Origin,
    Part,
    Reasoning,
    Text,
    TokenLogprob,
    Url,
)
from integration_api.dialects import openai_surface_wire as wire
from integration_api.dialects.openai_surface_json import convert, invalid

GEMINI = "google-gemini-v1"
FAMILIES = {
    "anthropic-claude-v1": "claude",
    GEMINI: "gemini",
    "openai-responses-v1": "gpt",
}
"""What an opaque value's format tells of its origin, for clients that kept only the format."""

AUDIO_MIMES = {"mp3": "audio/mpeg", "wav": "audio/wav", "pcm16": "audio/pcm"}


def origin_fields(origin: Origin) -> dict[str, Any]:
    """Return what is known of `origin`, leaving out what is not."""
    fields: dict[str, Any] = {"provider": origin.provider}
    if origin.family:
        fields["family"] = origin.family
    if origin.model:
        fields["model"] = origin.model
    if origin.credential_id:
        fields["credential_id"] = str(origin.credential_id)  # 64 bits do not survive JavaScript.
    return fields


def read_origin(given: Any, format: str) -> Origin:
    if not isinstance(given, dict):
        return Origin("", FAMILIES.get(format, ""))
    text = {key: value for key, value in given.items() if isinstance(value, str)}
    return Origin(
        text.get("provider", ""),
        text.get("family", "") or FAMILIES.get(format, ""),
        text.get("model", ""),
        read_id(text.get("credential_id", "")) or 0,
    )


# --- signatures that ride on calls and text ----------------------------------------------------


def extra_content(signature: Opaque) -> dict[str, Any]:
    """Return the `extra_content` that carries `signature`, in Google's place for it if it is Google's.

    https://ai.google.dev/gemini-api/docs/thought-signatures
    """
    held = {"origin": origin_fields(signature.origin)}
    if signature.format == GEMINI:
        return {"google": {"thought_signature": signature.data, **held}}
    return {"integration": {"signature": signature.data, "format": signature.format, **held}}


def read_extra_content(given: dict[str, Any] | None) -> Opaque | None:
    """Find the signature in an `extra_content`, if it holds one."""
    if not given:
        return None
    google, ours = given.get("google"), given.get("integration")
    if isinstance(google, dict) and isinstance(google.get("thought_signature"), str):
        return Opaque(google["thought_signature"], GEMINI, read_origin(google.get("origin"), GEMINI))
    if isinstance(ours, dict) and isinstance(ours.get("signature"), str):
        format = str(ours.get("format", ""))
        return Opaque(ours["signature"], format, read_origin(ours.get("origin"), format))
    return None


# --- several texts in one ----------------------------------------------------------------------


def text_place(index: int, at: int, length: int, signature: Opaque | None) -> dict[str, Any]:
    """Return where a stretch of a message's text belongs: `at` is its part's place, `index` that of this."""
    place: dict[str, Any] = {"index": index, "at": at, "length": length}
    return place if signature is None else place | {"extra_content": extra_content(signature)}


def read_texts(
    places: list[wire.TextPlace], text: str, citations: tuple[Citation, ...]
) -> list[tuple[int, Part]] | None:
    """Take a message's text apart as its places tell; None where they tell of another text.

    A citation goes to the stretch in which it begins.
    """
    if sum(place.length for place in places) != len(text) or any(place.length < 0 for place in places):
        return None
    bases = [0, *accumulate(place.length for place in places)]
    cited: dict[int, list[Citation]] = {}
    for one in citations:
        start, end = one.start or 0, one.end or 0
        number = min(bisect_right(bases, start), len(places)) - 1
        base = bases[number]
        cited.setdefault(number, []).append(msgspec.structs.replace(one, start=start - base, end=end - base))
    return [
        (
            place.at,
            Text(
                text[bases[number] : bases[number + 1]],
                tuple(cited.get(number, ())),
                signature=read_extra_content(place.extra_content),
            ),
        )
        for number, place in enumerate(places)
    ]


# --- reasoning ---------------------------------------------------------------------------------


def reasoning_details(part: Reasoning, index: int, text: str) -> list[dict[str, Any]]:
    """Return the details of one reasoning part, saying `text` in them; none when nothing is left to say."""
    details: list[dict[str, Any]] = []
    spoken = reasoning_text(part, index, text)
    if part.kind == "plan" or (part.kind == "summary" and not text):
        spoken["kind"] = (
            part.kind
        )  # A stream's client joins details of one index, of which the last one's type stands.
    if part.id is not None:
        spoken["id"] = part.id
    if part.signature is not None:
        spoken["signature"] = part.signature.data
        spoken["format"] = part.signature.format
        spoken["origin"] = origin_fields(part.signature.origin)
    if text or len(spoken) > 3:
        details.append(spoken)
    if part.encrypted is not None:
        sealed = {"type": "reasoning.encrypted", "index": index, "data": part.encrypted.data}
        if part.signature is None:
            sealed |= {
                "format": part.encrypted.format,
                "origin": origin_fields(part.encrypted.origin),
            }
        if part.redacted:
            sealed["redacted"] = True
        details.append(sealed)
    return details


def reasoning_text(part: Reasoning, index: int, text: str) -> dict[str, Any]:
    """Return a detail that says only `text`."""
    field = "summary" if part.kind == "summary" else "text"
    return {"type": f"reasoning.{field}", "index": index, field: text}


def read_reasoning(details: list[wire.ReasoningDetail], said: str) -> list[tuple[int, Reasoning]]:
    """Join details of one index into one part; `said` is `reasoning_content`.

    A stream says a thought that begins its message in `reasoning_content` alone, which is all thoughts in turn.
    """
    groups: dict[int, list[wire.ReasoningDetail]] = {}
    last = 0
    for detail in details:
        last = detail.index if detail.index is not None else last
        groups.setdefault(last, []).append(detail)
    parts = [(index, _join(group)) for index, group in sorted(groups.items())]
    told = "".join(part.text for _, part in parts)
    untold = said.removesuffix(told)
    if (untold and untold != said) or not told:
        if parts and not (parts[0][0] or parts[0][1].text or parts[0][1].redacted):
            parts[0] = (0, msgspec.structs.replace(parts[0][1], text=untold))
        elif untold:
            parts.insert(0, (-1, Reasoning(untold)))
    return parts


def _join(group: list[wire.ReasoningDetail]) -> Reasoning:
    def first(name: str) -> Any:
        return next((getattr(detail, name) for detail in group if getattr(detail, name) is not None), None)

    format = first("format") or ""
    origin = read_origin(first("origin"), format)
    signature, data = first("signature"), first("data")
    text = "".join((detail.text or "") + (detail.summary or "") for detail in group)
    summary = first("summary") is not None or any(d.type == "reasoning.summary" for d in group)
    return Reasoning(
        text,
        first("kind") or ("summary" if summary else "full"),
        None if signature is None else Opaque(signature, format, origin),
        None if data is None else Opaque(data, format, origin),
        first("id"),
        any(detail.redacted for detail in group),
    )


# --- what only its maker understands -------------------------------------------------------------


def extra_part(part: Part, at: int) -> dict[str, Any]:
    """Return a part in our own form, with its place in the message."""
    return {"at": at, "part": msgspec.to_builtins(part)}


def read_extra_parts(extra: wire.ProviderExtra, param: str) -> list[tuple[int, Part]]:
    parts: list[tuple[int, Part]] = []
    for number, held in enumerate(extra.parts):
        at = held.get("at", number)
        if not isinstance(at, int):
            raise invalid("expected an integer", f"{param}.parts[{number}].at")
        part: Part = convert(held.get("part"), Part, f"{param}.parts[{number}].part")  # type: ignore[arg-type]
        parts.append((at, part))
    return parts


# --- media ---------------------------------------------------------------------------------------


def image(part: Media, url: str, index: int, at: int) -> dict[str, Any]:
    """Return a generated image, with its place in the message."""
    said = {"type": "image_url", "image_url": {"url": url}, "index": index, "at": at}
    return said if part.signature is None else said | {"extra_content": extra_content(part.signature)}


def read_source(given: str, param: str) -> tuple[MediaSource, str | None]:
    """Read a URL or data URL; return where the content is and its media type if the URL says."""
    if not given.startswith("data:"):
        if "://" not in given[:32]:
            raise invalid("expected an https URL or a data URL", param)
        return Url(given), None
    head, comma, data = given[5:].partition(",")
    mime, _, encoding = head.rpartition(";")
    if not comma or encoding != "base64":
        raise invalid("expected a data URL of the form data:<media type>;base64,<data>", param)
    return Bytes(data), mime.partition(";")[0] or None


def media_url(part: Media) -> str | None:
    """Return the URL that shows `part`; None when only its provider can."""
    match part.source:
        case Bytes(base64):
            return f"data:{part.mime or 'application/octet-stream'};base64,{base64}"
        case Url(url):
            return url
        case _:
            return None


def audio_id(part: Media) -> str | None:
    return part.id or (part.source.id if isinstance(part.source, FileRef) else None)


# --- citations, log probabilities ----------------------------------------------------------------


def annotation(citation: Citation, base: int, index: int) -> dict[str, Any]:
    """Return a citation as OpenAI spells it; `base` is where its part begins in the message's text.

    What it has no word for stands beside it, as we spell it.
    """
    rest = {
        name: value
        for name, value in msgspec.to_builtins(citation).items()
        if value is not None and name not in ("url", "title", "start", "end")
    }
    if rest == {"kind": "url"}:
        rest = {}
    said = {
        "type": "url_citation",
        "index": index,
        "url_citation": {
            "start_index": base + (citation.start or 0),
            "end_index": base + (citation.end or 0),
            "title": citation.title or "",
            "url": citation.url or "",
        },
    }
    return said | {"citation": rest} if rest else said


def read_annotations(annotations: list[wire.Annotation], param: str) -> tuple[Citation, ...]:
    return tuple(
        convert(
            {
                "kind": "url",
                **(given.citation or {}),
                "url": given.url_citation.url or None,
                "title": given.url_citation.title or None,
                "start": given.url_citation.start_index,
                "end": given.url_citation.end_index,
            },
            Citation,
            f"{param}[{place}].citation",
        )
        for place, given in enumerate(annotations)
        if given.url_citation is not None
    )


def logprob(token: TokenLogprob) -> dict[str, Any]:
    return {
        "token": token.token,
        "logprob": token.logprob,
        "bytes": token.bytes,
        "top_logprobs": [
            {"token": other.token, "logprob": other.logprob, "bytes": other.bytes} for other in token.top
        ],
    }


def in_order(first: list[Part], rest: list[tuple[int, Part]], last: list[Part]) -> tuple[Part, ...]:
    """Put parts with a known place there, and text (`first`) and calls (`last`) around them."""
    if not rest:
        return (*first, *last)
    placed: list[Part] = []
    queue = [*first, *last]
    for place, part in sorted(rest, key=lambda item: item[0]):
        missing = place - len(placed)
        placed += queue[: max(0, missing)]
        del queue[: max(0, missing)]
        placed.append(part)
    return (*placed, *queue)
