"""Access tokens of Google and Microsoft: got once, kept, renewed early, dropped, and never told to anybody."""

import asyncio
import base64
import gc
import json
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import ApplicationToken, EntraToken, Exchange, GoogleToken, HttpRequest
from integration_api.core.secret import Secret
from integration_api.transport.drive import Trace
from integration_api.transport.grant import Grant, Pocket
from integration_api.transport.tokens import AGAIN, EARLY, Token, Tokens
from tests.transport.certificates import self_signed
from tests.transport.upstream import Held, Upstream, answer, fault, send, to, transport

KEY = rsa.generate_private_key(65537, 2048)
EMAIL = "robot@p1.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
ACCESS = "ya29.c.AccessTokenNumber"
LONG = "Zm9yIHlvdXIgZXllcyBvbmx5"


def pem(key=KEY, form=serialization.PrivateFormat.PKCS8) -> str:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def account_file(upstream: Upstream | None = None, **more) -> str:
    return json.dumps({
        "type": "service_account",
        "project_id": "p1",
        "private_key_id": "kid1",
        "private_key": pem(),
        "client_email": EMAIL,
        "client_id": "1234",
        "token_uri": f"{upstream.url}/token" if upstream else "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
        **more,
    })  # fmt: skip


def granted(number: int = 1, seconds: object = 3599) -> bytes:
    return answer(200, {"access_token": f"{ACCESS}{number}", "expires_in": seconds, "token_type": "Bearer"})


def google(**more) -> GoogleToken:
    return GoogleToken(**more)


def entra(upstream: Upstream, **more) -> EntraToken:
    return EntraToken(**{"tenant_id": "t1", "client_id": "c1", "authority": upstream.url, **more})


def bearers(upstream: Upstream, path: str = "/v1") -> list[str]:
    return [one.headers["authorization"].removeprefix("Bearer ") for one in upstream.to(path)]


