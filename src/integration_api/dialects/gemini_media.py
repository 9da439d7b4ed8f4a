"""Pictures, sounds, films and documents as Gemini's parts.

https://ai.google.dev/gemini-api/docs/file-input-methods
"""

from typing import Any

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import Bytes, FileRef, Media, PlainText, Url
from integration_api.dialects.gemini_rules import Rules
from integration_api.dialects.notes import Notes, unsupported

_STARTS = {
    "/9j/": "image/jpeg", "iVBOR": "image/png", "R0lG": "image/gif", "UklGR": None, "JVBERi": "application/pdf",
    "T2dn": "audio/ogg", "SUQz": "audio/mpeg", "ZkxhQ": "audio/flac",
}  # fmt: skip
"""How base64 of a kind begins, for callers who do not say; RIFF may be a picture or a sound."""

_USUAL = {
    "image": "image/png",
    "audio": "audio/wav",
    "video": "video/mp4",
    "document": "application/pdf",
    "file": "application/pdf",
}

_ENDINGS = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif",
    "heic": "image/heic", "heif": "image/heif", "wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac",
    "ogg": "audio/ogg", "aac": "audio/aac", "m4a": "audio/mp4", "mp4": "video/mp4", "mov": "video/quicktime",
    "webm": "video/webm", "mpeg": "video/mpeg", "mpg": "video/mpeg", "pdf": "application/pdf", "txt": "text/plain",
    "md": "text/markdown", "csv": "text/csv", "html": "text/html", "json": "application/json",
}  # fmt: skip

_SPELLED = {
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "image/jpg": "image/jpeg",
    "audio/pcm": "audio/L16;rate=24000",
}

_RESOLUTIONS = {
    "low": "MEDIA_RESOLUTION_LOW",
    "high": "MEDIA_RESOLUTION_HIGH",
    "original": "MEDIA_RESOLUTION_ULTRA_HIGH",
}

_OPTIONS = {
    "mediaResolution": "mediaResolution",
    "media_resolution": "mediaResolution",
    "videoMetadata": "videoMetadata",
    "video_metadata": "videoMetadata",
}


def media(part: Media, rules: Rules, notes: Notes, where: str, *, provider: str) -> list[dict[str, Any]]:
    """Return the parts that one medium becomes: a document that is text has a title and context beside it.

    Raises `Failure` for a file that another provider holds.
    """
    if part.citations_enabled:
        notes.cannot("citations", "Gemini does not cite documents; citations were not asked for")
    if part.cache is not None:
        notes.note("dropped", "cache_control", "Gemini caches prompts by itself")
    head = "\n".join(filter(None, (part.title, part.context)))
    if isinstance(part.source, PlainText):
        return [{"text": f"{head}\n\n{part.source.text}" if head else part.source.text}]
    written = _source(part, where, provider)
    if part.signature is None:  # What the model made itself goes back as it was.
        _look_closely(written, part, rules, notes, where)
    return [{"text": head}, written] if head else [written]


def inline(part: Media, where: str, provider: str) -> dict[str, Any]:
    """Return a medium's content alone, as it may stand in a tool's result."""
    return _source(part, where, provider)


def _source(part: Media, where: str, provider: str) -> dict[str, Any]:
    match part.source:
        case Bytes(base64):
            return {"inlineData": {"mimeType": mime_of(part, base64), "data": base64}}
        case Url(url) if url.startswith("data:"):
            head, comma, data = url[5:].partition(",")
            if not comma or not head.endswith(";base64"):
                raise Failure(Kind.INVALID_REQUEST, "a data: URL must hold base64", param=where)
            kind = part.mime or head.removesuffix(";base64").partition(";")[0]
            return {"inlineData": {"mimeType": kind or _USUAL[part.kind], "data": data}}
        case Url(url):
            return {"fileData": {"mimeType": part.mime or _by_ending(url, part.kind), "fileUri": url}}
        case FileRef(id, origin):
            if origin is not None and origin.provider not in {"", provider}:
                raise Failure(
                    Kind.UNSUPPORTED,
                    f"the file is held by {origin.provider}: send its content instead",
                    param=where,
                    code="foreign_file",
                )
            if id.startswith("gs://"):
                return {"fileData": {"mimeType": part.mime or _by_ending(id, part.kind), "fileUri": id}}
            # What an uploaded file is, its holder knows.
            known = part.mime or (_ENDINGS.get(_ending(id)) if "." in id else None)
            return {"fileData": {"mimeType": known, "fileUri": id} if known else {"fileUri": id}}
        case _:
            raise unsupported(where, f"Gemini cannot be given {part.kind} like that")


def mime_of(part: Media, base64: str) -> str:
    """Return what is in there: as the caller says, or as its first bytes do."""
    if part.mime and part.mime != "application/octet-stream":
        return _SPELLED.get(part.mime, part.mime)
    if base64.startswith("UklGR"):
        return "image/webp" if part.kind == "image" else "audio/wav"
    named = _ENDINGS.get(_ending(part.filename)) if part.filename else None
    told = next((kind for start, kind in _STARTS.items() if kind and base64.startswith(start)), None)
    return told or named or _USUAL[part.kind]


def _by_ending(url: str, kind: str) -> str:
    return _ENDINGS.get(_ending(url.partition("?")[0].partition("#")[0]), _USUAL[kind])


def _ending(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _look_closely(written: dict[str, Any], part: Media, rules: Rules, notes: Notes, where: str) -> None:
    for name, value in (part.options or {}).items():
        if field := _OPTIONS.get(name):
            written[field] = value
        else:
            notes.note("dropped", f"{where}.{name}", "Gemini knows no such option of media")
    if part.detail is None or part.detail == "auto" or "mediaResolution" in written:
        return
    if rules.resolution:
        written["mediaResolution"] = {"level": _RESOLUTIONS[part.detail]}
    else:
        notes.note("dropped", f"{where}.detail", "this model chooses how closely to look by itself")
