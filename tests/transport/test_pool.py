"""Who shares a connection, how long it is kept, and what becomes of one that was kept in vain."""

import asyncio
import socket

import pytest

from integration_api.core.errors import Failure, Kind, Phase, ProviderError
from integration_api.core.exchange import Bearer, HttpRequest
from integration_api.transport import egress
from integration_api.transport.drive import Transport
from tests.transport.upstream import Held, Trace, Upstream, answer, fault, send, to, transport


def used(upstream: Upstream) -> list[int]:
    """Which connection each request came on."""
    return [one.connection for one in upstream.asked]


def kept(over: Transport) -> int:
    return len(over._client.pool._oldest)


async def hangs_up(asked, reader, writer) -> None:
    writer.close()


# --- sharing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accounts", "connections"),
    [
        ([(1, 1), (1, 1), (1, 1)], [1, 1, 1]),
        ([(1, 1), (2, 1), (1, 1), (2, 1)], [1, 2, 1, 2]),
        ([(1, 1), (1, 2)], [1, 2]),  # Another version of a credential is another account.
        ([None, None], [1, 2]),  # Nobody's connection is nobody's afterwards.
        ([(1, 1), None, (1, 1)], [1, 2, 1]),
    ],
)
async def test_a_connection_is_one_accounts_and_never_anothers(accounts, connections) -> None:
    async with Upstream().serving() as upstream, transport() as over:
        for account in accounts:
            await send(over, to(upstream), account=account)
        assert used(upstream) == connections


async def test_a_connection_is_to_one_origin_and_never_to_another() -> None:
    async with (
        Upstream().serving() as one,
        Upstream().serving() as other,
        transport("localhost", "127.0.0.1") as over,
    ):
        for upstream in (one, other, one, other):
            await send(over, to(upstream))
        await send(over, HttpRequest(method="GET", url=f"http://localhost:{one.port}/"))
        assert (used(one), used(other)) == ([1, 1, 2], [1, 1]), (
            "an address under another name is another origin"
        )


async def test_two_requests_at_once_have_a_connection_each_and_the_last_used_serves_first() -> None:
    both = asyncio.Barrier(2)

    async def meets(asked, reader, writer) -> None:
        await both.wait()
        writer.write(answer())

    async with Upstream([meets, meets, answer()]).serving() as upstream, transport() as over:
        await asyncio.gather(send(over, to(upstream)), send(over, to(upstream)))
        assert kept(over) == 2
        await send(over, to(upstream))
        await send(over, to(upstream))
        assert len({*used(upstream)[2:]}) == 1


# --- keeping ---------------------------------------------------------------------------------


async def gathered(upstream: Upstream, over: Transport, accounts: list[int]) -> None:
    await asyncio.gather(*(send(over, to(upstream), account=account) for account in accounts))


@pytest.mark.parametrize(
    ("limits", "accounts", "most"),
    [
        ({"idle_per_account": 2}, [1, 1, 1, 1], 2),
        ({"idle_per_account": 2}, [1, 1, 1, 2, 2, 2], 4),
        ({"idle_connections": 3}, [1, 2, 3, 4, 5], 3),
    ],
)
async def test_connections_kept_are_bounded(limits, accounts, most) -> None:
    all_there = asyncio.Barrier(len(accounts))

    async def meets(asked, reader, writer) -> None:
        await all_there.wait()
        writer.write(answer())

    async with Upstream([meets]).serving() as upstream, transport(**limits) as over:
        await gathered(upstream, over, accounts)
        assert kept(over) == most
        while len(over._client.pool._open) > most:
            await asyncio.sleep(0)


async def test_the_longest_unused_goes_first() -> None:
    async with Upstream().serving() as upstream, transport(idle_connections=2) as over:
        for account in (1, 2, 1, 3):
            await send(over, to(upstream), account=account)
        for account in (1, 3, 2):
            await send(over, to(upstream), account=account)
        assert used(upstream) == [1, 2, 1, 3, 1, 3, 4]


async def test_a_kept_connection_gives_way_to_a_needed_one_and_a_busy_one_does_not() -> None:
    let_go = asyncio.Event()

    async def waits(asked, reader, writer) -> None:
        await let_go.wait()
        writer.write(answer())

    routes = {"/slow": [waits]}
    async with Upstream(routes=routes).serving() as upstream, transport(connections=2) as over:
        await send(over, to(upstream), account=1)
        busy = [asyncio.create_task(send(over, to(upstream, "/slow"), account=account)) for account in (2, 3)]
        while len(upstream.to("/slow")) < 2:
            await asyncio.sleep(0)
        with pytest.raises(Failure) as refused:
            await send(over, to(upstream), account=4)
        assert (refused.value.kind, refused.value.code) == (Kind.OVERLOADED, "overloaded")
        let_go.set()
        await asyncio.gather(*busy)
        await send(over, to(upstream), account=4)


async def test_a_connection_nobody_uses_is_given_up() -> None:
    async with Upstream().serving() as upstream, transport(keep_alive=0.01) as over:
        await send(over, to(upstream))
        while over._client.pool._open:
            await asyncio.sleep(0.001)
        assert kept(over) == 0
        await send(over, to(upstream))
        assert used(upstream) == [1, 2]