def segments(token: str) -> tuple[dict, dict, bytes, bytes]:
    said, _, signature = token.rpartition(".")

    def raw(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    header, claims = said.split(".")
    return json.loads(raw(header)), json.loads(raw(claims)), raw(signature), said.encode()


# --- Google ----------------------------------------------------------------------------------


async def test_a_service_account_signs_its_assertion_and_the_token_signs_the_request():
    async with Upstream(routes={"/token": [granted()]}).serving() as upstream, transport() as over:
        held = Held(service_account_key=account_file(upstream))
        before = int(time.time())
        await send(over, to(upstream, "/v1", auth=google()), held)
        [asked] = upstream.to("/token")
        assert asked.method == "POST"
        assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
        assert asked.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        header, claims, signature, said = segments(asked.form["assertion"])
        assert header == {"alg": "RS256", "typ": "JWT", "kid": "kid1"}
        assert before <= claims["iat"] <= int(time.time())
        assert claims["exp"] - claims["iat"] == 3600
        assert claims | {"iat": 0, "exp": 0} == {
            "iss": EMAIL, "scope": SCOPE, "aud": f"{upstream.url}/token", "iat": 0, "exp": 0,
        }  # fmt: skip
        KEY.public_key().verify(signature, said, PKCS1v15(), SHA256())
        assert bearers(upstream) == [f"{ACCESS}1"]
    assert held.all_wiped


@pytest.mark.parametrize(
    "key",
    [
        pem(),
        pem(form=serialization.PrivateFormat.TraditionalOpenSSL),
        pem().replace("\n", "\\n"),  # A line break escaped once too often.
        pem().replace("\n", "\r\n"),
    ],
    ids=["pkcs8", "pkcs1", "escaped", "crlf"],
)
async def test_the_spellings_of_a_private_key(key):
    async with Upstream(routes={"/token": [granted()]}).serving() as upstream, transport() as over:
        held = Held(service_account_key=account_file(upstream, private_key=key))
        await send(over, to(upstream, "/v1", auth=google()), held)
        *_, signature, said = segments(upstream.to("/token")[0].form["assertion"])
    KEY.public_key().verify(signature, said, PKCS1v15(), SHA256())


BAD_FILES = {
    "not JSON": "{",
    "a list": "[]",
    "no type": "{}",
    "another type": json.dumps({"type": "gdch_service_account"}),
    "no key": json.dumps({"type": "service_account", "client_email": EMAIL}),
    "a key that is a number": account_file(private_key=5),
    "a key that is not PEM": account_file(private_key=LONG),
    "a key that is not a key": account_file(
        private_key=f"-----BEGIN PRIVATE KEY-----\n{LONG}\n-----END PRIVATE KEY-----\n"
    ),
    "an elliptic key": account_file(private_key=pem(ec.generate_private_key(ec.SECP256R1()))),
    "a short key": account_file(private_key=pem(rsa.generate_private_key(65537, 1024))),  # noqa: S505
    "no e-mail": account_file(client_email=""),
    "nested twice": json.dumps({
        "type": "impersonated_service_account",
        "source_credentials": {"type": "impersonated_service_account", "source_credentials": {}},
    }),
    "deeply nested": '{"type":' + "[" * 5000,
}  # fmt: skip


@pytest.mark.parametrize("file", BAD_FILES.values(), ids=BAD_FILES)
async def test_a_file_that_is_of_no_use_is_refused_in_words(file):
    async with Upstream().serving() as upstream, transport() as over:
        with pytest.raises(Failure) as refused:
            await send(over, to(upstream, "/v1", auth=google()), Held(service_account_key=file))
        assert upstream.connections == 0
    assert refused.value.kind is Kind.CREDENTIAL_INVALID
    assert refused.value.param == "service_account_key"
    assert refused.value.message.startswith("the credential's service_account_key cannot be used: ")
    assert LONG not in refused.value.message


ELSEWHERE = [
    "https://evil.example/token",
    "https://oauth2.googleapis.com.evil.example/token",
    "https://oauth2.googleapis.com@evil.example/token",
    "https://oauth2.googleapis.com/token?x",
    "https://oauth2.googleapis.com/token\n",
    "https://evil-oauth2.googleapis.com/token",
    "http://oauth2.googleapis.com/token",
    "https://storage.googleapis.com/bucket/token",
    "https://169.254.169.254/token",
    "file:///etc/passwd",
    "",
]


@pytest.mark.parametrize("url", ELSEWHERE)
async def test_an_assertion_goes_to_google_and_nowhere_else(url):
    async with transport("127.0.0.1") as over:
        request = HttpRequest(method="GET", url="http://127.0.0.1:9/v1", auth=google())
        with pytest.raises(Failure, match="its token_uri is not an address of Google's"):
            await send(over, request, Held(service_account_key=account_file(token_uri=url)))


def external(upstream: Upstream, **more) -> str:
    return json.dumps({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{upstream.url}/sts",
        "credential_source": {
            "url": f"{upstream.url}/subject",
            "headers": {"x-from": "us"},
            "format": {"type": "json", "subject_token_field_name": "id_token"},
        },
        **more,
    })  # fmt: skip


async def test_an_external_account_exchanges_its_own_token_and_then_impersonates():
    at = "/v1/projects/-/serviceAccounts/robot@p1.iam.gserviceaccount.com:generateAccessToken"
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    routes = {
        "/subject": [answer(200, {"id_token": "subject-token-of-ours"})],
        "/sts": [granted(1)],
        at: [answer(200, {"accessToken": f"{ACCESS}2", "expireTime": until})],
    }
    async with Upstream(routes=routes).serving() as upstream, transport() as over:
        file = external(upstream, service_account_impersonation_url=upstream.url + at)
        await send(over, to(upstream, "/v1", auth=google()), Held(service_account_key=file))
        [subject], [sts], [impersonated] = upstream.to("/subject"), upstream.to("/sts"), upstream.to(at)
        assert subject.method == "GET"
        assert subject.headers["x-from"] == "us"
        assert sts.form == {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": json.loads(file)["audience"],
            "scope": SCOPE,
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "subject_token": "subject-token-of-ours",
        }
        assert impersonated.headers["authorization"] == f"Bearer {ACCESS}1"
        assert json.loads(impersonated.body) == {"delegates": [], "scope": [SCOPE], "lifetime": "3600s"}
        assert bearers(upstream) == [f"{ACCESS}2"]


async def test_an_external_account_reads_a_token_that_is_plain_text():
    routes = {"/subject": [answer(200, "subject-token-of-ours\n")], "/sts": [granted(1)]}
    async with Upstream(routes=routes).serving() as upstream, transport() as over:
        file = external(upstream, credential_source={"url": f"{upstream.url}/subject"})
        await send(over, to(upstream, "/v1", auth=google()), Held(service_account_key=file))
        assert upstream.to("/sts")[0].form["subject_token"] == "subject-token-of-ours"
        assert bearers(upstream) == [f"{ACCESS}1"]


@pytest.mark.parametrize(
    "source",
    [
        {"file": "/etc/passwd"},
        {"executable": {"command": "/bin/sh"}},
        {"environment_id": "aws1", "url": "http://169.254.169.254/latest/meta-data/iam/security-credentials"},
        {"certificate": {"use_default_certificate_config": True}},
        {"url": "http://127.0.0.1:9/subject", "file": "/etc/passwd"},
        {"url": "https://idp.example/token"},
        {"url": "http://169.254.169.254/computeMetadata/v1/token"},
        {},
        None,
    ],
    ids=str,
)
async def test_an_external_account_reads_no_file_runs_no_program_and_asks_nobody_unknown(source):
    async with Upstream().serving() as upstream, transport() as over:
        file = external(upstream, credential_source=source)
        with pytest.raises(Failure, match="its credential_source") as refused:
            await send(over, to(upstream, "/v1", auth=google()), Held(service_account_key=file))
        assert upstream.connections == 0
    assert refused.value.kind is Kind.CREDENTIAL_INVALID


@pytest.mark.parametrize("field", ["token_url", "service_account_impersonation_url"])
async def test_an_external_account_is_pinned_in_all_its_addresses(field):
    async with Upstream().serving() as upstream, transport() as over:
        file = external(upstream, **{field: "https://sts.googleapis.com.evil.example/v1/token"})
        with pytest.raises(Failure, match=f"its {field} is not an address of Google's"):
            await send(over, to(upstream, "/v1", auth=google()), Held(service_account_key=file))
        assert upstream.connections == 0


async def test_an_authorized_user_and_one_that_impersonates():
    user = {
        "type": "authorized_user",
        "client_id": "c1",
        "client_secret": "hush&=",
        "refresh_token": "1//0refresh",
    }
    at = "/v1/projects/-/serviceAccounts/x:generateAccessToken"
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    routes = {
        "/token": [granted(1)],
        at: [answer(200, {"accessToken": f"{ACCESS}2", "expireTime": until})],
    }
    async with Upstream(routes=routes).serving() as upstream, transport() as over:
        user["token_uri"] = f"{upstream.url}/token"
        await send(over, to(upstream, "/v1", auth=google()), Held(service_account_key=json.dumps(user)))
        assert upstream.to("/token")[0].form == {
            "grant_type": "refresh_token",
            "client_id": "c1",
            "refresh_token": "1//0refresh",
            "client_secret": "hush&=",
        }
        impersonated = {
            "type": "impersonated_service_account",
            "source_credentials": user,
            "service_account_impersonation_url": upstream.url + at,
            "delegates": ["d1"],
        }
        other = Held(service_account_key=json.dumps(impersonated))
        await send(over, to(upstream, "/v1", auth=google()), other, "another")
        assert json.loads(upstream.to(at)[0].body)["delegates"] == ["d1"]
        assert bearers(upstream) == [f"{ACCESS}1", f"{ACCESS}2"]


# --- Entra ID --------------------------------------------------------------------------------


async def test_a_client_gets_its_token_from_entra():
    async with (
        Upstream(routes={"/t1/oauth2/v2.0/token": [granted()]}).serving() as upstream,
        transport() as over,
    ):
        held = Held(client_secret="Q~8/&= ü")
        await send(
            over, to(upstream, "/v1", auth=entra(upstream, scope="https://ai.azure.com/.default")), held
        )
        [asked] = upstream.to("/t1/oauth2/v2.0/token")
        assert asked.form == {
            "client_id": "c1",
            "client_secret": "Q~8/&= ü",
            "grant_type": "client_credentials",
            "scope": "https://ai.azure.com/.default",
        }
        assert bearers(upstream) == [f"{ACCESS}1"]
    assert held.all_wiped


CERTIFICATE = self_signed(KEY, "c1")
IN_PEM = CERTIFICATE.public_bytes(serialization.Encoding.PEM).decode()
TOKEN_PATH = "/t1/oauth2/v2.0/token"


@pytest.mark.parametrize("held", [pem() + IN_PEM, IN_PEM + pem()], ids=["key first", "certificate first"])
async def test_a_client_proves_who_it_is_by_its_certificate(held):
    async with Upstream(routes={TOKEN_PATH: [granted()]}).serving() as upstream, transport() as over:
        secrets = Held(client_certificate=held)
        signs = entra(upstream, field="client_certificate", proof="certificate")
        before = int(time.time())
        await send(over, to(upstream, "/v1", auth=signs), secrets)
        [asked] = upstream.to(TOKEN_PATH)
        form = asked.form
        header, claims, signature, said = segments(form.pop("client_assertion"))
        assert form == {
            "client_id": "c1",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "grant_type": "client_credentials",
            "scope": "https://cognitiveservices.azure.com/.default",
        }
        thumbprint = base64.urlsafe_b64encode(CERTIFICATE.fingerprint(SHA256())).rstrip(b"=").decode()
        assert header == {"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}
        assert (claims["iss"], claims["sub"], claims["aud"]) == ("c1", "c1", f"{upstream.url}{TOKEN_PATH}")
        assert before <= claims["nbf"] <= claims["exp"] - 600 <= int(time.time())
        assert claims["jti"]
        KEY.public_key().verify(signature, said, PSS(MGF1(SHA256()), PSS.DIGEST_LENGTH), SHA256())
        assert bearers(upstream) == [f"{ACCESS}1"]
    assert secrets.all_wiped


async def test_no_two_assertions_are_the_same():
    async with (
        Upstream(routes={TOKEN_PATH: [granted(1), granted(2)]}).serving() as upstream,
        transport() as over,
    ):
        signs = entra(upstream, field="client_certificate", proof="certificate")
        for account in ("one", "two"):
            await send(
                over, to(upstream, "/v1", auth=signs), Held(client_certificate=IN_PEM + pem()), account
            )
        one, two = (segments(asked.form["client_assertion"])[1]["jti"] for asked in upstream.to(TOKEN_PATH))
        assert one != two


async def test_what_another_issuer_asserts_is_passed_on():
    async with Upstream(routes={TOKEN_PATH: [granted()]}).serving() as upstream, transport() as over:
        secrets = Held(client_assertion="eyJ.theirs.sig")
        await send(
            over,
            to(upstream, "/v1", auth=entra(upstream, field="client_assertion", proof="assertion")),
            secrets,
        )
        [asked] = upstream.to(TOKEN_PATH)
        assert asked.form["client_assertion"] == "eyJ.theirs.sig"
        assert "client_secret" not in asked.form
        assert bearers(upstream) == [f"{ACCESS}1"]
    assert secrets.all_wiped


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (pem(), "no certificate in it"),
        (IN_PEM, "private key is not in PEM"),
        (IN_PEM + pem(ec.generate_private_key(ec.SECP256R1())), "private key is not an RSA key"),
        ("nothing", "no certificate in it"),
    ],
    ids=["only a key", "only a certificate", "an elliptic key", "neither"],
)
async def test_a_certificate_that_is_of_no_use_is_refused_in_words(held, words):
    async with Upstream().serving() as upstream, transport() as over:
        signs = entra(upstream, field="client_certificate", proof="certificate")
        with pytest.raises(Failure, match=words) as refused:
            await send(over, to(upstream, "/v1", auth=signs), Held(client_certificate=held))
        assert upstream.connections == 0
    assert (refused.value.kind, refused.value.param) == (Kind.CREDENTIAL_INVALID, "client_certificate")


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"authority": "https://login.microsoftonline.com.evil.example"}, "authority"),
        ({"authority": "https://evil.example"}, "authority"),
        ({"authority": "http://login.microsoftonline.com"}, "authority"),
        ({"tenant_id": "../common"}, "tenant_id"),
        ({"tenant_id": ""}, "tenant_id"),
        ({"tenant_id": "a/b"}, "tenant_id"),
        ({"tenant_id": "a\r\nb"}, "tenant_id"),
    ],
)
async def test_a_clients_secret_goes_to_microsoft_and_nowhere_else(more, param):
    async with Upstream().serving() as upstream, transport() as over:
        with pytest.raises(Failure) as refused:
            await send(over, to(upstream, "/v1", auth=entra(upstream, **more)), Held(client_secret=LONG))
        assert upstream.connections == 0
    assert (refused.value.kind, refused.value.param) == (Kind.CREDENTIAL_INVALID, param)


