"""Bedrock's ways of knowing a caller, its headers, and its exceptions
(docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html).
"""

import re
from typing import Any, NoReturn

import msgspec

from lab import event_stream
from lab.bedrock.signature import Unsigned, signer
from lab.http import JSON, Call, Refused, Response, encode
from lab.keys import bearer, verdict

SERVICE = "bedrock"
ACCOUNT = "123456789012"
REGION = "us-east-1"
_KEY = re.compile(r"(ABSK|bedrock-api-key-).+")
_ABOUT = "http://internal.amazon.com/coral/com.amazon.bedrock/"
_WORDS = {
    400: ("ValidationException", "The request is not valid."),
    401: ("UnrecognizedClientException", "The security token included in the request is invalid."),
    402: ("ServiceQuotaExceededException", "Your request exceeds the service quota for your account."),
    403: ("AccessDeniedException", "You don't have access to the model with the specified model ID."),
    404: ("ResourceNotFoundException", "The requested resource does not exist."),
    408: ("ModelTimeoutException", "Model has timed out in processing the request. Try your request again."),
    424: ("ModelErrorException", "The system encountered an unexpected error during processing. Try your request again."),
    429: ("ThrottlingException", "Too many requests, please wait before trying again."),
    500: ("InternalServerException", "The system encountered an unexpected error during processing. Try your request again."),
    503: ("ServiceUnavailableException", "Bedrock is unable to process your request."),
}  # fmt: skip


def headers(call: Call, kind: str = JSON) -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [("content-type", kind), ("x-amzn-requestid", identity(call))]


def stream_headers(call: Call) -> list[tuple[str, str]]:
    """What comes with a stream."""
    return headers(call, event_stream.KIND)


def identity(call: Call) -> str:
    """The request's id, which headers alone tell."""
    return f"01c0e7e0-0000-4000-8000-{call.serial:012x}"


def answer(call: Call, document: Any, *more: tuple[str, str]) -> Response:
    """A good answer."""
    return Response(200, [*headers(call), *more], encode(document))


def exception(call: Call, status: int, name: str, message: str, *, field: str = "message") -> Response:
    """A refusal: its name is in a header, its words in the body."""
    about = [*headers(call), ("x-amzn-errortype", f"{name}:{_ABOUT}")]
    return Response(status, about, encode({field: message}))


def refuse(call: Call, message: str, *, status: int = 400) -> NoReturn:
    """Raises `Refused`: the request is not one that Bedrock would accept."""
    raise Refused(exception(call, status, _WORDS[status][0], message))


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What Bedrock says with a status, or `words` in its shape."""
    default = ("ValidationException", "The request failed.")
    name, message = _WORDS.get(status, default if status < 500 else _WORDS[500])
    return exception(call, status, name, words or message)


def admit(call: Call, action: str, *, api_keys: bool = True) -> None:
    """Lets a request pass whose signature is right, or whose API key is good where those are known.

    Raises `Refused`.
    """
    if not call.header("authorization"):
        _stranger(call, "MissingAuthenticationTokenException", "Missing Authentication Token")
    key = bearer(call)
    if key and api_keys:
        if not _KEY.fullmatch(key):
            _denied(call, "Invalid API Key format: Must start with pre-defined prefix", field="Message")
        if verdict(key) == "invalid":
            _denied(call, "Authentication failed: Please make sure your API Key is valid.", field="Message")
        name = key
    else:
        try:
            name = signer(call, SERVICE)
        except Unsigned as fault:
            _stranger(call, fault.kind, fault.message)
        _session(call, name)
    match verdict(name):
        case "invalid":
            _stranger(
                call, "UnrecognizedClientException", "The security token included in the request is invalid."
            )
        case "forbidden":
            _denied(
                call,
                f"User: arn:aws:iam::{ACCOUNT}:user/lab is not authorized to perform: bedrock:{action} on "
                "resource: * because no identity-based policy allows it",
            )
        case "noquota":
            _denied(
                call,
                "Model access is denied due to INVALID_PAYMENT_INSTRUMENT:A valid payment instrument must be "
                "provided. Your AWS Marketplace subscription for this model cannot be completed at this time.",
            )
        case _:
            return


def document(call: Call) -> dict[str, Any]:
    """The request's JSON object. Raises `Refused`."""
    try:
        body = msgspec.json.decode(call.body)
    except msgspec.DecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refused(exception(call, 400, "SerializationException", "The body is not a JSON object."))
    return body


def _session(call: Call, name: str) -> None:
    """Temporary access keys come with a token, others do not."""
    token = call.header("x-amz-security-token")
    if "expired" in token.lower():
        _stranger(call, "ExpiredTokenException", "The security token included in the request is expired")
    if bool(token) != name.startswith("ASIA") or verdict(token) == "invalid":
        _stranger(
            call, "UnrecognizedClientException", "The security token included in the request is invalid."
        )


def _stranger(call: Call, name: str, message: str) -> NoReturn:
    raise Refused(exception(call, 403, name, message))


def _denied(call: Call, message: str, *, field: str = "message") -> NoReturn:
    raise Refused(exception(call, 403, "AccessDeniedException", message, field=field))
