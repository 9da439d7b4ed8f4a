"""Checks AWS Signature Version 4, by the book and not by our own signer
(docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
"""

import hmac
import re
import time
from calendar import timegm
from hashlib import sha256
from typing import NoReturn
from urllib.parse import quote, unquote

from lab.http import Call

SECRET = "lab-secret-access-key"  # noqa: S105 - the emulator's, for every access key ID
REGIONS = re.compile(
    r"(af|ap|ca|eu|il|me|mx|sa|us)-(gov-)?(north|south|east|west|central)+-[1-9]|cn-north(west)?-1"
)
_ALGORITHM = "AWS4-HMAC-SHA256"
_SKEW = 300  # seconds a signature may be older or newer than AWS's clock
_STAMP = "%Y%m%dT%H%M%SZ"
_PARAMETERS = ("Credential", "Signature", "SignedHeaders")
# Proxies on the way to AWS take these away, so they are no part of what AWS checks.
_LOST = frozenset({"connection", "keep-alive", "expect", "te", "trailer", "transfer-encoding", "upgrade"})


class Unsigned(Exception):
    """AWS does not believe the signature; `kind` is the exception's name."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def signer(call: Call, service: str) -> str:
    """The access key ID that signed a request for a service. Raises `Unsigned`."""
    given = _authorization(call.header("authorization"))
    key, day, region, scoped, terminator = _scope(given["Credential"])
    stamp = call.header("x-amz-date")
    if not REGIONS.fullmatch(region):
        _invalid("Credential should be scoped to a valid region. ")
    if scoped != service:
        _invalid(f"Credential should be scoped to correct service: '{service}'. ")
    if terminator != "aws4_request":
        _invalid(f"Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'.")
    if stamp[:8] != day:
        _invalid(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{day}' != '{stamp[:8]}', from '{stamp}'."
        )
    _in_time(stamp)
    names = given["SignedHeaders"].split(";")
    _all_signed(call, names)
    canonical = canonical_request(call, names)
    scope = f"{day}/{region}/{scoped}/{terminator}"
    to_sign = f"{_ALGORITHM}\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    if not hmac.compare_digest(_signature(day, region, service, to_sign), given["Signature"]):
        _invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS "
            "Secret Access Key and signing method. Consult the service documentation for details.\n\n"
            f"The Canonical String for this request should have been\n'{canonical}'\n\n"
            f"The String-to-Sign should have been\n'{to_sign}'\n"
        )
    return key


def canonical_request(call: Call, names: list[str]) -> str:
    """The request as AWS signs it: the path as it was sent, encoded once more."""
    path, _, query = call.target.partition("?")
    headers = "".join(
        f"{name}:{'' if name in _LOST else ' '.join(call.header(name).split())}\n" for name in names
    )
    return "\n".join(
        (call.method, _path(path), _query(query), headers, ";".join(names), sha256(call.body).hexdigest())
    )


def _authorization(header: str) -> dict[str, str]:
    scheme, _, rest = header.partition(" ")
    given = dict(part.strip().partition("=")[::2] for part in rest.split(",") if "=" in part)
    missing = [name for name in _PARAMETERS if not given.get(name)]
    if scheme != _ALGORITHM or missing:
        told = " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
        raise Unsigned("IncompleteSignatureException", f"{told} Authorization={scheme}")
    return given


def _scope(credential: str) -> list[str]:
    parts = credential.split("/")
    if len(parts) != 5:
        raise Unsigned(
            "IncompleteSignatureException",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{credential}'",
        )
    return parts


def _in_time(stamp: str) -> None:
    try:
        signed_at = timegm(time.strptime(stamp, _STAMP))
    except ValueError:
        raise Unsigned(
            "IncompleteSignatureException", f"Date must be in ISO-8601 'basic format'. Got '{stamp}'."
        ) from None
    now = time.time()
    if abs(now - signed_at) > _SKEW:
        here = time.strftime(_STAMP, time.gmtime(now))
        if signed_at < now:
            edge = time.strftime(_STAMP, time.gmtime(now - _SKEW))
            _invalid(f"Signature expired: {stamp} is now earlier than {edge} ({here} - 5 min.)")
        edge = time.strftime(_STAMP, time.gmtime(now + _SKEW))
        _invalid(f"Signature not yet current: {stamp} is still later than {edge} ({here} + 5 min.)")


def _all_signed(call: Call, names: list[str]) -> None:
    if names != sorted(names):
        _invalid("SignedHeaders must be sorted.")
    if "host" not in names:
        _invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    for name in call.headers:
        if name.startswith("x-amz-") and name not in names:
            _invalid(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")


def _path(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(quote(segment, safe="~"))
    return "/" + "/".join(kept) + ("/" if path.endswith("/") and kept else "")


def _query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&") if part)
    spelled = ((quote(unquote(name), safe="~"), quote(unquote(value), safe="~")) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in sorted(spelled))


def _signature(day: str, region: str, service: str, to_sign: str) -> str:
    key = f"AWS4{SECRET}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


def _invalid(message: str) -> NoReturn:
    raise Unsigned("InvalidSignatureException", message)
