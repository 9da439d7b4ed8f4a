"""Replicate's predictions: created, held, asked about, streamed and cancelled
(replicate.com/docs/reference/http#predictions.create).

An answer that is scripted to finish as `failed` is a prediction that fails, with its text for the reason.
"""

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lab.conversation import Reply, compose, mark
from lab.http import Call, Response
from lab.replicate import inputs
from lab.replicate.client import admit, answer, document, invalid, missing, stream_headers
from lab.replicate.models import Model, find, of_version

KEPT = 1000
"""Predictions that are remembered, oldest out first."""

_BODY = frozenset({"input", "stream", "webhook", "webhook_events_filter"})
_HOLD = re.compile(r"wait(?:=(\d+))?")
_LONGEST_HOLD = 60
_BORN = "2026-11-25T10:00:00.000Z"
_COLD_POLLS = 2
_LAST = 1 << 20
_TERMINAL = frozenset({"succeeded", "failed", "canceled"})
_BROKE = "Prediction interrupted; please retry (code: PA)"


@dataclass(slots=True)
class Made:
    """A prediction and how far it has come: `left` is how often it must be asked about until it goes on."""

    id: str
    model: Model
    given: dict[str, Any]
    reply: Reply
    streamed: bool
    origin: str
    left: int = 0
    status: str = "starting"
    text: list[str] = field(default_factory=list)

    @property
    def fails(self) -> bool:
        """Whether it will not succeed."""
        return self.reply.native_finish == "failed"

    def pieces(self) -> list[str]:
        """Its whole output; thoughts stand in tags before it."""
        if not self.text:
            thoughts = self.reply.reasoning
            self.text = [*(["<think>", *thoughts, "</think>\n\n"] if thoughts else ()), *self.reply.text]
        return self.text

    def ask(self) -> None:
        """Let some time pass."""
        if self.left:
            self.left -= 1
        elif self.status == "starting":
            self.status = "processing"
        elif self.status == "processing":
            self.finish()

    def finish(self) -> None:
        """Let all of its time pass."""
        if self.status not in _TERMINAL:
            self.status = "failed" if self.fails else "succeeded"

    def told(self, *, early: bool = False) -> dict[str, Any]:
        """The prediction as Replicate shows it; `early` is when a held reply comes: whole, and not yet closed."""
        over = self.status in _TERMINAL
        whole = (over or early) and self.status != "canceled" and not self.fails
        urls = {
            name: f"{self.origin}/v1/predictions/{self.id}{rest}"
            for name, rest in (("get", ""), ("cancel", "/cancel"))
        }
        if self.streamed:
            urls["stream"] = f"{self.origin}/v1/streams/{self.id}"
        metrics = {
            "predict_time": 0.5, "total_time": 0.6, "input_token_count": self.reply.input_tokens,
            "output_token_count": self.reply.output_tokens,
        }  # fmt: skip
        return {
            "id": self.id, "model": self.model.path, "version": self.model.version, "input": self.given, "logs": "",
            "output": self.pieces() if whole else None,
            "data_removed": False,
            "error": "".join(self.pieces()) or _BROKE if self.status == "failed" else None,
            "status": self.status, "created_at": _BORN, "started_at": _BORN if self.status != "starting" else None,
            "completed_at": _BORN if over else None, "urls": urls, "metrics": metrics if over else {},
        }  # fmt: skip


_made: OrderedDict[str, Made] = OrderedDict()


def of_model(call: Call) -> Response:
    """POST /v1/models/{owner}/{name}/predictions. Raises `Refused`."""
    admit(call)
    return _create(call, find(call, call.params["owner"], call.params["name"]), document(call), _BODY)


def of_deployment(call: Call) -> Response:
    """POST /v1/deployments/{owner}/{name}/predictions. Raises `Refused`."""
    return of_model(call)


