"""SigV4 against AWS's published values and botocore's own signer, and what of a key stays behind."""

import datetime as dt
import re
import time
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import HttpRequest, SigV4
from integration_api.transport.egress import locate
from integration_api.transport.sigv4 import signed
from tests.transport.upstream import Held, Upstream, answer, send, to, transport

EXAMPLE = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
"""The secret access key of AWS's documentation and test suite."""
SUITE_NOW = 1440938160.0
"""2015-08-30T12:36:00Z"""


def aws(**more: str | None) -> SigV4:
    return SigV4(**{"service": "service", "region": "us-east-1", "access_key_id": "AKIDEXAMPLE", **more})  # type: ignore[arg-type]


def wire(request: HttpRequest, auth: SigV4, secrets: Held, now: float = SUITE_NOW) -> bytes:
    origin, path = locate(request.url)
    return bytes(signed(origin.authority, path, request, auth, secrets, now).buffer)


def lines(raw: bytes) -> dict[str, str]:
    head = raw.partition(b"\r\n\r\n")[0].decode("ascii")
    return dict(line.split(": ", 1) for line in head.split("\r\n")[1:])


@pytest.mark.parametrize(
    ("method", "url", "headers", "body", "names", "signature"),
    [
        (
            "GET",
            "/",
            (),
            b"",
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            "/",
            (),
            b"",
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            (),
            b"",
            "host;x-amz-date",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "POST",
            "/",
            (("Content-Type", "application/x-www-form-urlencoded"),),
            b"Param1=value1",
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
)
def test_published_values(method, url, headers, body, names, signature):
    request = HttpRequest(
        method=method, url=f"https://example.amazonaws.com{url}", headers=headers, body=body
    )
    assert lines(wire(request, aws(), Held(secret_access_key=EXAMPLE)))["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def oracle(
    monkeypatch: pytest.MonkeyPatch, request: HttpRequest, auth: SigV4, secret: str, token: str | None
) -> str:
    moment = dt.datetime.fromtimestamp(SUITE_NOW, dt.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
    asked = AWSRequest(request.method, request.url, dict(request.headers), request.body)
    credentials = Credentials(auth.access_key_id, secret, token)
    botocore.auth.SigV4Auth(credentials, auth.service, auth.region).add_auth(asked)
    return str(asked.headers["Authorization"])


SEGMENT = st.text(min_size=0, max_size=12).map(lambda text: quote(text.encode("utf-8", "replace"), safe="~"))
PATHS = st.lists(
    st.one_of(SEGMENT, st.sampled_from([".", "..", "", "a%3A0", "arn%3Aaws%3Abedrock%2Fx"])), max_size=5
)
QUERIES = st.lists(st.tuples(SEGMENT, SEGMENT), max_size=4)
NAMES = st.from_regex(r"x-[a-z]{1,8}|accept|content-type|traceparent|x-amzn-trace-id", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20)
PRINTABLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=80)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    port=st.sampled_from(["", ":8443", ":443"]),
    path=PATHS,
    query=QUERIES,
    headers=st.dictionaries(NAMES, VALUES, max_size=4),
    body=st.binary(max_size=200),
    secret=PRINTABLE,
    token=st.none() | PRINTABLE,
)
def test_agrees_with_botocore(method, port, path, query, headers, body, secret, token):
    url = f"https://bedrock-runtime.eu-west-1.amazonaws.com{port}/{'/'.join(path)}"
    if query:
        url += "?" + "&".join(f"{name}={value}" for name, value in query)
    request = HttpRequest(method=method, url=url, headers=tuple(headers.items()), body=body)
    auth = aws(
        service="bedrock", region="eu-west-1", session_field=None if token is None else "session_token"
    )
    secrets = Held(secret_access_key=secret, session_token=token or "")
    with pytest.MonkeyPatch.context() as patch:
        expected = oracle(patch, request, auth, secret, token)
    sent = lines(wire(request, auth, secrets))
    assert sent["authorization"] == expected
    assert sent.get("x-amz-security-token") == token
    assert secrets.all_wiped


def test_a_model_id_is_encoded_once_on_the_wire_and_twice_in_what_is_signed(monkeypatch):
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-v1%3A0/converse-stream"
    request = HttpRequest(method="POST", url=url, body=b"{}")
    seen = []
    plain = botocore.auth.SigV4Auth.canonical_request
    monkeypatch.setattr(
        botocore.auth.SigV4Auth,
        "canonical_request",
        lambda self, asked: seen.append(plain(self, asked)) or seen[-1],
    )
    raw = wire(request, aws(service="bedrock"), Held(secret_access_key=EXAMPLE))
    assert raw.startswith(b"POST /model/us.anthropic.claude-v1%3A0/converse-stream HTTP/1.1\r\n")
    expected = oracle(monkeypatch, request, aws(service="bedrock"), EXAMPLE, None)
    assert seen[0].split("\n")[1] == "/model/us.anthropic.claude-v1%253A0/converse-stream"
    assert lines(raw)["authorization"] == expected


def test_what_proxies_change_is_not_signed():
    request = HttpRequest(
        method="POST",
        url="https://a.amazonaws.com/",
        headers=(("user-agent", "x"), ("traceparent", "y"), ("x-amzn-trace-id", "z")),
    )
    signed_names = re.search(
        r"SignedHeaders=([^,]*)", wire(request, aws(), Held(secret_access_key=EXAMPLE)).decode()
    )
    assert signed_names is not None
    assert signed_names[1] == "host;x-amz-date"


@pytest.mark.parametrize("name", ["connection", "Connection", "transfer-encoding", "host", "content-length"])
def test_headers_of_one_hop_cannot_be_given_at_all(name):
    request = HttpRequest(method="POST", url="https://a.amazonaws.com/", headers=((name, "x"),))
    with pytest.raises(Failure, match="header cannot be sent"):
        wire(request, aws(), Held(secret_access_key=EXAMPLE))


@pytest.mark.parametrize(
    ("auth", "secrets", "param"),
    [
        (aws(region="us-east-1\r\nx: y"), Held(secret_access_key=EXAMPLE), "region"),
        (aws(region=""), Held(secret_access_key=EXAMPLE), "region"),
        (aws(access_key_id="AK/ID"), Held(secret_access_key=EXAMPLE), "access_key_id"),
        (aws(), Held(secret_access_key=EXAMPLE + "\n"), "secret_access_key"),
        (aws(session_field="token"), Held(secret_access_key=EXAMPLE, token="a b"), "token"),
        (aws(session_field="token"), Held(secret_access_key=EXAMPLE, token="a\r\nx: y"), "token"),
    ],
)
def test_what_could_break_out_of_its_line_is_refused(auth, secrets, param):
    with pytest.raises(Failure) as refused:
        wire(HttpRequest(method="POST", url="https://a.amazonaws.com/"), auth, secrets)
    assert refused.value.kind is Kind.CREDENTIAL_INVALID
    assert refused.value.param == param
    assert EXAMPLE not in refused.value.message


async def test_the_bytes_that_arrive_are_the_bytes_that_were_signed(monkeypatch):
    body = b"x" * 200_000  # More than shares a buffer with the head.
    auth = aws(service="bedrock", session_field="session_token")
    secrets = Held(secret_access_key=EXAMPLE, session_token="FwoGZXIvYXdzE" * 20)
    async with Upstream().serving() as upstream, transport() as over:
        await send(over, to(upstream, "/model/a%3A0/converse", body=body, auth=auth), secrets)
        [asked] = upstream.asked
    assert asked.body == body
    stamp = asked.headers["x-amz-date"]
    moment = dt.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
    again = AWSRequest(asked.method, upstream.url + asked.path, {}, asked.body)
    botocore.auth.SigV4Auth(
        Credentials("AKIDEXAMPLE", EXAMPLE, "FwoGZXIvYXdzE" * 20), "bedrock", "us-east-1"
    ).add_auth(again)
    assert asked.headers["authorization"] == again.headers["Authorization"]
    assert secrets.all_wiped


async def test_a_wrong_clock_costs_one_request_and_then_none():
    skewed = time.time() + 3 * 3600

    def http_date() -> str:
        return dt.datetime.fromtimestamp(skewed, dt.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")

    refusal = answer(403, {"message": "Signature not yet current"}, date=http_date())
    async with Upstream([refusal, answer()]).serving() as upstream, transport() as over:
        secrets = Held(secret_access_key=EXAMPLE)
        await send(over, to(upstream, auth=aws()), secrets)
        await send(over, to(upstream, auth=aws()), secrets)
        stamps = [
            dt.datetime.strptime(one.headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
            .replace(tzinfo=dt.UTC)
            .timestamp()
            for one in upstream.asked
        ]
    assert len(stamps) == 3
    assert abs(stamps[0] - skewed) > 3500
    assert all(abs(stamp - skewed) < 120 for stamp in stamps[1:])


async def test_a_refusal_with_a_right_clock_is_not_tried_again():
    date = dt.datetime.now(dt.UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    async with (
        Upstream([answer(403, {"message": "no"}, date=date)]).serving() as upstream,
        transport() as over,
    ):
        with pytest.raises(ProviderError) as refused:
            await send(over, to(upstream, auth=aws()), Held(secret_access_key=EXAMPLE))
        assert len(upstream.asked) == 1
    assert refused.value.kind is Kind.PERMISSION


async def test_what_was_signed_with_does_not_come_back_in_an_error():
    token = "FwoGZXIvYXdzEBYaDExampleToken"
    said = {"message": f"bad token {token}, key {EXAMPLE}"}
    async with Upstream([answer(400, said)]).serving() as upstream, transport() as over:
        with pytest.raises(ProviderError) as refused:
            await send(
                over,
                to(upstream, auth=aws(session_field="session_token")),
                Held(secret_access_key=EXAMPLE, session_token=token),
            )
    assert "bad token ***" in refused.value.message
    assert EXAMPLE not in refused.value.message
    assert token not in refused.value.message