# --- kept, renewed, dropped ------------------------------------------------------------------


async def test_many_who_need_a_token_ask_once():
    arrived = asyncio.Event()

    async def slowly(asked, reader, writer):
        arrived.set()
        await asyncio.sleep(0.05)
        writer.write(granted())

    async with Upstream(routes={"/token": [slowly]}).serving() as upstream, transport() as over:
        file = account_file(upstream)
        await asyncio.gather(
            *(
                send(over, to(upstream, "/v1", auth=google()), Held(service_account_key=file))
                for _ in range(50)
            )
        )
        assert len(upstream.to("/token")) == 1
        assert bearers(upstream) == [f"{ACCESS}1"] * 50


async def test_one_who_gives_up_does_not_fail_the_others():
    arrived, go = asyncio.Event(), asyncio.Event()

    async def slowly(asked, reader, writer):
        arrived.set()
        await go.wait()
        writer.write(granted())

    async with Upstream(routes={"/token": [slowly]}).serving() as upstream, transport() as over:
        held = Held(service_account_key=account_file(upstream))
        first = asyncio.create_task(send(over, to(upstream, "/v1", auth=google()), held))
        second = asyncio.create_task(send(over, to(upstream, "/v1", auth=google()), held))
        await arrived.wait()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert first.cancelled()
        go.set()
        await second
        assert len(upstream.to("/token")) == 1