async def test_a_credential_that_changed_takes_its_connections_along() -> None:
    let_go = asyncio.Event()

    async def waits(asked, reader, writer) -> None:
        await let_go.wait()
        writer.write(answer(200, b"done"))

    async with Upstream(routes={"/slow": [waits]}).serving() as upstream, transport() as over:
        for account in ((1, 1), (2, 1)):
            await send(over, to(upstream), account=account)
        busy = asyncio.create_task(send(over, to(upstream, "/slow"), account=(1, 1)))
        while not upstream.to("/slow"):
            await asyncio.sleep(0)
        over.drop(lambda account: account[0] == 1)
        let_go.set()
        assert (await busy).body == b"done", "what is under way may end"
        assert [account for account, _ in over._client.pool._idle] == [(2, 1)]


async def test_closing_hangs_up_on_everybody() -> None:
    async with Upstream().serving() as upstream, transport() as over:
        for account in (1, 2):
            await send(over, to(upstream), account=account)
        await over.close()
        assert not over._client.pool._open


# --- kept in vain ----------------------------------------------------------------------------


async def test_a_connection_the_provider_closed_meanwhile_is_not_used() -> None:
    async def leaves(asked, reader, writer) -> None:
        writer.write(answer())
        await writer.drain()
        writer.close()

    async with Upstream([leaves, answer()]).serving() as upstream, transport() as over:
        await send(over, to(upstream))
        while over._client.pool._open:
            await asyncio.sleep(0)
        await send(over, to(upstream))
        assert used(upstream) == [1, 2]


async def test_a_connection_the_provider_closes_while_it_is_asked_is_replaced_by_a_fresh_one() -> None:
    async with (
        Upstream([answer(), hangs_up, answer(200, b"fresh")]).serving() as upstream,
        transport() as over,
    ):
        held = Held(key="secret-of-the-test")
        trace = Trace(0.0)
        await send(over, to(upstream, auth=Bearer()), held)
        reply = await over.send(to(upstream, auth=Bearer()), fault, held, trace, "account")
        assert reply.body == b"fresh"
        assert used(upstream) == [1, 1, 2]
        assert trace.attempts == 1, "no provider refused anything: this is no retry"
        assert {one.headers["authorization"] for one in upstream.asked} == {"Bearer secret-of-the-test"}
    assert held.all_wiped


async def test_a_fresh_connection_that_is_closed_is_a_failure() -> None:
    async with Upstream([answer(), hangs_up]).serving() as upstream, transport() as over:
        await send(over, to(upstream))
        with pytest.raises(ProviderError) as cut:
            await send(over, to(upstream))
        assert used(upstream) == [1, 1, 2]
    assert (cut.value.kind, cut.value.phase, cut.value.code) == (
        Kind.UPSTREAM,
        Phase.HEADERS,
        "upstream_disconnected",
    )


async def test_a_kept_connection_that_answers_half_is_not_asked_again() -> None:
    async def half(asked, reader, writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        await writer.drain()
        writer.close()

    async with Upstream([answer(), half]).serving() as upstream, transport() as over:
        await send(over, to(upstream))
        with pytest.raises(ProviderError):
            await send(over, to(upstream))
        assert used(upstream) == [1, 1]


async def test_what_must_not_happen_twice_is_asked_on_a_fresh_connection_and_once() -> None:
    async with Upstream([answer(), hangs_up, answer()]).serving() as upstream, transport(retries=2) as over:
        await send(over, to(upstream))
        with pytest.raises(ProviderError):
            await send(over, to(upstream, idempotent=False))
        assert used(upstream) == [1, 2]
        await send(over, to(upstream))
        assert used(upstream) == [1, 2, 1], "what was kept is still good"


async def test_a_body_that_a_kept_connection_did_not_take_goes_again_whole() -> None:
    body = b"x" * 2_000_000
    async with Upstream([answer()]).serving() as upstream, transport() as over:
        await send(over, to(upstream))
        [connection] = over._client.pool._oldest
        # The other side is gone, and this one has not heard of it yet.
        peer = next(iter(upstream._writers)).transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        next(iter(upstream._writers)).transport.abort()
        assert connection.reusable
        await send(over, to(upstream, body=body))
        assert [len(one.body) for one in upstream.asked] == [2, len(body)]
        assert upstream.connections == 2


# --- addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("addresses", "reached"),
    [
        (["127.0.0.2", "127.0.0.1"], True),
        (["127.0.0.1", "127.0.0.2"], True),
        (["127.0.0.2", "127.0.0.3", "127.0.0.1"], False),  # One other is tried, and not a whole zone.
        (["127.0.0.2", "127.0.0.3", "::1"], True),  # One of the other family first.
    ],
)
async def test_a_name_has_a_second_address_when_the_first_does_not_answer(
    monkeypatch, addresses, reached
) -> None:
    async def lookup(host: str, port: int) -> list[str]:
        return addresses

    monkeypatch.setattr(egress, "_getaddrinfo", lookup)
    host = "::1" if "::1" in addresses else "127.0.0.1"
    async with Upstream().serving(host=host) as upstream, transport("127.0.0.0/8", "::1") as over:
        request = HttpRequest(method="GET", url=f"http://many.example:{upstream.port}/")
        if reached:
            assert (await send(over, request)).body == b"{}"
            return
        with pytest.raises(ProviderError) as lost:
            await send(over, request)
    assert (lost.value.kind, lost.value.phase) == (Kind.UNREACHABLE, Phase.CONNECT)
    assert lost.value.message == f"many.example:{upstream.port} did not accept a connection"
