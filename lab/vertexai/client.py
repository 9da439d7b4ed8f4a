"""Vertex AI's tokens, keys, places and refusals (cloud.google.com/vertex-ai/generative-ai/docs/error-code)."""

import re
from typing import Any, NoReturn

from lab.gemini.client import WORDS, info, refuse, said
from lab.http import JSON, Call, Response, encode
from lab.keys import Verdict, bearer, verdict
from lab.vertexai.token import holder

SERVICE = "aiplatform.googleapis.com"
_PLACE = re.compile(r"global|us|eu|[a-z]+-[a-z]+\d{1,2}")
_EXHAUSTED = "Resource exhausted. Please try again later. Please refer to https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details."
_NO_KEYS = "API keys are not supported by this API. Expected OAuth2 access token or other authentication credentials that assert a principal. See https://cloud.google.com/docs/authentication"


def headers(call: Call, kind: str = f"{JSON}; charset=UTF-8") -> list[tuple[str, str]]:
    """What comes with every answer."""
    return [
        ("content-type", kind),
        ("vary", "Origin, X-Origin, Referer"),
        ("server", "scaffolding on HTTPServer2"),
        ("x-content-type-options", "nosniff"),
    ]


def stream_headers(call: Call) -> list[tuple[str, str]]:
    """What comes with a stream of server-sent events."""
    return headers(call, "text/event-stream")


def answer(call: Call, document: Any) -> Response:
    """A good answer."""
    return Response(200, headers(call), encode(document))


def refusal(status: int, call: Call, words: str = "") -> Response:
    """What Google says with a status, or `words` in its shape; never when to come back."""
    usual = _EXHAUSTED if status == 429 else WORDS.get(status, ("", "The request failed."))[1]
    details = [info("ACCESS_TOKEN_EXPIRED", SERVICE)] if status == 401 else None
    return Response(status, headers(call), encode(said(status, words or usual, details)))


def admit(call: Call) -> None:
    """Lets a request pass that has a token, or in express mode a key. Raises `Refused`."""
    token, key = bearer(call), call.header("x-goog-api-key")
    if not token and key:
        if "project" in call.params or call.path.endswith(":predict"):
            refuse(call, _NO_KEYS, status=401, details=[info("CREDENTIALS_MISSING", SERVICE)])
        if verdict(key) == "invalid":
            refuse(
                call,
                "API key not valid. Please pass a valid API key.",
                details=[info("API_KEY_INVALID", SERVICE)],
            )
        _allowed(call, verdict(key))
        return
    known = holder(token)
    if known is not None:
        owner, lasts = known
        if not lasts:
            refuse(call, WORDS[401][1], status=401, details=[info("ACCESS_TOKEN_EXPIRED", SERVICE)])
        _allowed(call, verdict(owner))
        return
    if verdict(token) in ("missing", "invalid"):
        reason = "CREDENTIALS_MISSING" if not token else "ACCESS_TOKEN_TYPE_UNSUPPORTED"
        refuse(call, WORDS[401][1], status=401, details=[info(reason, SERVICE)])
    _allowed(call, verdict(token))


def _allowed(call: Call, found: Verdict) -> None:
    project = call.params.get("project", "p1")
    if found == "forbidden":
        words = f"Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/{resource(call)}' (or it may not exist)."
        refuse(call, words, status=403, details=[info("IAM_PERMISSION_DENIED", SERVICE)])
    if found == "noquota":
        words = f"This API method requires billing to be enabled. Please enable billing on project #{project} by visiting https://console.developers.google.com/billing/enable?project={project} then retry."
        refuse(call, words, status=403, details=[info("BILLING_DISABLED", SERVICE)])
    if "nonexistent" in project:
        words = f"Permission denied on resource project {project}."
        refuse(call, words, status=403, details=[info("CONSUMER_INVALID", SERVICE)])


def resource(call: Call) -> str:
    """What a path names, without the version before and the method behind."""
    return call.path.split("/", 2)[2].rpartition(":")[0]


def placed(call: Call) -> None:
    """Lets a request to a location that there is pass. Raises `Refused`."""
    place = call.params.get("location", "global")
    if not _PLACE.fullmatch(place) or place.startswith("nowhere"):
        no_model(call)


def no_model(call: Call) -> NoReturn:
    """Raises `Refused`: there is no such model, or it is not to be had in that location."""
    refuse(
        call,
        f"Publisher Model `{resource(call)}` was not found or your project does not have access to it. Please ensure you are using a valid model version. For more information, see: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions",
        status=404,
    )