async def test_a_token_is_its_accounts_and_its_scopes_alone():
    routes = {"/token": [granted(1), granted(2), granted(3)]}
    async with Upstream(routes=routes).serving() as upstream, transport() as over:
        held = Held(service_account_key=account_file(upstream))
        for account, scope in (
            ("a", SCOPE),
            ("b", SCOPE),
            ("a", "other"),
            ("a", SCOPE),
            ("b", SCOPE),
            ("a", "other"),
        ):
            await send(over, to(upstream, "/v1", auth=google(scope=scope)), held, account)
        assert bearers(upstream) == [f"{ACCESS}{number}" for number in (1, 2, 3, 1, 2, 3)]


async def test_a_credential_that_comes_with_each_request_finds_its_token_again_and_no_other():
    routes = {"/token": [granted(1), granted(2)]}
    async with Upstream(routes=routes).serving() as upstream, transport() as over:
        one, other = account_file(upstream), account_file(upstream, private_key_id="kid2")
        for file in (one, other, one, other):
            held = Held(service_account_key=file)
            await send(over, to(upstream, "/v1", auth=google()), held, None)
            assert held.all_wiped
        assert bearers(upstream) == [f"{ACCESS}{number}" for number in (1, 2, 1, 2)]


async def test_an_old_token_serves_while_a_new_one_is_got():
    go = asyncio.Event()

    async def later(asked, reader, writer):
        await go.wait()
        writer.write(granted(2))

    async with Upstream(routes={"/token": [granted(1), later]}).serving() as upstream, transport() as over:
        held = Held(service_account_key=account_file(upstream))
        request = to(upstream, "/v1", auth=google())
        await send(over, request, held)
        [kept] = over._tokens._kept.values()
        kept.renew_at = 0.0
        await send(over, request, held)
        await send(over, request, held)
        assert bearers(upstream) == [f"{ACCESS}1"] * 3
        [renewal] = over._tokens._asking.values()
        go.set()
        await renewal
        await send(over, request, held)
        assert bearers(upstream)[-1] == f"{ACCESS}2"
        assert len(upstream.to("/token")) == 2


