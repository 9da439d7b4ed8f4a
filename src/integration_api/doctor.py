"""`integration-api doctor`: looks at everything a start needs and says what to do about it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from integration_api.app import guard, models_known, redis_cache, storage_config, upstream_tls
from integration_api.core.errors import Failure
from integration_api.settings import WELL_KNOWN_SECRETS, Settings, SettingsError
from integration_api.storage.open import open_repository
from integration_api.vault.errors import RootKeyError
from integration_api.vault.roots import open_root

SECONDS = 5.0
"""A check that takes longer has failed."""
UNIMPLEMENTED = 12
"""The gRPC status of a server that has no such method."""


@dataclass(frozen=True, slots=True)
class Finding:
    subject: str
    well: bool
    text: str
    advice: str = ""


async def examine(read: Callable[[], Settings]) -> list[Finding]:
    """Return what was found, in the order a start would need it.

    As a start does, it makes a database's tables and a root key where there are none yet.
    """
    try:
        settings = read()
    except SettingsError as error:
        return [
            Finding(
                "settings", well=False, text=str(error), advice="docs/configuration.md lists every setting"
            )
        ]
    findings = [
        Finding("settings", well=True, text=f"read; port {settings.port}, {settings.workers} worker(s)")
    ]
    findings.append(_data(settings))
    database, rows_exist = await _database(settings)
    findings += [database, await _root(settings, rows_exist=rows_exist), await _cache(settings)]
    findings += [await _egress(settings), _models(settings), *await _platform(settings)]
    return findings


def _data(settings: Settings) -> Finding:
    path = settings.data_path
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = path / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return Finding(
            "data", well=False, text=f"{path} can not be written: {error.strerror}",
            advice="point DATA_DIR at a folder this user may write",
        )  # fmt: skip
    return Finding("data", well=True, text=f"{path.resolve()} can be written")


async def _database(settings: Settings) -> tuple[Finding, bool]:
    where = (
        f"PostgreSQL at {settings.postgres.host}:{settings.postgres.port}"
        if settings.postgres.host
        else "SQLite"
    )
    try:
        async with asyncio.timeout(SECONDS):
            store = await open_repository(storage_config(settings))
            try:
                await store.ping()
                await store.migrate()
                rows = await store.rows_exist()
            finally:
                await store.close()
    except (Failure, OSError, TimeoutError) as error:
        return Finding(
            "database", well=False, text=f"{where} does not answer: {str(error) or 'timed out'}",
            advice="check POSTGRES__HOST, POSTGRES__PORT, POSTGRES__DB_NAME, POSTGRES__AUTH__USER and"
            " POSTGRES__AUTH__PASSWORD" if settings.postgres.host else "check DATA_DIR and the disk it is on",
        ), False  # fmt: skip
    return Finding("database", well=True, text=f"{where} answers and its tables are up to date"), rows


async def _root(settings: Settings, *, rows_exist: bool) -> Finding:
    try:
        root = await open_root(settings.root_key, rows_exist=rows_exist)
    except RootKeyError as error:
        return Finding(
            "root key", well=False, text=str(error), advice="without the root key nothing stored opens"
        )
    return Finding("root key", well=True, text=f"{settings.root_key} holds key {root.current_id}")


async def _cache(settings: Settings) -> Finding:
    if not settings.redis.host:
        return Finding("cache", well=True, text="in process; set REDIS__HOST to share it between replicas")
    redis = settings.redis
    cache = redis_cache(settings)
    try:
        if await cache.ping():
            return Finding("cache", well=True, text=f"Redis at {redis.host}:{redis.port} answers")
    except (Failure, OSError):
        pass
    finally:
        await cache.close()
    return Finding(
        "cache", well=False, text=f"Redis at {redis.host}:{redis.port} does not answer",
        advice="check REDIS__HOST, REDIS__PORT and REDIS__AUTH__PASSWORD; calls go on without it, more slowly",
    )  # fmt: skip


def _models(settings: Settings) -> Finding:
    try:
        models_known(settings)
    except SettingsError as error:
        return Finding(
            "models", well=False, text=str(error), advice="docs/models.md says what such a file may hold"
        )
    file = settings.models.file
    text = (
        f"{file} wins over what is known of models" if file else "known by their lists and by what is shipped"
    )
    return Finding("models", well=True, text=text)


async def _egress(settings: Settings) -> Finding:
    try:
        rules = guard(settings)
    except SettingsError as error:
        return Finding(
            "egress", well=False, text=str(error), advice="write CIDRs or host[:port], with commas"
        )
    try:
        async with asyncio.timeout(SECONDS):
            await rules.resolve("api.openai.com", 443)
    except (Failure, OSError, TimeoutError):
        return Finding(
            "egress", well=True, text="the guard is on; api.openai.com does not resolve from here",
            advice="providers need outbound HTTPS and DNS; a closed network can list its gateways in EGRESS__ALLOW",
        )  # fmt: skip
    allowed = f", exempt: {settings.egress.allow}" if settings.egress.allow else ""
    return Finding("egress", well=True, text=f"the guard is on{allowed}; provider names resolve")


async def _platform(settings: Settings) -> list[Finding]:
    """Look at what only a service in the platform's place needs."""
    findings = []
    if settings.secret.lower() in WELL_KNOWN_SECRETS:
        findings.append(Finding(
            "service tokens", well=True, text="SECRET is a published default: whoever knows it is every service",
            advice="give all services of the platform a random one; with ENV=production it is refused",
        ))  # fmt: skip
    elif settings.secret:
        kinds = (
            "with their makers' names only"
            if settings.platform.strict_service_tokens
            else "of every generation"
        )
        findings.append(Finding("service tokens", well=True, text=f"taken, {kinds}"))
    if settings.web_host:
        findings.append(await _web(settings))
    return findings


async def _web(settings: Settings) -> Finding:
    from integration_api.transport.grpc import Channel, Refused  # noqa: PLC0415 - most have no platform

    try:
        channel = Channel(settings.web_host, tls=upstream_tls(settings))
        try:
            # Nobody's key: that it is refused says that somebody was there to refuse it.
            shown = [(b"x-api-key", b"doctor")]
            await channel.unary(
                "/web_api.AuthenticationService/ScopeAuthorize", b"\n\7project", shown, seconds=SECONDS
            )
        except Refused as refused:
            if refused.status == UNIMPLEMENTED:
                raise ConnectionError("it is another service") from None
        finally:
            await channel.close()
    except (ValueError, OSError) as error:
        return Finding(
            "web-api", well=False, text=f"{settings.web_host} does not answer: {str(error) or 'timed out'}",
            advice="check WEB_HOST (host:port); without it only service tokens and keys of our own are taken",
        )  # fmt: skip
    return Finding("web-api", well=True, text=f"{settings.web_host} says whose keys and tokens are")
