"""Pictures, sounds, films and documents as Converse's blocks.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html
"""

import re
from base64 import b64encode
from collections.abc import Mapping

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import Bytes, FileRef, Media, PlainText, Url
from integration_api.dialects.notes import Notes
from integration_api.providers.bedrock.converse_cache import Block
from integration_api.providers.bedrock.families import Family

_IMAGES = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/jpg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
_IMAGE_STARTS = {"/9j/": "jpeg", "iVBOR": "png", "R0lG": "gif", "UklGR": "webp"}
_DOCUMENTS = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "application/json": "txt",
    "application/xml": "txt",
}
_VIDEOS = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/x-matroska": "mkv",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/x-ms-wmv": "wmv",
    "video/wmv": "wmv",
    "video/3gpp": "three_gp",
}
_AUDIOS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/opus": "opus",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/mp4": "mp4",
    "audio/m4a": "m4a",
    "audio/ogg": "ogg",
    "audio/webm": "webm",
    "audio/pcm": "pcm",
}
_FORMATS: Mapping[str, tuple[Mapping[str, str], str]] = {
    "image": (_IMAGES, "png"),
    "document": (_DOCUMENTS, "pdf"),
    "video": (_VIDEOS, "mp4"),
    "audio": (_AUDIOS, "mp3"),
}
"""A kind of media to the formats of its types, and the format that is meant when nothing is said."""

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.-]+)*;base64,", re.ASCII)
_S3 = re.compile(r"s3://[a-z0-9][.\-a-z0-9]{1,61}[a-z0-9](/.*)?", re.DOTALL)

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9\s()\[\]-]", re.ASCII)
_MOST_NAME = 200


class MediaBlocks:
    """Renders the media of one request: no two of its documents have one name."""

    def __init__(self, family: Family, notes: Notes) -> None:
        self._family = family
        self._notes = notes
        self._titles: set[str] = set()
        """Names of documents so far, in lower case."""

    def block(self, media: Media, where: str) -> Block:
        """Render one. Raises `Failure` for what Bedrock can neither read nor fetch."""
        mime, source = media.mime, media.source
        if isinstance(source, Url) and source.url.startswith("data:"):
            head = _DATA_URL.match(source.url)
            if head is None:
                raise Failure(Kind.INVALID_REQUEST, "a data: URL must hold base64", param=where)
            mime, source = head[1] or mime, Bytes(source.url[head.end() :])
        kind = _kind_of(media, mime)
        if media.detail not in {None, "auto"}:
            self._notes.note(
                "dropped", f"{where}.detail", "a model on Bedrock chooses an image's resolution itself"
            )
        held = _source(source, media, where)
        if kind == "document":
            return {"document": self._document(media, mime, source, held, where)}
        return {kind: {"format": _format(kind, mime, source, where), "source": held}}

    def _document(self, media: Media, mime: str | None, source: object, held: Block, where: str) -> Block:
        suffix = (media.filename or "").rpartition(".")[2].lower()
        known = set(_DOCUMENTS.values())
        if isinstance(source, PlainText):
            format = "txt"
            if self._family.search_results:
                held = {"text": source.text}  # Cited by its characters.
        elif mime in {None, "application/octet-stream"} and suffix in known:
            format = suffix
        else:
            format = _format("document", mime, source, where)
        found: Block = {"format": format, "name": self._title(media), "source": held}
        if media.context:
            found["context"] = media.context
        if media.citations_enabled:
            if self._family.search_results:
                found["citations"] = {"enabled": True}
            else:
                self._notes.cannot(
                    "citations", "this model does not cite documents; citations were not asked for"
                )
        return found

    def _title(self, media: Media) -> str:
        """Return a name of the few characters that are allowed, and that no other document has."""
        given = media.title or (media.filename or "").rpartition(".")[0] or media.filename or "document"
        plain = " ".join(_NOT_IN_NAMES.sub(" ", given).split())[: _MOST_NAME - 8].strip() or "document"
        title, count = plain, 1
        while title.lower() in self._titles:
            count += 1
            title = f"{plain} {count}"
        self._titles.add(title.lower())
        return title


def _kind_of(media: Media, mime: str | None) -> str:
    """Return what the media is by its type; a caller's file may be a picture."""
    main = (mime or "").partition("/")[0]
    if media.kind in {"document", "file"}:
        return main if main in {"image", "video", "audio"} else "document"
    return media.kind


def _source(source: object, media: Media, where: str) -> Block:
    match source:
        case Bytes(base64=data):
            return {"bytes": data}
        case PlainText(text=text):
            # Claude alone reads text as such; bytes are read by all.
            return {"bytes": b64encode(text.encode()).decode()}
        case Url(url=uri) | FileRef(id=uri) if _S3.fullmatch(uri):
            location: Block = {"uri": uri}
            if owner := (media.options or {}).get("bucketOwner"):
                location["bucketOwner"] = owner
            return {"s3Location": location}
        case FileRef(origin=origin):
            held = f" by {origin.provider}" if origin is not None and origin.provider else ""
            raise Failure(
                Kind.UNSUPPORTED,
                f"the file is held{held} where Bedrock cannot read it: send its content, or an s3:// address",
                param=where,
                code="foreign_file",
            )
        case _:
            raise Failure(
                Kind.UNSUPPORTED,
                f"Bedrock fetches no {media.kind} from a URL: send its content as a data: URL, or an s3:// address",
                param=where,
                code="unsupported_media",
            )


def _format(kind: str, mime: str | None, source: object, where: str) -> str:
    formats, usual = _FORMATS[kind]
    if kind == "image" and isinstance(source, Bytes):
        # Callers mislabel pictures, and those are refused: the bytes know better.
        for start, found in _IMAGE_STARTS.items():
            if source.base64.startswith(start):
                return found
    if mime is None or mime == "application/octet-stream":
        return usual
    format = formats.get(mime) or ("txt" if kind == "document" and mime.startswith("text/") else None)
    if format is None:
        raise Failure(
            Kind.UNSUPPORTED,
            f"Bedrock takes no {kind} of type {mime}; it takes {', '.join(sorted(set(formats.values())))}",
            param=where,
            code="unsupported_media",
        )
    return format
