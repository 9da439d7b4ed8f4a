"""Azure's keys, tokens, versions, headers and refusals (learn.microsoft.com/azure/ai-foundry/openai/reference)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from lab.entra.token import audience_and_role
from lab.http import JSON, SSE, Call, Refused, Response, encode
from lab.keys import bearer, verdict
from lab.openai.client import document
from lab.openai.traits import EMBEDDING, Traits, traits

GENERAL = "2024-10-21"
_DATED = re.compile(r"20\d\d-\d\d-\d\d(-preview)?")
_UNDATED = ("", "v1", "preview")
_CLASSIC = "https://cognitiveservices.azure.com"
_FOUNDRY = "https://ai.azure.com"
_KEY = "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource."
_NO_ACCESS = "Unauthorized. Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired."
_ROLE = "The principal `lab` lacks the required data action `Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action` to perform this operation."
_WORDS: dict[int, tuple[str, str]] = {
    401: ("401", _KEY),
    403: ("AccessDenied", "Access denied due to Virtual Network/Firewall rules."),
    404: ("404", "Resource not found"),
    408: ("Timeout", "The operation was timeout."),
    424: ("FailedDependency", "A dependency of the request failed."),
    429: ("429", "Requests have exceeded the call rate limit of your current tier. Please retry after 12 seconds."),
    500: ("InternalServerError", "Internal server error"),
    503: ("ServiceUnavailable", "The server is busy."),
}  # fmt: skip


def headers(call: Call, kind: str = JSON) -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [
        ("content-type", kind),
        ("apim-request-id", f"{call.serial:08x}-0000-4000-8000-00000000a21e"),
        ("x-request-id", f"{call.serial:08x}-0000-4000-8000-000000000000"),
        ("x-ms-region", "Lab Central"),
        ("x-ms-deployment-name", call.model.encode("ascii", "replace").decode()),
        ("x-ratelimit-remaining-requests", "249"),
        ("x-ratelimit-remaining-tokens", "249990"),
    ]


def stream_headers(call: Call) -> list[tuple[str, str]]:
    """What comes with a stream."""
    return headers(call, SSE)


def answer(call: Call, document: Any) -> Response:
    """A good answer."""
    return Response(200, headers(call), encode(document))


def error(call: Call, status: int, code: str | None, message: str, **more: Any) -> Response:
    """A refusal in Azure's shape."""
    return Response(status, headers(call), encode({"error": {"code": code, "message": message, **more}}))


def refuse(call: Call, status: int, code: str | None, message: str, **more: Any) -> NoReturn:
    """Raises `Refused`: the request is not one Azure would accept."""
    raise Refused(error(call, status, code, message, **more))


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What Azure says with a status, or `words` in its shape."""
    code, message = _WORDS.get(status, (str(status), "The request failed."))
    response = error(call, status, code, words or message)
    if status == 429:
        response.headers.append(("retry-after", "12"))
    return response


def dated(call: Call) -> str:
    """The day of the version that a request names; "" in v1, which knows everything. Raises `Refused`."""
    version = call.query.get("api-version", "")
    if call.path.startswith("/openai/v1/"):
        if version not in _UNDATED:
            refuse(call, 400, "BadRequest", "API version not supported")
        return ""
    if not _DATED.fullmatch(version):
        refuse(call, 404, "404", "Resource not found")
    return version[:10]


def admit(call: Call) -> None:
    """Lets a request with a good key or token pass. Raises `Refused`."""
    key = call.header("api-key")
    token = bearer(call)
    if token and (known := audience_and_role(token)) is not None:
        audience, allowed = known
        audiences = (_CLASSIC, _FOUNDRY) if dated(call) == "" else (_CLASSIC,)
        if audience not in audiences:
            _no_token(call)
        if not allowed:
            refuse(call, 401, "PermissionDenied", _ROLE)
        return
    if token and dated(call):
        _no_token(call)  # Only v1 takes a key the way OpenAI does.
    match verdict(token or key):
        case "missing":
            _no_token(call)
        case "invalid":
            refuse(call, 401, "401", _KEY)
        case "forbidden":
            refuse(call, 403, "AccessDenied", _WORDS[403][1])
        case "noquota":
            words = "You exceeded your current quota, please check your plan and billing details."
            refuse(call, 429, "insufficient_quota", words, type="insufficient_quota", param=None)
        case "good":
            return


def _no_token(call: Call) -> NoReturn:
    # The gateway before the service says it, and in a shape of its own.
    raise Refused(Response(401, headers(call), encode({"statusCode": 401, "message": _NO_ACCESS})))


def asked(call: Call) -> tuple[dict[str, Any], str]:
    """The request's JSON object, which now says its deployment, and its version's day. Raises `Refused`."""
    day = dated(call)
    admit(call)
    body = document(call)
    if "deployment" in call.params:
        call.model = body["model"] = call.params["deployment"]
    if not isinstance(body.get("model"), str) or not call.model:
        words = "Missing required parameter: 'model'."
        refuse(call, 400, "missing_required_parameter", words, type="invalid_request_error", param="model")
    if "nonexistent" in call.model or "does-not-exist" in call.model:
        words = "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again."
        refuse(call, 404, "DeploymentNotFound", words)
    return body, day


def deployed(call: Call) -> Traits:
    """The traits of what was deployed: those of the model that the deployment is called like, or ordinary ones."""
    found = traits(call.asked.base)
    return found if found.known else Traits(chat=call.asked.base not in EMBEDDING)


@contextmanager
def dressed(call: Call) -> Iterator[None]:
    """Gives refusals that are OpenAI's own words the headers that Azure puts around them."""
    try:
        yield
    except Refused as refused:
        refused.response.headers = headers(call)
        raise