async def test_a_renewal_that_fails_leaves_the_old_token_in_use_and_waits_before_it_is_tried_again():
    routes = {"/token": [granted(1), answer(503, b"")]}
    async with Upstream(routes=routes).serving() as upstream, transport() as over:
        held = Held(service_account_key=account_file(upstream))
        request = to(upstream, "/v1", auth=google())
        await send(over, request, held)
        [kept] = over._tokens._kept.values()
        kept.renew_at = 0.0
        await send(over, request, held)
        await asyncio.gather(*over._tokens._asking.values(), return_exceptions=True)
        await send(over, request, held)
        assert kept.renew_at > asyncio.get_running_loop().time() + AGAIN - 5
        assert len(upstream.to("/token")) == 2
        assert bearers(upstream) == [f"{ACCESS}1"] * 3


async def test_a_token_that_has_ended_is_not_sent():
    routes = {"/token": [granted(1), granted(2)]}
    async with Upstream(routes=routes).serving() as upstream, transport() as over:
        held = Held(service_account_key=account_file(upstream))
        request = to(upstream, "/v1", auth=google())
        await send(over, request, held)
        [kept] = over._tokens._kept.values()
        kept.ends_at = 0.0
        await send(over, request, held)
        assert bearers(upstream) == [f"{ACCESS}1", f"{ACCESS}2"]


