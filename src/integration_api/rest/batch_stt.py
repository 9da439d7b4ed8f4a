"""POST /v1/audio/transcriptions and /translations. https://platform.openai.com/docs/api-reference/audio"""

from msgspec.structs import replace

from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Scope
from integration_api.dialects import openai_surface_stt as surface
from integration_api.dialects.notes import Notes
from integration_api.dialects.openai_surface_wire import ProviderChoice
from integration_api.edge.application import Response
from integration_api.rest.answers import JSON, SSE_HEADERS
from integration_api.rest.form import Form, provider_choice, read_form
from integration_api.rest.routing import Ask, Route
from integration_api.rest.shapes import Transcription, TranscriptionForm
from integration_api.rest.streaming import PING, first_of, follow
from integration_api.rest.targeting import strict, target_of
from integration_api.services.batch_stt import transcribe
from integration_api.services.particulars import call_headers
from integration_api.services.relay_stt import RecordingRelays
from integration_api.services.target import Target
from integration_api.services.unary import Unary

LANGUAGE = "openai_audio"

UPLOADS = ("/v1/audio/transcriptions", "/v1/audio/translations")
FORM_BYTES = 4 << 20
"""What a form may hold beside the recording: a prompt, and samples of four speakers."""


class RecordingDoor:
    def __init__(self, unary: Unary, relays: RecordingRelays, *, most: int) -> None:
        self._unary = unary
        self._relays = relays
        self._most = most

    async def transcribe(self, ask: Ask) -> Response:
        return await self._answer(ask, translate=False)

    async def translate(self, ask: Ask) -> Response:
        return await self._answer(ask, translate=True)

    async def _answer(self, ask: Ask, *, translate: bool) -> Response:
        form = read_form(ask)
        fields, file = form.fields(), form.file("file")
        if file is None or not file.data:
            raise Failure(
                Kind.INVALID_REQUEST,
                "send the recording as the form's `file`",
                code="missing_required_parameter",
                param="file",
            )
        if len(file.data) > self._most:
            raise Failure(
                Kind.TOO_LARGE,
                f"the recording is larger than {self._most} bytes",
                code="request_too_large",
                param="file",
            )
        asked = surface.read_transcription(
            fields,
            audio=file.data,
            filename=file.filename or "audio",
            mime=file.type or "application/octet-stream",
            translate=translate,
        )
        chosen = provider_choice(fields)
        target = target_of(ask, asked.model, chosen)
        if self._relays.passes(target, LANGUAGE, stream=asked.stream):
            return await self._relay(ask, target, form, chosen, stream=asked.stream, translate=translate)
        notes = Notes(strict=strict(ask))
        surface.left_out(fields, notes)
        extras = {} if chosen is None else chosen.options
        request = replace(asked.request, extras=extras, strict=strict(ask))
        call, told = await transcribe(self._unary, ask.origin, target, request)
        headers = call_headers(call, (*notes.all, *told.warnings))
        if asked.stream:
            return Response(200, [*SSE_HEADERS, *headers], surface.events(told, asked) + surface.DONE)
        kind = surface.KINDS.get(asked.format)
        return Response(
            200, [(b"content-type", kind) if kind else JSON, *headers], surface.render(told, asked)
        )

    async def _relay(
        self,
        ask: Ask,
        target: Target,
        form: Form,
        chosen: ProviderChoice | None,
        *,
        stream: bool,
        translate: bool,
    ) -> Response:
        """Give the provider the caller's own form, and the caller the provider's own answer."""
        kind, body = form.passed_on(target.model, {} if chosen is None else chosen.options)
        if not stream:
            call, answered, told = await self._relays.relay(
                ask.origin, target, kind, body, translate=translate
            )
            return Response(200, [(b"content-type", answered.encode()), *call_headers(call)], told)
        call, chunks = await self._relays.relay_stream(ask.origin, target, kind, body)
        first = await first_of(call, chunks)
        return Response(
            200,
            [*SSE_HEADERS, *call_headers(call)],
            follow(first, chunks, lambda chunk: chunk, lambda: b""),
            keepalive=PING,
        )

    def routes(self) -> list[Route]:
        return [
            Route(method="POST", path=UPLOADS[0], handler=self.transcribe, scope=Scope.INFER,
                  summary="Write a recording down", body=TranscriptionForm, form=True,
                  answer=Transcription, streams=True),
            Route(method="POST", path=UPLOADS[1], handler=self.translate, scope=Scope.INFER,
                  summary="Write a recording down in English", body=TranscriptionForm, form=True,
                  answer=Transcription),
        ]  # fmt: skip
