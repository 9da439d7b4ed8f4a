"""Carriers' signatures: what their own libraries vouch for is taken, and nothing that was touched."""

import hashlib
import json
import random
import string
import time
from ipaddress import ip_network
from urllib.parse import parse_qsl, urlencode

import jwt
import pytest
import vonage_jwt
from twilio.request_validator import RequestValidator

from integration_api.core.errors import Failure, Kind
from integration_api.core.webhook import Addresses, BodyJwt, Path, UrlFormHmac
from integration_api.services.proof import Evidence, Forged, Gate, check, networks

NOW = 1_790_000_000.0
TOKEN = "auth-token-0123456789abcdef"
VONAGE = BodyJwt(field="signature_secret", issuer="Vonage", claims=(("application_id", "app-1"),))
GATE = Gate(300.0)
URL = "https://voice.example.com/telephony/twilio/Q0FMTC1wYXRo/status"
FORM = {
    "AccountSid": "AC0123", "CallSid": "CA0123", "CallStatus": "completed", "CallDuration": "7",
    "From": "+4930123456", "To": "+4940987654", "SequenceNumber": "3", "Caller Name": "Zo\u00eb & Co=1",
}  # fmt: skip
TWILIO = UrlFormHmac(header="X-Twilio-Signature", field="auth_token", names=tuple(FORM))


class Secrets:
    """Gives out one secret, and remembers the buffers that it gave."""

    def __init__(self, value=TOKEN):
        self.value = value
        self.given = []

    def reveal(self, field):
        if self.value is None:
            raise Failure(Kind.INVALID_REQUEST, "there is none", code="credential_field_missing")
        buffer = bytearray(self.value.encode())
        self.given.append(buffer)
        return buffer


def refusal(proof, evidence, secrets=None, gate=GATE, now=NOW):
    """Return why a request is refused, None where it is not."""
    secrets = secrets or Secrets()
    try:
        check(proof, evidence, secrets, gate, now)
    except Forged as forged:
        return forged.reason
    finally:
        assert not any(any(buffer) for buffer in secrets.given), "a secret was left in memory"
    return None


# --- Twilio ----------------------------------------------------------------------------------


def form_post(form=FORM, url=URL, signed_url=None, token=TOKEN):
    signature = RequestValidator(token).compute_signature(signed_url or url, form)
    return Evidence(
        method="POST",
        url=url,
        headers={
            b"x-twilio-signature": signature.encode(),
            b"content-type": b"application/x-www-form-urlencoded; charset=UTF-8",
        },
        body=urlencode(form).encode(),
    )


def json_post(body=b'{"StatusCallbackEvent":"x"}'):
    url = f"{URL}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    signature = RequestValidator(TOKEN).compute_signature(url, {})
    headers = {b"x-twilio-signature": signature.encode(), b"content-type": b"application/json"}
    return Evidence(method="POST", url=url, headers=headers, body=body)


def with_(evidence, **changes):
    kept = {name: getattr(evidence, name) for name in ("method", "url", "headers", "body", "client")}
    return Evidence(**{**kept, **changes})


def test_takes_what_twilios_library_signs():
    assert refusal(TWILIO, form_post()) is None
    assert refusal(TWILIO, json_post()) is None
    query = f"{URL}?CallSid=CA1&From=%2B4930"
    assert refusal(TWILIO, with_(form_post({}, url=query), method="GET")) is None


@pytest.mark.parametrize("scheme, port", [("https", 443), ("https", 8443), ("wss", 443), ("http", 80)])
def test_takes_a_url_that_was_signed_with_its_port_or_without(scheme, port):
    host = URL.removeprefix("https://voice.example.com")
    plain, ported = (f"{scheme}://voice.example.com{at}{host}" for at in ("", f":{port}"))
    assert refusal(TWILIO, form_post(url=ported, signed_url=plain)) is None
    if port != 8443:
        assert refusal(TWILIO, form_post(url=plain, signed_url=ported)) is None