@pytest.mark.parametrize(
    ("seconds", "renews", "ends"),
    [
        (3600, 3300, 3590),
        ("3600", 3300, 3590),
        (100, 50, 90),
        (0, 0.5, 1),
        (-5, 0.5, 1),
        (1e9, 86_100, 86_390),
    ],
)
async def test_when_a_token_is_renewed_and_when_it_ends(seconds, renews, ends):
    token = Token(Grant(Secret(bytearray(b"x")), float(seconds)), 1000.0)
    assert (token.renew_at - 1000, token.ends_at - 1000) == (renews, ends)
    assert EARLY >= 300


async def test_a_401_drops_a_token_that_had_served_and_tries_once_more():
    routes = {"/token": [granted(1), granted(2), granted(3)]}
    refused = answer(401, {"error": {"status": "UNAUTHENTICATED"}})
    script = [answer(), refused, answer(), refused, refused]
    async with Upstream(script, routes).serving() as upstream, transport() as over:
        held = Held(service_account_key=account_file(upstream))
        request = to(upstream, "/v1", auth=google(), idempotent=False)
        await send(over, request, held)
        trace = Trace(0.0)
        await over.send(request, fault, held, trace, "account")
        assert bearers(upstream) == [f"{ACCESS}1", f"{ACCESS}1", f"{ACCESS}2"]
        assert trace.attempts == 2
        with pytest.raises(ProviderError) as told:
            await send(over, request, held)
        assert told.value.kind is Kind.CREDENTIAL_REJECTED
        assert bearers(upstream)[3:] == [f"{ACCESS}2", f"{ACCESS}3"]
        assert not over._tokens._kept


async def test_a_401_of_a_token_just_got_stands():
    async with Upstream([answer(401)], {"/token": [granted(1)]}).serving() as upstream, transport() as over:
        held = Held(service_account_key=account_file(upstream))
        with pytest.raises(ProviderError):
            await send(over, to(upstream, "/v1", auth=google()), held)
        assert len(upstream.to("/v1")) == 1


async def test_tokens_of_a_credential_that_changed_are_gone():
    routes = {"/token": [granted(1), granted(2), granted(3)]}
    async with Upstream(routes=routes).serving() as upstream, transport() as over:
        held = Held(service_account_key=account_file(upstream))
        request = to(upstream, "/v1", auth=google())
        await send(over, request, held, ("t", 1))
        await send(over, request, held, ("t", 2))
        over.drop(lambda account: account == ("t", 1))
        await send(over, request, held, ("t", 1))
        await send(over, request, held, ("t", 2))
        assert bearers(upstream) == [f"{ACCESS}{number}" for number in (1, 2, 3, 2)]


async def test_a_token_that_arrives_for_a_credential_that_changed_meanwhile_is_not_kept():
    arrived, go = asyncio.Event(), asyncio.Event()

    async def slowly(asked, reader, writer):
        arrived.set()
        await go.wait()
        writer.write(granted())

    async with Upstream(routes={"/token": [slowly]}).serving() as upstream, transport() as over:
        held = Held(service_account_key=account_file(upstream))
        waiting = asyncio.create_task(send(over, to(upstream, "/v1", auth=google()), held))
        await arrived.wait()
        over.drop(lambda account: True)
        go.set()
        await waiting  # Who waited is served.
        assert not over._tokens._kept
        assert not over._tokens._asking


class Given:
    """A token endpoint of this process: it hands out the buffers, so that a test can look at them."""

    def __init__(self) -> None:
        self.buffers: list[bytearray] = []

    async def __call__(self, exchange: Exchange[Grant], secrets: Pocket) -> Grant:
        self.buffers.append(bytearray(b"token of a test"))
        return Grant(Secret(self.buffers[-1]), 3600)


async def test_a_token_is_wiped_when_nobody_uses_it_any_more():
    given = Given()
    tokens = Tokens(given, lambda url: True)
    auth = EntraToken("t", "c")
    held = Held(client_secret=LONG)
    token = await tokens.get(auth, held, "a")
    tokens.drop(lambda account: True)
    await asyncio.sleep(0)  # The loop still holds what the task returned.
    assert token.reveal("") == given.buffers[0] == b"token of a test"  # Still signs what is under way.
    del token
    gc.collect()
    assert not any(given.buffers[0])
    await tokens.get(auth, held, "a")
    await tokens.close()
    await asyncio.sleep(0)
    gc.collect()
    assert not any(given.buffers[1])
    assert held.all_wiped


