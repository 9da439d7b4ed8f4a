"""Voyage's keys, headers and refusals: a detail, in words or as findings (docs.voyageai.com/docs/error-codes)."""

from typing import Any, NoReturn

import msgspec

from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import bearer, verdict

ATLAS = "al-"
"""Keys of MongoDB Atlas: another address knows them, and this one does not."""

_WORDS = {
    400: "The request is invalid.",
    401: "Provided API key is invalid.",
    403: "You do not have permission to access this resource.",
    404: "Not Found",
    422: [{"loc": ["body", "model"], "msg": "field required", "type": "value_error.missing"}],
    429: "You have not yet added your payment method in the billing page and will have reduced rate limits of 3 RPM"
    " and 10K TPM.",
    500: "Internal Server Error",
}


def headers(call: Call) -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [("content-type", JSON), ("server", "uvicorn"), ("x-request-id", f"{call.serial:032x}")]


def answer(call: Call, document: Any) -> Response:
    """A good answer."""
    return Response(200, headers(call), encode(document))


def refuse(call: Call, detail: Any, *, status: int = 400) -> NoReturn:
    """Raises `Refused`: the request is not one that Voyage would accept."""
    raise Refused(Response(status, headers(call), encode({"detail": detail})))


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What Voyage says with a status, or `words` in its shape; what stands before it answers in HTML."""
    if status in (502, 503, 504) and not words:
        page = f"<html><head><title>{status}</title></head><body>{status}</body></html>\n"
        return Response(status, [("content-type", "text/html")], page.encode())
    return Response(
        status, headers(call), encode({"detail": words or _WORDS.get(status, "The request failed.")})
    )


def document(call: Call, fields: frozenset[str]) -> dict[str, Any]:
    """The body of a request with a good key and no field but these. Raises `Refused`."""
    key = bearer(call)
    match verdict(key):
        case "missing":
            raise Refused(refusal(401, call, "API key is missing"))
        case "forbidden":
            raise Refused(refusal(403, call))
        case "noquota":
            raise Refused(refusal(429, call))
        case word if word == "invalid" or key.startswith(ATLAS):
            raise Refused(refusal(401, call))
    try:
        body = call.json()
    except msgspec.DecodeError:
        body = None
    if not isinstance(body, dict):
        finding = {"loc": ["body"], "msg": "value is not a valid dict", "type": "type_error.dict"}
        refuse(call, [finding], status=422)
    for name in body:
        if name not in fields:
            refuse(call, f"Argument '{name}' is not supported by our API.")
    if not isinstance(body.get("model"), str):
        raise Refused(refusal(422, call))
    return body


def choice(call: Call, body: dict[str, Any], name: str, choices: tuple[Any, ...]) -> Any:
    """A field that is one of these or null. Raises `Refused`."""
    value = body.get(name)
    if value is not None and value not in choices:
        listed = ", ".join(map(repr, choices))
        refuse(
            call,
            f"Value '{value}' provided for argument '{name}' is not one of the supported values: {listed}.",
        )
    return value


def within(call: Call, model: str, tokens: int, most: int) -> None:
    """Refuses a batch with too many tokens. Raises `Refused`."""
    if tokens > most:
        refuse(
            call,
            f"Request to model '{model}' failed. The max allowed tokens per submitted batch is {most}. "
            f"Your batch has {tokens} tokens after truncation. Please lower the number of tokens in the batch.",
        )