def test_the_handshake_of_a_media_socket_is_a_get_of_its_own_url():
    media = "wss://voice.example.com/telephony/twilio/TWVESUE/media"
    shaken = with_(form_post({}, url=media), method="GET")
    assert refusal(TWILIO, shaken) is None
    assert refusal(TWILIO, with_(shaken, url=media.replace("wss", "https"))) == "signature"
    slashed = with_(form_post({}, url=media, signed_url=media + "/"), method="GET")
    assert refusal(TWILIO, slashed) is None
    assert refusal(TWILIO, form_post(signed_url=URL + "/")) == "signature"


def test_says_why_it_refuses():
    good = form_post()
    assert refusal(TWILIO, with_(good, headers={})) == "unsigned"
    assert refusal(TWILIO, form_post(token="another-token")) == "signature"
    assert refusal(TWILIO, good, Secrets("")) == "no_secret"
    assert refusal(TWILIO, good, Secrets(None)) == "no_secret"
    headers = {**good.headers, b"content-type": b"application/json"}
    assert refusal(TWILIO, with_(good, headers=headers)) == "unsigned_body"
    assert refusal(TWILIO, with_(json_post(), body=b"{}")) == "signature"
    twice = with_(good, body=good.body + b"&CallSid=CA0123")
    assert RequestValidator(TOKEN).validate(URL, FORM, good.headers[b"x-twilio-signature"].decode())
    assert refusal(TWILIO, twice) == "form"


def test_a_field_that_is_read_is_not_cut_elsewhere():
    """Twilio's own scheme can not tell these apart: its library takes both."""
    for name, other in [
        ("CallStatusc", "ompleted"),
        ("CallStatu", "scompleted"),
        ("CallStatuscompleted", ""),
    ]:
        cut = {other_name: value for other_name, value in FORM.items() if other_name != "CallStatus"}
        cut[name] = other
        forged = with_(form_post(), body=urlencode(cut).encode())
        assert RequestValidator(TOKEN).validate(URL, cut, forged.headers[b"x-twilio-signature"].decode())
        assert refusal(TWILIO, forged) == "form"
    # A longer name beside it is another field, and not a part of it.
    assert refusal(TWILIO, form_post({**FORM, "FromCity": "Berlin", "ToCountry": "DE"})) is None


# --- Vonage ----------------------------------------------------------------------------------

BODY = json.dumps({"uuid": "aaaa", "status": "completed", "duration": "7"}).encode()
SECRET = "signature-secret-0123456789abcdef0123456789"


def claims(body=BODY, **more):
    told = {
        "iat": int(NOW) - 5, "exp": int(NOW) + 60, "jti": "j-1", "iss": "Vonage", "application_id": "app-1",
        "api_key": "abcd",
    }  # fmt: skip
    if body:
        told["payload_hash"] = hashlib.sha256(body).hexdigest()
    return {name: value for name, value in {**told, **more}.items() if value is not None}


def jwt_post(told=None, body=BODY, secret=SECRET, algorithm="HS256", url=URL):
    token = jwt.encode(claims(body) if told is None else told, secret, algorithm=algorithm)
    headers = {b"authorization": b"Bearer " + token.encode(), b"content-type": b"application/json"}
    return Evidence(method="POST", url=url, headers=headers, body=body)


def vonage(evidence, now=NOW):
    return refusal(VONAGE, evidence, Secrets(SECRET), now=now)


def test_takes_what_vonages_library_vouches_for():
    now = time.time()
    good = jwt_post(claims(iat=int(now), exp=int(now) + 60))
    assert vonage_jwt.verify_signature(good.headers[b"authorization"].decode()[7:], SECRET)
    assert vonage(good, now) is None


def test_compares_the_payload_hash_which_vonages_library_does_not():
    now = time.time()
    forged = with_(
        jwt_post(claims(iat=int(now), exp=int(now) + 60)), body=BODY.replace(b"completed", b"answered")
    )
    assert vonage_jwt.verify_signature(forged.headers[b"authorization"].decode()[7:], SECRET)
    assert vonage(forged, now) == "payload_hash"
    assert vonage(jwt_post(claims(None))) == "payload_hash"


