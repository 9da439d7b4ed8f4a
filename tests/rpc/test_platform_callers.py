"""The platform's callers, as they say who they are, against the running service and a real web-api beside it."""

import asyncio
import http.client
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from integration_api.proto import audit_logging_pb2 as audit
from integration_api.proto import common_pb2 as common
from integration_api.proto import unified_pb2 as wire
from integration_api.proto import vault_pb2 as vault
from tests.e2e.service import ADMIN_KEY, Service, running
from tests.ports import free_port
from tests.rpc.caller import SECONDS, SERVICE, chat_request, user
from tests.services.tokens import SECRET, metadata, new, old, service_key, signed, third, without
from tests.services.web_api import WebApi, playing, scoped

ORGANIZATION, PROJECT = 7, 70
PORT = free_port()
PAGE = "https://app.example"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("platform")
    settings = {
        "SECRET": SECRET,
        "WEB_HOST": f"127.0.0.1:{PORT}",
        "PLATFORM__AUTH_CACHE_SECONDS": "0.001",
        "CORS__ORIGINS": PAGE,
    }
    with running(folder, **settings) as started:
        yield started


@pytest.fixture
async def web() -> AsyncIterator[WebApi]:
    made = WebApi()
    made.port = PORT
    async with playing(made):
        yield made


FOR_USER = [("authorization", "tk-of-12"), ("x-auth-id", "12"), ("x-project-id", str(PROJECT))]


async def call(service: Service, path: str, request: Any, kind: Any, shown: Any) -> Any:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        method = channel.unary_unary(path, type(request).SerializeToString, kind.FromString)
        return await method(request, metadata=metadata(shown), timeout=SECONDS)


async def chat(service: Service, shown: Any) -> Any:
    request = chat_request("sandbox/echo", user("Hello"))
    return await call(service, SERVICE + "Chat", request, wire.ChatResponse, shown)


async def find(service: Service, shown: Any) -> Any:
    return await call(
        service,
        "/vault_api.VaultService/GetAllOrganizationCredential",
        vault.GetAllOrganizationCredentialRequest(),
        vault.GetAllOrganizationCredentialResponse,
        shown,
    )


async def create(service: Service, shown: Any, name: str) -> Any:
    request = vault.CreateProviderCredentialRequest(provider="sandbox", name=name)
    return await call(
        service,
        "/vault_api.VaultService/CreateProviderCredential",
        request,
        vault.GetCredentialResponse,
        shown,
    )


async def refusal(asking: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asking
    return refused.value.code()


CLAIMS = {"organizationId": ORGANIZATION, "projectId": PROJECT}
CALLERS = {
    "service, first generation": service_key(old(**CLAIMS)),
    "service, second generation": service_key(new(**CLAIMS)),
    "service, third generation": service_key(third("project", **CLAIMS)),
    "service for a user": service_key(third("user", **CLAIMS)),
    "service for a user, first generation": service_key(old(userId=12, **CLAIMS)),
    "project": [("x-api-key", "rpd-prj-good"), ("x-client-source", "sdk")],
    "user": FOR_USER,
    "service beside a user": [*service_key(third("user", **CLAIMS)), *FOR_USER],
    "our own key": [("x-api-key", ADMIN_KEY)],
}
MAY_CREATE = {name for name in CALLERS if "user" in name} | {"our own key"}


@pytest.mark.parametrize("who", CALLERS)
async def test_each_class_chats_and_sees_its_projects_credentials(
    service: Service, web: WebApi, who: str
) -> None:
    answer = await chat(service, CALLERS[who])
    assert answer.success
    assert (await find(service, CALLERS[who])).success


ACTORS = {
    "service, first generation": ("unknown", None, "legacy"),
    "service, second generation": ("service", "9007", "assistant-api"),
    "service, third generation": ("project", "12", "assistant-api"),
    "service for a user": ("user", "12", "assistant-api"),
    "service for a user, first generation": ("user", "12", "legacy"),
    "project": ("project", str(PROJECT), None),
    "user": ("user", "12", None),
    "service beside a user": ("user", "12", "assistant-api"),
}


@pytest.mark.parametrize("who", ACTORS)
async def test_a_record_says_who_acted_and_which_service_called(
    service: Service, web: WebApi, who: str
) -> None:
    request = chat_request("sandbox/echo", user("Hello"))
    request.additionalData["service"] = "somebody-else"
    request.additionalData["message_id"] = who
    answer = await call(service, SERVICE + "Chat", request, wire.ChatResponse, CALLERS[who])
    assert answer.success
    find = audit.GetAllAuditLogRequest(criterias=[common.Criteria(key="message_id", value=who, logic="=")])
    path = "/integration_api.AuditLoggingService/GetAllAuditLog"
    for _ in range(100):
        found = (await call(service, path, find, audit.GetAllAuditLogResponse, CALLERS[who])).data
        if found:
            break
        await asyncio.sleep(0.05)
    told = {one.key: one.value for one in found[0].externalAuditMetadatas}
    kind, id, caller = ACTORS[who]
    assert (told["created_actor_type"], told.get("created_actor_id")) == (kind, id)
    assert told["service"] == (caller or "somebody-else")


@pytest.mark.parametrize("who", CALLERS)
async def test_each_class_verifies(service: Service, web: WebApi, who: str) -> None:
    asked = wire.VerifyCredentialRequest(providerName="sandbox")
    path = SERVICE + "VerifyCredential"
    assert (await call(service, path, asked, wire.VerifyCredentialResponse, CALLERS[who])).code == 200


@pytest.mark.parametrize("who", CALLERS)
async def test_only_users_create(service: Service, web: WebApi, who: str) -> None:
    if who in MAY_CREATE:
        assert (await create(service, CALLERS[who], who)).success
    else:
        assert await refusal(create(service, CALLERS[who], who)) is grpc.StatusCode.PERMISSION_DENIED


async def test_all_classes_of_one_project_see_the_same(service: Service, web: WebApi) -> None:
    made = await create(service, FOR_USER, "seen by all")
    elsewhere = {**CLAIMS, "projectId": PROJECT + 1}
    for who, shown in CALLERS.items():
        seen = [one.id for one in (await find(service, shown)).data]
        assert (made.data.id in seen) == (who != "our own key")
    assert made.data.id not in [one.id for one in (await find(service, service_key(new(**elsewhere)))).data]


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        ([], grpc.StatusCode.UNAUTHENTICATED),
        ([("x-api-key", "bad")], grpc.StatusCode.UNAUTHENTICATED),
        ([("authorization", "tk-of-12"), ("x-auth-id", "13")], grpc.StatusCode.UNAUTHENTICATED),
        (FOR_USER[:2], grpc.StatusCode.PERMISSION_DENIED),
        ([*FOR_USER[:2], ("x-project-id", "99")], grpc.StatusCode.PERMISSION_DENIED),
        ([("x-org-key", "good")], grpc.StatusCode.PERMISSION_DENIED),
        ([("x-org-key", "bad")], grpc.StatusCode.UNAUTHENTICATED),
        (service_key(without(new(), "projectId")), grpc.StatusCode.PERMISSION_DENIED),
        ([("x-internal-service-key", signed(new(), secret="rpd_pks"))], grpc.StatusCode.UNAUTHENTICATED),
        ([("x-internal-service-key", "junk"), ("x-api-key", ADMIN_KEY)], grpc.StatusCode.UNAUTHENTICATED),
    ],
)  # fmt: skip
async def test_nobody_else_is_let_in(service: Service, web: WebApi, shown: Any, status: Any) -> None:
    assert await refusal(chat(service, shown)) is status
    assert await refusal(find(service, shown)) is status