def of_any(call: Call) -> Response:
    """POST /v1/predictions. Raises `Refused`."""
    admit(call)
    body = document(call)
    version = body.get("version")
    if not isinstance(version, str):
        invalid(call, [("required", "", "version is required")])
    model = of_version(call, version.rpartition(":")[2])
    return _create(call, model, body, _BODY | {"version"})


def _create(call: Call, model: Model, body: dict[str, Any], allowed: frozenset[str]) -> Response:
    given = inputs.check(call, model, body, allowed)
    streamed = body.get("stream") is not False
    call.model = model.path
    if body.get("stream") and call.asked.fault is not None and call.asked.fault.status is None:
        call.model = model.path.partition("-lab-")[0]  # What spoils an answer spoils its stream.
    shape = Call(call.method, call.path, {}, {}, call.body, model=model.path)
    reply = compose(inputs.read(shape, model, given), call.take(), provider="Replicate")
    made = Made(
        id=mark(call, 22, str(call.serial)).lower() + f"{call.serial % 10000:04d}",
        model=model,
        given=given,
        reply=reply,
        streamed=streamed,
        origin=f"{call.origin}/replicate",
        left={"cold": _COLD_POLLS, "frozen": 1 << 30}.get(shape.asked.base.rpartition("-")[2], 0),
    )
    _made[made.id] = made
    while len(_made) > KEPT:
        _made.popitem(last=False)
    hold = _HOLD.fullmatch(call.header("prefer"))
    if hold is not None and not 1 <= int(hold[1] or _LONGEST_HOLD) <= _LONGEST_HOLD:
        invalid(call, [("invalid", "Prefer", f"wait must be between 1 and {_LONGEST_HOLD} seconds")])
    held = hold is not None and not made.left
    if held:
        made.status = "failed" if made.fails else "processing"
    response = answer(call, made.told(early=held), status=201)
    response.delay_ms = reply.delay_ms if hold is not None else 0
    if hold is not None:
        response.headers.append(("preference-applied", hold[0]))
    return response


def one(call: Call) -> Response:
    """GET /v1/predictions/{id}. Raises `Refused`."""
    admit(call)
    made = _find(call)
    made.ask()
    return answer(call, made.told())


def listed(call: Call) -> Response:
    """GET /v1/predictions: the newest, in one page. Raises `Refused`."""
    admit(call)
    newest = [made.told() for made in reversed(_made.values())][:100]
    return answer(call, {"previous": None, "next": None, "results": newest})


def cancel(call: Call) -> Response:
    """POST /v1/predictions/{id}/cancel. Raises `Refused`."""
    admit(call)
    made = _find(call)
    if made.status not in _TERMINAL:
        made.status = "canceled"
    return answer(call, made.told())


def stream(call: Call) -> Response:
    """GET /v1/streams/{id}: its output as it is made. Raises `Refused`."""
    admit(call)
    made = _find(call)
    call.model = made.model.path
    if call.asked.fault is not None and call.asked.fault.status is not None:
        call.model = ""  # It was met when the prediction was created.
    made.left, made.status = 0, "processing" if made.status == "starting" else made.status
    return Response(
        200,
        stream_headers(call),
        events=_events(made),
        ending=[_event("done", '{"reason": "error"}' if made.fails else "{}", _LAST)],
        error_event=_event("error", _BROKE, _LAST),
        delay_ms=made.reply.delay_ms,
        gap_ms=made.reply.gap_ms or call.asked.gap_ms,
        lazy=True,
    )


def _events(made: Made) -> Iterator[bytes]:
    """The output while it is made: it ends when the prediction does."""
    yield b": hi\n\n"
    if made.fails:
        yield _event("error", "".join(made.pieces()) or _BROKE, 1)
    else:
        for number, piece in enumerate(made.pieces(), 1):
            if made.status == "canceled":
                break
            yield _event("output", piece, number)
    made.finish()


def _event(name: str, data: str, number: int) -> bytes:
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"event: {name}\nid: {number}:0\n{lines}\n".encode()


def _find(call: Call) -> Made:
    return _made.get(call.params["id"]) or missing(call)
