"""Whose word counts when a request carries several credentials, and that none stands in for another."""

from typing import Any

import pytest

from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Principal, Tenant
from integration_api.services.authentication import Authentication
from integration_api.services.service_token import ServiceTokens
from tests.services.tokens import SECRET, old, signed

OURS = b"iak_" + b"0" * 40
TOKEN = signed(old()).encode()


class Heard:
    """Everybody who knows somebody: says who was asked, and with what."""

    async def authenticate(self, key: bytes) -> Principal:
        if not key.startswith(b"iak_"):
            raise Failure(Kind.AUTHENTICATION, "no key")
        return self._said("ours", key)

    async def project(self, key: bytes) -> Principal:
        return self._said("project", key)

    async def user(self, token: bytes, user_id: bytes, project_id: bytes) -> Principal:
        return self._said("user", token, user_id, project_id)

    async def organization(self, key: bytes) -> Principal:
        return self._said("organization", key)

    def _said(self, *told: Any) -> Principal:
        self.told = told
        return Principal(Tenant(1, 2), 3, frozenset())


def headers(**given: bytes) -> dict[bytes, bytes]:
    return {name.replace("_", "-").encode(): value for name, value in given.items()}


async def told(platform: bool = True, **given: bytes) -> tuple[Any, ...]:
    heard = Heard()
    known = Authentication(heard, tokens=ServiceTokens(SECRET), platform=heard if platform else None)
    who = await known.authenticate(headers(**given))
    return ("service",) if who.service else heard.told


@pytest.mark.parametrize("platform", [True, False])
@pytest.mark.parametrize(
    "given",
    [
        {"authorization": b"Bearer " + OURS}, {"authorization": b"bearer  " + OURS}, {"x_api_key": OURS},
        {"api_key": OURS}, {"x_api_key": OURS, "authorization": b"Bearer " + OURS},
        {"x_api_key": OURS, "x_auth_id": b"7"},
    ],
)  # fmt: skip
async def test_a_key_of_ours_is_known_wherever_it_stands(platform: bool, given: dict[str, bytes]) -> None:
    assert await told(platform, **given) == ("ours", OURS)


@pytest.mark.parametrize("platform", [True, False])
@pytest.mark.parametrize("other", [b"iak_other", b"rpd-prj-1"])
async def test_two_keys_are_one_too_many(platform: bool, other: bytes) -> None:
    with pytest.raises(Failure, match="two different"):
        await told(platform, x_api_key=other, authorization=b"Bearer " + OURS)


@pytest.mark.parametrize(
    ("given", "who"),
    [
        ({"x_api_key": b"rpd-prj-1"}, ("project", b"rpd-prj-1")),
        ({"x_api_key": b"p", "x_auth_id": b"7", "authorization": b"t"}, ("project", b"p")),
        ({"authorization": b"t", "x_auth_id": b"7", "x_project_id": b"9"}, ("user", b"t", b"7", b"9")),
        ({"authorization": b"Bearer t", "x_auth_id": b"7"}, ("user", b"t", b"7", b"")),
        ({"authorization": TOKEN, "x_auth_id": b"7"}, ("user", TOKEN, b"7", b"")),
        ({"x_org_key": b"rpd-org-1"}, ("organization", b"rpd-org-1")),
        ({"x_org_key": b"o", "authorization": b"t", "x_auth_id": b"7"}, ("user", b"t", b"7", b"")),
        ({"x_internal_service_key": TOKEN, "x_api_key": b"p", "authorization": b"t"}, ("service",)),
        ({"x_internal_service_key": TOKEN, "authorization": b"Bearer " + OURS}, ("service",)),
        ({"authorization": TOKEN}, ("service",)),
    ],
)
async def test_the_strongest_class_counts(given: dict[str, bytes], who: tuple[Any, ...]) -> None:
    assert await told(**given) == who


@pytest.mark.parametrize("given", [{"authorization": TOKEN}, {"x_internal_service_key": TOKEN}])
async def test_a_service_needs_no_web_api(given: dict[str, bytes]) -> None:
    assert await told(platform=False, **given) == ("service",)


@pytest.mark.parametrize("platform", [True, False])
@pytest.mark.parametrize(
    "given",
    [
        {}, {"authorization": b""}, {"authorization": b"Basic abc"}, {"authorization": b"t"},
        {"authorization": b"Bearer t"}, {"x_project_id": b"9"}, {"x_internal_service_key": b""},
        {"x_internal_service_key": b"a.b.c", "x_api_key": OURS},
        {"x_internal_service_key": signed(old(), secret="rpd_pks").encode(), "authorization": b"Bearer " + OURS},
        {"authorization": b"a.b.c"},
    ],
)  # fmt: skip
async def test_nobody_stands_in_for_a_credential_that_is_not_good(
    platform: bool, given: dict[str, bytes]
) -> None:
    with pytest.raises(Failure) as refused:
        await told(platform, **given)
    assert refused.value.kind is Kind.AUTHENTICATION


@pytest.mark.parametrize(
    "given", [{"x_api_key": b"rpd-prj-1"}, {"x_org_key": b"o"}, {"authorization": b"t", "x_auth_id": b"7"}]
)
async def test_without_a_web_api_its_keys_are_nobodys(given: dict[str, bytes]) -> None:
    with pytest.raises(Failure) as refused:
        await told(platform=False, **given)
    assert refused.value.kind is Kind.AUTHENTICATION


async def test_without_a_secret_no_service_is_known() -> None:
    with pytest.raises(Failure, match="SECRET"):
        await Authentication(Heard()).authenticate(headers(x_internal_service_key=TOKEN))