def test_the_query_of_a_get_is_hashed_as_an_object():
    query = "from=4930&to=4940&uuid=Zo%C3%AB+1"
    told = hashlib.sha256('{"from":"4930","to":"4940","uuid":"Zo\u00eb 1"}'.encode()).hexdigest()
    asked = with_(jwt_post(claims(None, payload_hash=told), b"", url=f"{URL}?{query}"), method="GET")
    assert vonage(asked) is None
    assert vonage(with_(asked, url=f"{URL}?{query}2")) == "payload_hash"
    assert vonage(with_(asked, url=f"{URL}?{query}&uuid=2")) == "payload_hash"
    assert vonage(with_(asked, url=URL)) == "payload_hash"


@pytest.mark.parametrize(
    "changed, reason",
    [
        ({"iat": int(NOW) - 301}, "expired"),
        ({"iat": int(NOW) + 61}, "early"),
        ({"nbf": int(NOW) + 61}, "early"),
        ({"exp": int(NOW)}, "expired"),
        ({"iat": None}, "token"),
        ({"iat": "now"}, "token"),
        ({"iat": True}, "token"),
        ({"iss": "Somebody"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"application_id": "app-2"}, "account"),
    ],
)
def test_a_token_for_another_time_or_account_proves_nothing(changed, reason):
    told = {name: value for name, value in {**claims(), **changed}.items() if value is not None}
    if "iat" in changed and isinstance(changed["iat"], str):
        header = jwt.encode({}, SECRET, algorithm="HS256").split(".")[0]
        signed = jwt.api_jws.PyJWS().encode(json.dumps(told).encode(), SECRET, algorithm="HS256")
        assert signed.split(".")[0] == header
        evidence = with_(jwt_post(), headers={b"authorization": b"Bearer " + signed.encode()})
    else:
        evidence = jwt_post(told)
    assert vonage(evidence) == reason


def test_one_algorithm_is_taken_and_no_other():
    assert vonage(jwt_post(secret="", algorithm="none")) == "algorithm"
    assert refusal(VONAGE, jwt_post(secret=SECRET * 2, algorithm="HS512"), Secrets(SECRET * 2)) == "algorithm"
    # As the key of an application would sign it: our secret is no public key to be confused with one.
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert vonage(jwt_post(secret=key, algorithm="RS256")) == "algorithm"
    good = jwt_post().headers[b"authorization"]
    assert refusal(VONAGE, jwt_post(), Secrets("")) == "no_secret"
    for broken, reason in [
        (b"", "unsigned"), (b"Basic abc", "unsigned"), (b"Bearer ", "unsigned"), (b"Bearer a.b", "token"),
        (good + b".x", "token"), (b"Bearer " + b"x" * 5000, "token"), (b"Bearer !.!.!", "token"),
        (good + b"=", "signature"), (good[:-1], "signature"),
    ]:  # fmt: skip
        assert vonage(with_(jwt_post(), headers={b"authorization": broken})) == reason, broken[:20]


# --- nothing signed --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "client, forwarded, reason",
    [
        ("198.51.100.7", "", None),
        ("::ffff:198.51.100.7", "", None),
        ("203.0.113.9", "", "address"),
        ("203.0.113.9", "198.51.100.7", "address"),  # No proxy of ours: its word counts for nothing.
        ("10.0.0.2", "198.51.100.7", None),
        ("10.0.0.2", "203.0.113.9, 198.51.100.7, 10.0.0.3", None),
        ("10.0.0.2", "198.51.100.7, 203.0.113.9", "address"),  # The first was written by the sender.
        ("10.0.0.2", "", "address"),
        ("10.0.0.2", "nonsense", "address"),
        ("", "198.51.100.7", "address"),
    ],
)
def test_what_is_not_signed_must_come_from_a_listed_address(client, forwarded, reason):
    gate = Gate(300.0, networks("198.51.100.0/24, 2001:db8::/32"), networks("10.0.0.0/8"))
    headers = {b"x-forwarded-for": forwarded.encode()} if forwarded else {}
    evidence = Evidence(method="POST", url=URL, headers=headers, client=client)
    assert refusal(Addresses(), evidence, gate=gate) == reason


