"""Whose the platform's keys and tokens are, asked of a real gRPC server that plays its web-api."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import grpc
import pytest

from integration_api.cache.principals import UNKNOWN_SECONDS, PrincipalCache
from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Actor, Principal, Tenant
from integration_api.services.service_token import LOOK, USER
from integration_api.services.web_api import WebApi as Client
from integration_api.transport.grpc import Channel
from tests.services.web_api import WebApi, playing, scoped, user

SECONDS = 30.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Stage:
    def __init__(self, web: WebApi) -> None:
        self.web = web
        self.clock = Clock()
        self.client = Client(
            Channel(f"127.0.0.1:{web.port}"),
            PrincipalCache(SECONDS, self.clock),
            lambda shown: sha256(shown).digest(),
            seconds=10.0,
        )

    async def refusal(self, kind: str, *shown: bytes) -> Kind:
        with pytest.raises(Failure) as refused:
            await getattr(self.client, kind)(*shown)
        assert all(len(part) < 4 or part.decode("latin-1") not in str(refused.value) for part in shown)
        return refused.value.kind


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with playing(WebApi()) as web:
        made = Stage(web)
        yield made
        await made.client.close()


async def test_a_project_key_is_its_project(stage: Stage) -> None:
    for key in (b"good", b"rpd-prj-good"):
        assert await stage.client.project(key) == Principal(Tenant(7, 70), 0, LOOK)
    assert len(stage.web.asked) == 1
    assert stage.web.asked[0]["x-api-key"] == "good"
    # The prefix is taken off once.
    assert await stage.refusal("project", b"rpd-prj-rpd-prj-good") is Kind.AUTHENTICATION
    assert stage.web.asked[-1]["x-api-key"] == "rpd-prj-good"


async def test_a_user_is_in_the_project_that_he_names_and_is_of(stage: Stage) -> None:
    assert await stage.client.user(b"tk-of-12", b"12", b"71") == Principal(
        Tenant(7, 71), 0, USER, actor=Actor("user", 12)
    )
    assert (stage.web.asked[0]["authorization"], stage.web.asked[0]["x-auth-id"]) == ("tk-of-12", "12")
    assert await stage.refusal("user", b"tk-of-12", b"12", b"72") is Kind.PERMISSION
    assert await stage.refusal("user", b"tk-of-12", b"12", b"") is Kind.PERMISSION
    assert await stage.refusal("user", b"tk-of-12", b"13", b"71") is Kind.AUTHENTICATION


async def test_an_organization_without_a_project_is_known_and_let_in_nowhere(stage: Stage) -> None:
    assert await stage.refusal("organization", b"rpd-org-good") is Kind.PERMISSION
    assert stage.web.asked[0]["x-org-key"] == "good"
    assert await stage.refusal("organization", b"bad") is Kind.AUTHENTICATION


@pytest.mark.parametrize(
    ("key", "kind"),
    [(b"bad", Kind.AUTHENTICATION), (b"asleep", Kind.AUTHENTICATION), (b"homeless", Kind.PERMISSION)],
)
async def test_who_is_not_known_is_not_let_in(stage: Stage, key: bytes, kind: Kind) -> None:
    assert await stage.refusal("project", key) is kind


@pytest.mark.parametrize(
    "answer",
    [
        user(13, 7, [70]), user(12, 7, [70], expired=True), user(12, 0, [70]), user(12, 2**63, [70]),
        user(12, 7, []), user(0, 7, [70]),
    ],
)  # fmt: skip
async def test_a_user_is_only_whom_web_api_says_he_is(stage: Stage, answer: Any) -> None:
    stage.web.users["odd", "12"] = answer
    assert await stage.refusal("user", b"odd", b"12", b"70") in {Kind.AUTHENTICATION, Kind.PERMISSION}


@pytest.mark.parametrize("ids", [(0, 70), (2**63, 70), (7, 2**63)])
async def test_ids_that_can_be_nobodys_are(stage: Stage, ids: tuple[int, int]) -> None:
    stage.web.scoped["project", "x-api-key", "odd"] = scoped(*ids)
    assert await stage.refusal("project", b"odd") in {Kind.AUTHENTICATION, Kind.PERMISSION}


@pytest.mark.parametrize("shown", [b"", b"x" * 4097, b"a b", b"a\r\nx: y", b"\xff"])
async def test_what_can_be_no_key_is_not_asked_about(stage: Stage, shown: bytes) -> None:
    assert await stage.refusal("project", shown) is Kind.AUTHENTICATION
    assert await stage.refusal("user", shown, b"12", b"70") is Kind.AUTHENTICATION
    assert await stage.refusal("user", b"tk-of-12", b"1e1", b"70") is Kind.AUTHENTICATION
    assert stage.web.asked == []


async def test_an_answer_is_believed_for_its_time_and_no_longer(stage: Stage) -> None:
    await stage.client.project(b"good")
    del stage.web.scoped["project", "x-api-key", "good"]
    stage.clock.now = SECONDS - 1
    await stage.client.project(b"good")
    assert len(stage.web.asked) == 1
    stage.clock.now = SECONDS
    assert await stage.refusal("project", b"good") is Kind.AUTHENTICATION


async def test_a_wrong_key_is_asked_about_now_and_then(stage: Stage) -> None:
    for _ in range(5):
        await stage.refusal("project", b"bad")
    assert len(stage.web.asked) == 1
    stage.web.scoped["project", "x-api-key", "bad"] = scoped(7, 70)
    stage.clock.now = UNKNOWN_SECONDS
    assert (await stage.client.project(b"bad")).tenant == Tenant(7, 70)


async def test_keys_are_told_apart_by_all_they_say(stage: Stage) -> None:
    stage.web.users["tk-of-121", "2"] = user(2, 8, [70])
    assert (await stage.client.user(b"tk-of-12", b"12", b"70")).tenant == Tenant(7, 70)
    assert (await stage.client.user(b"tk-of-121", b"2", b"70")).tenant == Tenant(8, 70)
    assert await stage.refusal("project", b"tk-of-12") is Kind.AUTHENTICATION
    assert await stage.refusal("organization", b"bad") is Kind.AUTHENTICATION


async def test_callers_who_come_together_share_one_question(stage: Stage) -> None:
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(stage.client.project(b"good")) for _ in range(50)]
        asking[0].cancel()
    assert {task.result().tenant for task in asking[1:]} == {Tenant(7, 70)}
    assert len(stage.web.asked) == 1


@pytest.mark.parametrize(
    "status", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNIMPLEMENTED]
)
async def test_a_web_api_that_can_not_answer_denies_nobody(stage: Stage, status: grpc.StatusCode) -> None:
    stage.web.fail = status
    assert await stage.refusal("project", b"good") is Kind.OVERLOADED
    stage.web.fail = None
    assert (await stage.client.project(b"good")).tenant == Tenant(7, 70)


async def test_one_that_restarts_is_found_again() -> None:
    web = WebApi()
    async with playing(web):
        stage = Stage(web)
        await stage.client.project(b"good")
    stage.clock.now = SECONDS
    assert await stage.refusal("project", b"good") is Kind.OVERLOADED
    async with playing(web):
        assert (await stage.client.project(b"good")).tenant == Tenant(7, 70)
    await stage.client.close()
