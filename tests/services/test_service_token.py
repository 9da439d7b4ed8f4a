"""Service tokens of all three generations, and everything that must not pass for one."""

import time
from typing import Any

import pytest

from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Actor, Scope, Tenant
from integration_api.services.service_token import LOOK, USER, ServiceTokens
from tests.services.tokens import LARGE, SECRET, Later, new, old, part, signed, third, without

TOKENS = ServiceTokens(SECRET)


def verify(token: str, tokens: ServiceTokens = TOKENS) -> Any:
    return tokens.verify(token.encode())


def refused(token: str, tokens: ServiceTokens = TOKENS) -> str:
    with pytest.raises(Failure) as error:
        verify(token, tokens)
    assert error.value.kind is Kind.AUTHENTICATION
    assert token not in str(error.value)
    return str(error.value)


def test_the_first_generation_says_whom_it_calls_for() -> None:
    who = verify(signed(old()))
    assert (who.tenant, who.scopes, who.service) == (Tenant(7, LARGE), LOOK, "legacy")
    assert verify(signed(old(userId=3))).scopes == USER


def test_the_second_says_who_it_is() -> None:
    who = verify(signed(new()))
    assert (who.tenant, who.scopes, who.service) == (Tenant(7, LARGE), LOOK, "assistant-api")
    assert verify(signed(new(aud=["others", "rapida-internal"]))).service == "assistant-api"


def test_the_third_says_for_whom() -> None:
    assert verify(signed(third("user"))).scopes == USER
    for kind in ("project", "service", "system"):
        assert verify(signed(third(kind))).scopes == LOOK
    assert Scope.ADMIN not in USER


@pytest.mark.parametrize(
    ("claims", "service", "actor"),
    [
        (old(), "legacy", Actor("unknown")),
        (old(userId=LARGE), "legacy", Actor("user", LARGE)),
        (new(), "assistant-api", Actor("service", 9007)),
        (third("user", delegated_actor_id=str(LARGE)), "assistant-api", Actor("user", LARGE)),
        (third("project"), "assistant-api", Actor("project", 12)),
        (third("system"), "assistant-api", Actor("system", 12)),
    ],
)
def test_it_says_who_acts_beside_who_calls(claims: Any, service: str, actor: Actor) -> None:
    who = verify(signed(claims))
    assert (who.service, who.actor) == (service, actor)


@pytest.mark.parametrize("id", [LARGE, str(LARGE), 1, "1", 2**63 - 1, str(2**63 - 1)])
def test_ids_keep_every_digit_as_numbers_and_as_texts(id: Any) -> None:
    for claims in (old(organizationId=id, projectId=id), new(organizationId=id, projectId=id)):
        assert verify(signed(claims)).tenant == Tenant(int(id), int(id))


@pytest.mark.parametrize(
    "id", [0, -1, 2**63, "0", "-1", "1.0", " 1", "٣", "", str(2**63), "1" * 40, 1.0, 1e18, True, [], {}]
)
def test_what_is_no_id_is_refused(id: Any) -> None:
    for name in ("organizationId", "projectId", "userId"):
        refused(signed(old(**{name: id})))
    for name in ("organizationId", "projectId", "actor_id", "delegated_actor_id"):
        refused(signed(third(**{name: id})))


def test_strict_takes_only_tokens_that_say_who_made_them() -> None:
    strict = ServiceTokens(SECRET, strict=True)
    assert "STRICT" in refused(signed(old()), strict)
    assert verify(signed(new()), strict).service == "assistant-api"
    assert verify(signed(third()), strict).scopes == USER


@pytest.mark.parametrize("claims", [old, new, third])
def test_a_token_lives_no_longer_than_its_kind_may(claims: Any) -> None:
    now = int(time.time())
    assert "expired" in refused(signed(claims(exp=now - 61)))
    assert verify(signed(claims(exp=now - 30, iat=now - 200) if claims is not old else old(exp=now - 30)))
    for exp in (now + 86_400 * 2, 2**63, 1e300):
        refused(signed(claims(exp=exp)))
    for exp in (None, "2100000000", float("nan"), True):
        refused(signed(claims(exp=exp)))
    refused(signed(without(claims(), "exp")))


def test_a_dated_token_lives_five_minutes_and_was_made_in_the_past() -> None:
    now = int(time.time())
    for claims in ({"exp": now + 301}, {"iat": now + 120, "exp": now + 200}, {"iat": None}):
        assert "seconds" in refused(signed(new(**claims)))


@pytest.mark.parametrize(
    "claims",
    [
        new(aud="rapida-public"), new(aud=[]), new(aud=None), new(iss=""), new(iss=None),
        new(actor_type="user"), new(actor_type=None), new(actor_id=None), new(userId=3),
        third("project", projectId=None), third("organization"), third("root"),
        new(delegated_auth_type="user"), new(delegated_actor_id=3),
        old(iss="assistant-api"), old(aud="rapida-internal"), old(iat=Later(0)),
        without(old(), "organizationId"), without(new(), "organizationId"), [], "x", None,
    ],
)  # fmt: skip
def test_claims_that_do_not_belong_together_are_refused(claims: Any) -> None:
    refused(signed(claims))


def test_one_without_a_project_may_not_even_look() -> None:
    for claims in (
        without(old(), "projectId"),
        without(new(), "projectId"),
        third("organization", projectId=None),
    ):
        with pytest.raises(Failure, match="project context is unavailable") as error:
            verify(signed(claims))
        assert error.value.kind is Kind.PERMISSION


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"}, {"alg": "HS512"}, {"alg": "RS256"}, {"alg": "hs256"}, {"typ": "JWT"},
        {"alg": ["HS256"]}, {"alg": "HS256", "crit": ["b64"], "b64": False}, [],
    ],
)  # fmt: skip
def test_only_one_algorithm_is_known(header: Any) -> None:
    refused(signed(new(), header=header or b"[]"))


def test_a_signature_of_anything_else_is_none() -> None:
    token = signed(new())
    head, claims, signature = token.split(".")
    assert "signature" in refused(signed(new(), secret="rpd_pks"))
    for wrong in (
        f"{head}.{part(new(projectId=1))}.{signature}",
        f"{part({'alg': 'none'})}.{claims}.{signature}",
        f"{head}.{claims}.{part(b'0' * 32)}",
        f"{head}.{claims}.",
        f"{head}.{claims}",
        f"{token}.{signature}",
        f"{token}=",
        f"{token} ",
        f"{head}.{claims}.A",
        "..",
        "ü.ü.ü",
    ):
        refused(wrong)
    for at in range(len(signature) - 1):
        other = "A" if signature[at] != "A" else "B"
        refused(f"{head}.{claims}.{signature[:at]}{other}{signature[at + 1 :]}")


def test_a_long_token_is_not_hashed() -> None:
    assert "is not one" in refused(signed(new(padding="x" * 5000)))