def test_no_list_means_nobody_and_a_bad_one_is_an_error():
    assert (
        refusal(Addresses(), Evidence(method="POST", url=URL, headers={}, client="1.2.3.4")) == "no_addresses"
    )
    assert networks("") == ()
    assert networks(" 10.0.0.0/8 ,") == (ip_network("10.0.0.0/8"),)
    with pytest.raises(ValueError):
        networks("10.0.0.1/8")


def test_a_path_of_its_own_is_proof_where_the_carrier_has_no_other():
    assert refusal(Path(), Evidence(method="GET", url=URL, headers={})) is None


# --- ten thousand forgeries ------------------------------------------------------------------

CHARACTERS = string.ascii_letters + string.digits + "%&=+-._~/?:;,!'\"<>{}[]\\ \x00\xe9"


def changed(text, dice):
    """Return a text with one character other, more or less, or two in each other's place."""
    at = dice.randrange(len(text))
    match dice.randrange(4):
        case 0:
            return text[:at] + dice.choice(CHARACTERS) + text[at + 1 :]
        case 1:
            return text[:at] + dice.choice(CHARACTERS) + text[at:]
        case 2:
            return text[:at] + text[at + 1 :]
        case _:
            other = dice.randrange(len(text))
            letters = list(text)
            letters[at], letters[other] = letters[other], letters[at]
            return "".join(letters)


def forgery(evidence, header, dice):
    """Return a signed request with something of it changed: URL, body, header, or which field is which."""
    headers = dict(evidence.headers)
    url, body = evidence.url, bytes(evidence.body).decode("latin-1")
    match dice.randrange(4):
        case 0:
            url = changed(url, dice)
        case 1 if body:
            body = changed(body, dice)
        case 2:
            headers[header] = changed(headers[header].decode("latin-1"), dice).encode("latin-1")
        case _:
            fields = parse_qsl(body, keep_blank_values=True)
            if len(fields) > 1:
                at, other = dice.sample(range(len(fields)), 2)
                name, value = fields[at]
                fields[at] = (name, fields[other][1]) if dice.random() < 0.5 else (fields[other][0], value)
                if dice.random() < 0.3:
                    fields.append((dice.choice(fields)[0], str(dice.random())))
                body = urlencode(fields)
            else:
                headers[header] = b"".join(
                    dice.choice([bytes([letter]), bytes([letter]).swapcase()]) for letter in headers[header]
                )
    return with_(evidence, url=url, headers=headers, body=body.encode("latin-1"))


def meaning(evidence, header):
    """Return what a request says: two spellings of the same form are one."""
    body = bytes(evidence.body)
    if evidence.headers[b"content-type"].startswith(b"application/x-www"):
        body = sorted(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
    token = evidence.headers[header]
    return evidence.url, body, token[:7].lower() + token[7:]


@pytest.mark.parametrize(
    "proof, secret, header, made",
    [
        (TWILIO, TOKEN, b"x-twilio-signature", form_post),
        (TWILIO, TOKEN, b"x-twilio-signature", json_post),
        (VONAGE, SECRET, b"authorization", jwt_post),
    ],
)
def test_of_ten_thousand_forgeries_none_is_taken(proof, secret, header, made):
    dice = random.Random(20260101)  # noqa: S311 - not for secrets
    good = made()
    assert refusal(proof, good, Secrets(secret)) is None
    said, tried = meaning(good, header), 0
    while tried < 3_334:
        forged = forgery(good, header, dice)
        if meaning(forged, header) == said:
            continue
        if proof is VONAGE and forged.url != good.url:
            # A token says nothing of the URL: its path is a seal of its own, see test_opaque.
            continue
        tried += 1
        assert refusal(proof, forged, Secrets(secret)) is not None, forged