async def test_tokens_kept_are_bounded(monkeypatch):
    monkeypatch.setattr("integration_api.transport.tokens.MOST", 3)
    given = Given()
    tokens = Tokens(given, lambda url: True)
    for account in range(5):
        await tokens.get(EntraToken("t", "c"), Held(client_secret=LONG), account)
    await asyncio.sleep(0)
    gc.collect()
    assert [bool(any(buffer)) for buffer in given.buffers] == [False, False, True, True, True]
    await tokens.close()


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "kind", "code", "words"),
    [
        (
            answer(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}),
            Kind.CREDENTIAL_REJECTED,
            "credential_rejected",
            "the token endpoint refused the credential: Invalid JWT Signature.",
        ),
        (
            answer(
                401,
                {
                    "error": "invalid_client",
                    "error_description": "AADSTS7000215: Invalid client secret provided. "
                    "Trace ID: 1 Correlation ID: 2 Timestamp: 3",
                    "error_codes": [7000215],
                    "trace_id": "trace-1",
                },
            ),
            Kind.CREDENTIAL_REJECTED,
            "credential_rejected",
            "the token endpoint refused the credential: AADSTS7000215: Invalid client secret provided.",
        ),
        (answer(404, b"not here"), Kind.CREDENTIAL_REJECTED, None, "refused the credential: status 404"),
        (
            answer(403, {"error": {"code": 403, "message": "no right", "status": "PERMISSION_DENIED"}}),
            Kind.PERMISSION,
            None,
            "gave no access token: no right",
        ),
        (answer(429, {"error": "slow_down"}, retry_after="7"), Kind.RATE_LIMITED, None, "slow_down"),
        (answer(503, b"<html>"), Kind.OVERLOADED, None, "status 503"),
        (answer(500, {"error": "server_error"}), Kind.UPSTREAM, None, "server_error"),
        (answer(400, {"error": "temporarily_unavailable"}), Kind.OVERLOADED, None, "temporarily_unavailable"),
        (answer(302, b"", location="http://169.254.169.254/"), Kind.UPSTREAM, "redirect_refused", "redirect"),
        (answer(200, b"<html>"), Kind.BAD_RESPONSE, None, "could not be read"),
        (answer(200, {"expires_in": 3600}), Kind.BAD_RESPONSE, None, "could not be read"),
        (answer(200, {"access_token": "a\r\nx: y"}), Kind.BAD_RESPONSE, None, "could not be read"),
        (answer(200, {"access_token": ""}), Kind.BAD_RESPONSE, None, "could not be read"),
        (
            answer(200, {"access_token": "x", "expires_in": "soon"}),
            Kind.BAD_RESPONSE,
            None,
            "could not be read",
        ),
    ],
)
async def test_what_a_token_endpoint_says_becomes_an_error_of_its_kind(reply, kind, code, words):
    routes = {"/t1/oauth2/v2.0/token": [reply]}
    async with Upstream(routes=routes).serving() as upstream, transport() as over:
        with pytest.raises(ProviderError) as refused:
            await send(over, to(upstream, "/v1", auth=entra(upstream)), Held(client_secret=LONG))
        assert not upstream.to("/v1")
    error = refused.value
    assert error.kind is kind
    assert words in error.message
    assert code is None or error.code == code
    if kind is Kind.RATE_LIMITED:
        assert error.retry_after == 7
    if "AADSTS" in words:
        assert (error.refusal.code, error.refusal.request_id) == ("7000215", "trace-1")


async def test_a_token_endpoint_that_is_not_there_is_unreachable():
    async with Upstream().serving() as upstream:
        gone = upstream.url
    async with Upstream().serving() as upstream, transport() as over:
        with pytest.raises(ProviderError) as refused:
            await send(
                over, to(upstream, "/v1", auth=entra(upstream, authority=gone)), Held(client_secret=LONG)
            )
    assert refused.value.kind is Kind.UNREACHABLE


