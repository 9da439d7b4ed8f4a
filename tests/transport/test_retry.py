"""When a call is tried again, how long it waits before, and when it never is."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from integration_api.core.errors import Kind, Phase, ProviderError
from integration_api.core.exchange import HttpRequest, SigV4, Stream
from integration_api.dialects.sse import SseFraming
from integration_api.transport import budget, retry
from integration_api.transport.budget import RESERVE
from integration_api.transport.retry import LONGEST_WISH, Retries, retry_after
from tests.transport.upstream import Held, Trace, Upstream, answer, fault, send, to, transport

NOW = 1_795_000_000.0


def date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7),
        ({"retry-after": date(30)}, 30),
        ({"retry-after": date(-30)}, 0),
        ({"retry-after": date(9e6)}, 86_400),
        ({"retry-after": "999999999"}, 86_400),
        ({"retry-after": date(30).removesuffix(" GMT")}, 30),
        *(
            ({"retry-after": odd}, None)
            for odd in ("", "-1", "1e9", "nan", "inf", "soon", "\u0667", "9" * 10, "x" * 50)
        ),
        *(
            ({"retry-after": odd}, None)
            for odd in ("Mon, 99 Foo 2026 99:99:99 GMT", "Thu, 1 Jan 99999 00:00:00 GMT")
        ),
    ],
)
def test_a_providers_wish_is_read(headers, seconds) -> None:
    found = retry_after(headers, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


# --- the pause -------------------------------------------------------------------------------


def refused(
    kind: Kind = Kind.OVERLOADED, wish: float | None = None, phase: Phase = Phase.HEADERS
) -> ProviderError:
    return ProviderError(kind, "no", retry_after=wish, phase=phase)


@pytest.fixture
def dice(monkeypatch) -> list[tuple[float, float]]:
    """Every throw: its bounds. What comes up is the upper one."""
    thrown: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        thrown.append((low, high))
        return high

    monkeypatch.setattr(retry.random, "uniform", uniform)
    return thrown


def test_jitter_is_full_and_its_end_doubles_up_to_a_bound(dice) -> None:
    retries = Retries(20)
    for tried in range(1, 8):
        retries.pause(refused(), tried, {}, None, idempotent=True)
    assert dice == [(0, 0.5), (0, 1), (0, 2), (0, 4), (0, 8), (0, 8), (0, 8)]


def test_a_wish_is_a_floor_and_jitter_comes_on_top(dice) -> None:
    assert Retries(2).pause(refused(wish=3), 1, {}, None, idempotent=True) == 3.5
    assert Retries(2).pause(refused(wish=LONGEST_WISH), 2, {}, None, idempotent=True) == LONGEST_WISH + 1
    assert Retries(2).pause(refused(wish=LONGEST_WISH + 0.1), 1, {}, None, idempotent=True) is None


@pytest.mark.parametrize(
    ("most", "tried", "again"), [(0, 1, False), (2, 1, True), (2, 2, True), (2, 3, False)]
)
def test_tries_are_counted(most, tried, again) -> None:
    assert (Retries(most).pause(refused(), tried, {}, None, idempotent=True) is not None) is again


SOME = {"x": "y"}


@pytest.mark.parametrize(
    ("error", "headers", "idempotent", "again"),
    [
        (refused(Kind.RATE_LIMITED), SOME, True, True),
        (refused(Kind.OVERLOADED), SOME, True, True),
        (refused(Kind.UPSTREAM), SOME, True, True),
        (refused(Kind.UPSTREAM), {}, True, True),  # Cut off before a word was said.
        (refused(Kind.TIMEOUT), SOME, True, True),  # It said so itself.
        (refused(Kind.TIMEOUT), {}, True, False),  # It said nothing, and would again.
        (refused(Kind.TIMEOUT, phase=Phase.CONNECT), {}, True, True),
        (refused(Kind.UNREACHABLE, phase=Phase.CONNECT), {}, True, True),
        (refused(Kind.UNREACHABLE, phase=Phase.CONNECT), {}, False, True),  # Nothing was asked yet.
        *((refused(kind), SOME, True, False) for kind in (
            Kind.INVALID_REQUEST, Kind.CREDENTIAL_REJECTED, Kind.QUOTA, Kind.PERMISSION, Kind.NOT_FOUND, Kind.CONTENT_FILTER,
            Kind.BAD_RESPONSE, Kind.TRUNCATED,
        )),
        (refused(Kind.RATE_LIMITED), SOME, False, True),  # Refused before anything was done.
        (refused(Kind.OVERLOADED), SOME, False, False),
        (refused(Kind.UPSTREAM), {}, False, False),
        (refused(Kind.TIMEOUT), SOME, False, False),
        (refused(Kind.INVALID_REQUEST), {"x-should-retry": "true"}, True, True),
        (refused(Kind.OVERLOADED), {"x-should-retry": "false"}, True, False),
        (refused(Kind.OVERLOADED), {"x-should-retry": "true"}, False, False),
    ],
)  # fmt: skip
def test_what_is_worth_another_try(error, headers, idempotent, again) -> None:
    assert (Retries(2).pause(error, 1, headers, None, idempotent=idempotent) is not None) is again


def test_nothing_is_tried_again_once_the_caller_has_heard_of_it() -> None:
    error = refused()
    error.after_output = True
    assert Retries(2).pause(error, 1, {}, None, idempotent=True) is None


def pauses(retries: Retries, account: str, most: int = 100) -> int:
    """How often an account may try again before it may not."""
    return next(
        count for count in range(most) if retries.pause(refused(), 1, {}, account, idempotent=True) is None
    )


def test_an_account_has_a_budget_of_its_own_and_earns_it_back() -> None:
    retries = Retries(2)
    assert pauses(retries, "a") == RESERVE
    assert pauses(retries, "b") == RESERVE, "one account's failures are not another's"
    for _ in range(35):
        retries.started("a")
    assert pauses(retries, "a") == 3, "a tenth of its calls"
    for _ in range(1000):
        retries.started("a")
    assert pauses(retries, "a") == RESERVE, "no more is saved up than that"


def test_accounts_remembered_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(budget, "ACCOUNTS", 2)
    retries = Retries(2)
    for account in "abc":
        pauses(retries, account)
    assert len(retries._budget._saved) == 2


# --- on sockets ------------------------------------------------------------------------------


@pytest.fixture
def slept(monkeypatch) -> list[float]:
    """Every pause, none of which is waited for."""
    found: list[float] = []
    yielding = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds:
            found.append(seconds)
        await yielding(0)

    monkeypatch.setattr("integration_api.transport.drive.asyncio.sleep", sleep)
    return found


async def cut(asked, reader, writer) -> None:
    writer.close()


async def half(asked, reader, writer) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
    writer.close()


OVERLOADED = answer(503, b"busy", retry_after="2")


@pytest.mark.parametrize(
    ("answers", "more", "asked", "kind"),
    [
        ([OVERLOADED, OVERLOADED, answer()], {}, 3, None),
        ([OVERLOADED] * 3, {}, 3, Kind.OVERLOADED),
        ([cut, answer()], {}, 2, None),
        ([half, answer()], {}, 1, Kind.TRUNCATED),
        ([answer(429, b"slow", x_should_retry="false"), answer()], {}, 1, Kind.RATE_LIMITED),
        ([answer(400, b"odd", x_should_retry="true"), answer()], {}, 2, None),
        ([answer(429, b"slow", retry_after="31"), answer()], {}, 1, Kind.RATE_LIMITED),
        ([answer(200, b"x", content_encoding="br"), answer()], {}, 1, Kind.BAD_RESPONSE),
        ([OVERLOADED, answer()], {"idempotent": False}, 1, Kind.OVERLOADED),
        ([cut, answer()], {"idempotent": False}, 1, Kind.UPSTREAM),
        ([answer(429, b"slow"), answer()], {"idempotent": False}, 2, None),
    ],
)
async def test_a_call_is_tried_again_where_that_does_no_harm(slept, answers, more, asked, kind) -> None:
    async with Upstream([*answers]).serving() as upstream, transport(retries=2) as over:
        trace = Trace(0.0)
        with contextlib.nullcontext() if kind is None else pytest.raises(ProviderError) as failed:
            await over.send(to(upstream, **more), fault, None, trace, "account")
        assert len(upstream.asked) == asked == trace.attempts
        assert len({(one.method, one.path, one.body) for one in upstream.asked}) == 1
    assert len(slept) == asked - 1
    assert kind is None or failed.value.kind is kind
    if answers[0] is OVERLOADED and kind is None:
        assert all(2 <= pause <= 3 for pause in slept)


async def test_a_connection_that_was_refused_is_tried_again_even_for_what_must_not_happen_twice(
    slept,
) -> None:
    async with Upstream().serving() as upstream:
        gone = upstream.url
    async with transport(retries=2) as over:
        with pytest.raises(ProviderError) as lost:
            await send(over, HttpRequest(method="POST", url=gone, idempotent=False))
    assert (lost.value.kind, len(slept)) == (Kind.UNREACHABLE, 2)


async def test_a_clock_that_a_provider_keeps_correcting_is_set_once_for_a_call(slept) -> None:
    def skewed(hours: int) -> bytes:
        now = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
        return answer(403, b"the signature has expired", date=now)

    async with (
        Upstream([skewed(2), skewed(9), skewed(2), answer()]).serving() as upstream,
        transport() as over,
    ):
        auth = SigV4("bedrock", "us-east-1", "AKIDEXAMPLE", "key")
        with pytest.raises(ProviderError):
            await send(over, to(upstream, auth=auth), Held(key="secret-of-the-test"))
        assert len(upstream.asked) == 2


class Words:
    def __init__(self) -> None:
        self.heard = 0

    def feed(self, frame):
        self.heard += 1
        if frame.data == b"broken":
            raise ProviderError(Kind.OVERLOADED, "midway", phase=Phase.STREAM)
        return (frame.data,)

    def close(self):
        raise ProviderError(Kind.TRUNCATED, "cut", phase=Phase.STREAM)


def events(*data: bytes) -> bytes:
    body = b"".join(b"data: %b\n\n" % one for one in data)
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


@pytest.mark.parametrize(
    ("answers", "asked", "told", "kind"),
    [
        ([OVERLOADED, events(b"one")], 2, [b"one"], Kind.TRUNCATED),
        ([events(b"one", b"broken"), events(b"two")], 1, [b"one"], Kind.OVERLOADED),
        ([events(b"broken"), events(b"two")], 1, [], Kind.OVERLOADED),
        ([cut, events(b"one", b"broken")], 2, [b"one"], Kind.OVERLOADED),
    ],
)
async def test_a_stream_that_has_begun_is_not_begun_again(slept, answers, asked, told, kind) -> None:
    async with Upstream([*answers]).serving() as upstream, transport(retries=2) as over:
        stream = Stream(to(upstream), SseFraming(), Words())
        heard: list[bytes] = []
        with pytest.raises(ProviderError) as failed:
            async for batch in over.stream(stream, fault, None, Trace(0.0), "account"):
                heard += batch
        assert len(upstream.asked) == asked
    assert heard == told
    assert failed.value.kind is kind
    assert failed.value.after_output is bool(told)


async def test_an_account_that_has_spent_its_budget_is_told_at_once_and_another_is_not(slept) -> None:
    async with Upstream([answer(503, b"busy")]).serving() as upstream, transport(retries=1) as over:

        async def asked(account: str) -> int:
            before = len(upstream.asked)
            with pytest.raises(ProviderError):
                await send(over, to(upstream), account=account)
            return len(upstream.asked) - before

        tries = [await asked("a") for _ in range(19)]
        assert tries[:10] == [2] * 10
        assert tries[-7:] == [1] * 7
        assert await asked("b") == 2


@pytest.mark.parametrize("status", [429, 503])
async def test_what_is_to_be_sent_once_is_sent_once(status) -> None:
    async with Upstream([answer(status, b"", retry_after="0")]).serving() as upstream, transport() as over:
        request = HttpRequest(method="POST", url=f"{upstream.url}/v1", idempotent=False, once=True)
        with pytest.raises(ProviderError):
            await send(over, request, None)
        assert len(upstream.to("/v1")) == 1