async def test_an_archived_key_is_no_key_once_its_time_is_over(service: Service, web: WebApi) -> None:
    project = [("x-api-key", "soon-archived")]
    web.scoped["project", "x-api-key", "soon-archived"] = scoped(ORGANIZATION, PROJECT)
    assert (await chat(service, project)).success
    web.scoped["project", "x-api-key", "soon-archived"] = scoped(ORGANIZATION, PROJECT, status="ARCHIEVE")
    assert await refusal(chat(service, project)) is grpc.StatusCode.UNAUTHENTICATED


async def test_while_web_api_is_away_services_go_on_and_others_are_told_to_wait(service: Service) -> None:
    assert (await chat(service, CALLERS["service, third generation"])).success
    assert await refusal(chat(service, CALLERS["project"])) is grpc.StatusCode.UNAVAILABLE


async def test_rest_knows_them_by_the_same_headers(service: Service, web: WebApi) -> None:
    def ask(headers: dict[str, str]) -> int:
        body = {"model": "sandbox/echo", "messages": [{"role": "user", "content": "Hello"}]}
        return service.call("POST", "/v1/chat/completions", body, key=None, headers=headers)[0]

    for headers in (
        *(dict(metadata(shown)) for shown in CALLERS.values()),
        {"authorization": signed(new(**CLAIMS))},
    ):
        assert await asyncio.to_thread(ask, headers) == 200
    assert await asyncio.to_thread(ask, {"authorization": signed(new(), secret="rpd_pks")}) == 401


@pytest.mark.parametrize(("origin", "allowed"), [(PAGE, "POST"), ("https://evil.example", None)])
def test_a_page_may_ask_over_grpc_web_what_it_may_send(
    service: Service, origin: str, allowed: str | None
) -> None:
    wanted = "x-api-key, x-auth-id, x-project-id, x-client-source, x-grpc-web, content-type, authorization"
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": wanted,
    }
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=SECONDS)
    connection.request("OPTIONS", SERVICE + "Chat", headers=asked)
    answer = connection.getresponse()
    connection.close()
    assert answer.status == 204
    assert answer.getheader("access-control-allow-methods") == allowed
    told = answer.getheader("access-control-allow-headers", "").split(", ")
    assert set(wanted.split(", ")) <= set(told) or allowed is None


async def test_no_token_is_logged_or_kept(service: Service, web: WebApi) -> None:
    kept = [metadata(shown) for shown in CALLERS.values()]
    for shown in kept:
        await chat(service, shown)
    values = [value.encode() for shown in kept for name, value in shown if len(value) > 8]
    for path in Path(service.folder).rglob("*"):
        if path.is_file():
            assert not any(value in path.read_bytes() for value in values), path