async def test_a_token_endpoint_that_says_nothing_is_not_waited_for_for_ever(monkeypatch):
    monkeypatch.setattr("integration_api.transport.drive.TOKEN_SECONDS", 0.05)

    async def silent(asked, reader, writer):
        await reader.read()

    routes = {"/t1/oauth2/v2.0/token": [silent]}
    async with Upstream(routes=routes).serving() as upstream, transport() as over:
        with pytest.raises(ProviderError) as refused:
            await send(over, to(upstream, "/v1", auth=entra(upstream)), Held(client_secret=LONG))
    assert refused.value.kind is Kind.TIMEOUT


async def test_a_token_endpoint_under_strain_is_tried_again():
    routes = {"/t1/oauth2/v2.0/token": [answer(503, b""), granted(1)]}
    async with Upstream(routes=routes).serving() as upstream, transport(retries=2) as over:
        await send(over, to(upstream, "/v1", auth=entra(upstream)), Held(client_secret=LONG))
        assert bearers(upstream) == [f"{ACCESS}1"]


async def test_the_egress_guard_stands_before_token_endpoints_too():
    async with transport("sts.example") as over:
        request = HttpRequest(
            method="GET", url="http://sts.example/v1", auth=EntraToken("t", "c", authority="https://10.0.0.1")
        )
        with pytest.raises(Failure, match="authority"):
            await send(over, request, Held(client_secret=LONG))


# --- an application's own --------------------------------------------------------------------


async def test_an_application_signs_its_own_token_and_asks_nobody():
    async with Upstream().serving() as upstream, transport() as over:
        auth = ApplicationToken("app-1")
        held = Held(private_key=pem())
        for _ in range(2):
            await send(over, to(upstream, "/v1", auth=auth), held)
        first, again = bearers(upstream)
    assert first == again, "a token serves until it ends"
    header, claims, signature, said = segments(first)
    KEY.public_key().verify(signature, said, PKCS1v15(), SHA256())
    assert header == {"alg": "RS256", "typ": "JWT"}
    assert claims["application_id"] == "app-1"
    assert claims["exp"] - claims["iat"] == 900
    assert abs(claims["iat"] - time.time()) < 60
    assert len(claims["jti"]) == 36


async def test_a_private_key_that_is_none_is_said_to_be_none():
    async with Upstream().serving() as upstream, transport() as over:
        with pytest.raises(Failure, match="private_key cannot be used") as refused:
            await send(over, to(upstream, "/v1", auth=ApplicationToken("a")), Held(private_key=LONG))
        assert upstream.connections == 0
    assert refused.value.kind is Kind.CREDENTIAL_INVALID


# --- silence ---------------------------------------------------------------------------------


async def test_a_client_secret_that_a_token_endpoint_repeats_is_not_told():
    said = {"error": "invalid_client", "error_description": f"secret {LONG} or {LONG[:12]} is wrong"}
    routes = {"/t1/oauth2/v2.0/token": [answer(401, said)]}
    async with Upstream(routes=routes).serving() as upstream, transport() as over:
        with pytest.raises(ProviderError) as refused:
            await send(over, to(upstream, "/v1", auth=entra(upstream)), Held(client_secret=LONG))
    assert "secret *** or *** is wrong" in refused.value.message


async def test_an_assertion_that_a_token_endpoint_repeats_is_not_told():
    async def repeats(asked, reader, writer):
        writer.write(answer(400, {"error": "invalid_grant", "error_description": asked.form["assertion"]}))

    async with Upstream(routes={"/token": [repeats]}).serving() as upstream, transport() as over:
        with pytest.raises(ProviderError) as refused:
            held = Held(service_account_key=account_file(upstream))
            await send(over, to(upstream, "/v1", auth=google()), held)
    assert refused.value.message == "the token endpoint refused the credential: ***"


@pytest.mark.parametrize("status", [400, 401, 500])
async def test_a_token_that_a_provider_repeats_is_not_told(status):
    async def repeats(asked, reader, writer):
        writer.write(answer(status, {"said": asked.headers["authorization"]}))

    async with Upstream([repeats], {"/token": [granted(1)]}).serving() as upstream, transport() as over:
        with pytest.raises(ProviderError) as refused:
            held = Held(service_account_key=account_file(upstream))
            await send(over, to(upstream, "/v1", auth=google()), held)
    assert ACCESS[:8] not in refused.value.message
    assert "***" in refused.value.message


async def test_without_a_credential_no_token_is_asked_for():
    async with Upstream().serving() as upstream, transport() as over:
        with pytest.raises(Failure) as refused:
            await send(over, to(upstream, "/v1", auth=google()), None)
        assert upstream.connections == 0
    assert refused.value.code == "credential_missing"
