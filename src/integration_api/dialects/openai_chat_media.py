"""Pictures, sounds and documents as the content parts of OpenAI's language.

https://platform.openai.com/docs/api-reference/chat/create
"""

from typing import Any

from integration_api.core.llm import Bytes, FileRef, Media, PlainText, Url
from integration_api.dialects.notes import Notes, unsupported

AUDIO_FORMATS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/vnd.wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/opus": "opus",
    "audio/aac": "aac",
    "audio/mp4": "m4a",
    "audio/pcm": "pcm16",
}
"""OpenAI itself takes wav and mp3; servers that speak its language take more."""


def data_url(media: Media, source: Bytes, mime: str) -> str:
    return f"data:{media.mime or mime};base64,{source.base64}"


def document_text(media: Media, source: PlainText) -> dict[str, Any]:
    """A document that is text goes as text, its title and context on top."""
    head = "\n".join(filter(None, (media.title or media.filename, media.context)))
    return {"type": "text", "text": f"{head}\n\n{source.text}" if head else source.text}


def openai_media(media: Media, notes: Notes) -> dict[str, Any]:
    """Write one medium. Raises `Failure` (UNSUPPORTED) for what the language cannot say."""
    if media.citations_enabled:
        notes.cannot("citations", "this provider does not cite documents; citations were not asked for")
    match media.kind, media.source:
        case _, PlainText() as source:
            return document_text(media, source)
        case "image", Bytes() as source:
            return _image(data_url(media, source, "image/png"), media)
        case "image", Url(url):
            return _image(url, media)
        case "audio", Bytes(base64):
            format = AUDIO_FORMATS.get(media.mime or "audio/wav")
            if format is None:
                raise unsupported(
                    "messages", f"this provider does not take sound of type {media.mime}; send wav or mp3"
                )
            return {"type": "input_audio", "input_audio": {"data": base64, "format": format}}
        case "document" | "file", Bytes() as source:
            name = media.filename or media.title or "document.pdf"
            file = {"filename": name, "file_data": data_url(media, source, "application/pdf")}
            return {"type": "file", "file": file}
        case "document" | "file" | "image", FileRef(id):
            return {"type": "file", "file": {"file_id": id}}
        case kind, source:
            form = "by URL" if isinstance(source, Url) else "by file id"
            raise unsupported(
                "messages",
                f"this provider does not take {kind} {form if kind != 'video' else 'input'};"
                " send its bytes or choose another model",
            )


def _image(url: str, media: Media) -> dict[str, Any]:
    image = {"url": url}
    if media.detail is not None:
        image["detail"] = media.detail
    return {"type": "image_url", "image_url": image}
