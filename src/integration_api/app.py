"""The one place where objects meet: settings in, a running service out."""

import asyncio
import contextlib
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from integration_api import __version__
from integration_api.cache.credentials import PURPOSE as ENTRIES
from integration_api.cache.credentials import CredentialCache
from integration_api.cache.feed import ChangeFeed, Listener
from integration_api.cache.interface import Cache
from integration_api.cache.keys import ApiKeyCache
from integration_api.cache.local import LocalCache
from integration_api.core.errors import Failure
from integration_api.core.secret import OP_CLEANSE_PLAINTEXT
from integration_api.core.tenant import Tenant
from integration_api.edge.application import Method, Request
from integration_api.edge.limits import Limits
from integration_api.edge.server import Edge
from integration_api.rest import audit as rest_audit
from integration_api.rest import health as rest_health
from integration_api.rest import openapi as rest_openapi
from integration_api.rest import provider as rest_provider
from integration_api.rest.batch_stt import FORM_BYTES, UPLOADS, RecordingDoor
from integration_api.rest.batch_tts import SpeechDoor
from integration_api.rest.call_batches import CallBatchDoor
from integration_api.rest.carrier import CarrierDoor
from integration_api.rest.cors import Cors
from integration_api.rest.credential import CredentialDoor
from integration_api.rest.door import RestDoor
from integration_api.rest.embedding import EmbeddingDoor
from integration_api.rest.key import KeyDoor
from integration_api.rest.llm import ChatDoor
from integration_api.rest.media import MediaDoor
from integration_api.rest.media_peer import MediaPeerDoor
from integration_api.rest.models import ModelDoor
from integration_api.rest.moderation import ModerationDoor
from integration_api.rest.realtime_stt import RealtimeDoor
from integration_api.rest.reranking import RerankingDoor
from integration_api.rest.routing import Route, Routes
from integration_api.rest.stt import SttDoor
from integration_api.rest.telephony import TelephonyDoor
from integration_api.rest.tts import TtsDoor
from integration_api.rpc.asking import Talk
from integration_api.rpc.audit import AuditDoor as RpcAuditDoor
from integration_api.rpc.credential import CredentialDoor as RpcCredentialDoor
from integration_api.rpc.door import RpcDoor
from integration_api.rpc.embedding import EmbeddingDoor as RpcEmbeddingDoor
from integration_api.rpc.health import HealthDoor
from integration_api.rpc.llm import ChatDoor as RpcChatDoor
from integration_api.rpc.methods import RpcMethod
from integration_api.rpc.per_provider import PerProviderDoor
from integration_api.rpc.reflection import Descriptors, ReflectionDoor, services_of
from integration_api.rpc.reranking import RerankingDoor as RpcRerankingDoor
from integration_api.rpc.stt import SttDoor as RpcSttDoor
from integration_api.rpc.telephony import TelephonyDoor as RpcTelephonyDoor
from integration_api.rpc.tts import TtsDoor as RpcTtsDoor
from integration_api.rpc.vault import VaultDoor as RpcVaultDoor
from integration_api.services.audit import AuditTrail
from integration_api.services.authentication import Authentication
from integration_api.services.batch_tts import SpeechService
from integration_api.services.call import Calls, Departures
from integration_api.services.call_batches import CallBatches
from integration_api.services.call_end import CallEnds
from integration_api.services.call_paths import PREFIX, CallPaths
from integration_api.services.call_watching import CallWatching, Watching
from integration_api.services.catalogue import BadBook, Catalogue, of_operator, shipped
from integration_api.services.content import KEY as CONTENT
from integration_api.services.content import Content
from integration_api.services.credential import CredentialService
from integration_api.services.dial import Dials
from integration_api.services.dial_doubts import Doubts
from integration_api.services.dialing import Dialing
from integration_api.services.dialing_follow_up import Times
from integration_api.services.identity import PEPPER, Identity
from integration_api.services.lines import Lines
from integration_api.services.llm import LlmService
from integration_api.services.media import MediaHub
from integration_api.services.media_peers import PREFIX as INTERNAL
from integration_api.services.media_peers import MediaPeers
from integration_api.services.models import ModelService
from integration_api.services.opaque import KEY as PATHS
from integration_api.services.opaque import Opaques
from integration_api.services.peer_token import KEY as PEERS
from integration_api.services.peer_token import PeerTokens, Spent
from integration_api.services.proof import Gate, networks
from integration_api.services.refusals import Refusals
from integration_api.services.relay_stt import RecordingRelays
from integration_api.services.relay_tts import SpeechRelays
from integration_api.services.retention import Retention
from integration_api.services.service_token import ServiceTokens
from integration_api.services.stt import SttService
from integration_api.services.telephony import TelephonyService
from integration_api.services.tts import TtsService
from integration_api.services.turns import KEY as TURNS
from integration_api.services.turns import Turns
from integration_api.services.unary import Unary
from integration_api.services.webhook import Webhooks
from integration_api.settings import Settings, SettingsError
from integration_api.storage.ids import Snowflake
from integration_api.storage.open import StorageConfig, open_repository
from integration_api.storage.repository import Repository
from integration_api.storage.spool import Spool
from integration_api.telemetry.log import Log
from integration_api.telemetry.metrics import BOARD, MEDIA_PEERS_REFUSED
from integration_api.transport.drive import Transport
from integration_api.transport.egress import EgressGuard
from integration_api.transport.limits import TransportLimits
from integration_api.transport.peer import PeerDialer
from integration_api.vault.roots import RootKeys, open_root
from integration_api.vault.vault import Vault

if TYPE_CHECKING:
    from integration_api.services.web_api import WebApi

BACKLOG = 1024
"""Callers that wait to be taken by one worker."""
LOCAL_CACHE_BYTES = 64 << 20
"""In-process cache: ciphertext of some fifty thousand credentials."""


def storage_config(settings: Settings) -> StorageConfig:
    """Say where rows are kept: PostgreSQL when a host is set, else SQLite in the data directory."""
    pg = settings.postgres
    return StorageConfig(
        sqlite_path=str(settings.data_path / "integration.db"),
        host=pg.host,
        port=pg.port,
        user=pg.auth.user,
        password=pg.auth.password,
        database=pg.db_name,
        ssl_mode=pg.ssl_mode,
        max_connections=pg.max_open_connection,
    )


async def open_store(settings: Settings) -> Repository:
    """Open the database and bring its tables up to date. Raises `Failure` or `SettingsError`."""
    try:
        settings.data_path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsError(f"DATA_DIR: {settings.data_path} can not be made: {error.strerror}") from None
    store = await open_repository(storage_config(settings))
    await store.migrate()
    return store


def open_spool(settings: Settings) -> Spool:
    """Begin a spool of this process's own in the data directory. Raises `SettingsError`."""
    folder = settings.data_path / "spool"
    try:
        return Spool(folder, max_bytes=settings.audit.spool_bytes, sync_seconds=settings.audit.sync_seconds)
    except OSError as error:
        raise SettingsError(f"DATA_DIR: {folder} can not be written: {error.strerror}") from None


def redis_cache(settings: Settings) -> Cache:
    # A start without Redis does not wait for its client library to be read.
    from integration_api.cache.redis import RedisCache  # noqa: PLC0415

    redis = settings.redis
    return RedisCache(redis.host, redis.port, redis.db, user=redis.auth.user, password=redis.auth.password)


def guard(settings: Settings) -> EgressGuard:
    try:
        return EgressGuard(settings.egress.allowed, allow_http=settings.egress.allow_http)
    except ValueError as error:
        raise SettingsError(f"EGRESS__ALLOW: {error}") from None


def models_known(settings: Settings) -> Catalogue:
    try:
        operators = of_operator(settings.models.file)
    except BadBook as error:
        raise SettingsError(f"MODELS__FILE: {error}") from None
    return Catalogue(shipped(), operators, live_seconds=settings.models.live_seconds)


def upstream_tls(settings: Settings) -> ssl.SSLContext:
    """Verify every provider's certificate, with the operator's authorities besides the system's."""
    context = ssl.create_default_context()
    if settings.upstream.ca_file:
        try:
            context.load_verify_locations(settings.upstream.ca_file)
        except (OSError, ssl.SSLError):
            raise SettingsError("UPSTREAM__CA_FILE can not be read as certificates") from None
    return context


def listener_tls(settings: Settings) -> ssl.SSLContext | None:
    if not settings.tls.cert:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= OP_CLEANSE_PLAINTEXT
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        context.load_cert_chain(settings.tls.cert, settings.tls.key)
    except (OSError, ssl.SSLError):
        raise SettingsError("TLS__CERT and TLS__KEY can not be read as a certificate and its key") from None
    return context


@dataclass(slots=True)
class Telephones:
    """What telephone calls take: see docs/telephony.md."""

    calls: TelephonyService
    batches: CallBatches
    webhooks: Webhooks
    hub: MediaHub
    peers: MediaPeers
    paths: CallPaths
    watching: Watching
    stories: CallWatching
    dialing: Dialing

    @classmethod
    async def open(
        cls,
        settings: Settings,
        store: Repository,
        vault: Vault,
        unary: Unary,
        ears: SttService,
        voices: TtsService,
        calls: Calls,
        log: Log,
    ) -> "Telephones":
        chosen, ids = settings.telephony, calls.ids
        opaques = Opaques(await vault.derive(PATHS))
        paths = CallPaths(opaques, chosen.url)
        ends = CallEnds(store.telephony, calls.audit, ids)
        gate = Gate(
            chosen.replay_seconds, networks(chosen.exotel_addresses), networks(chosen.trusted_proxies)
        )
        peers = MediaPeers(
            chosen.peer,
            PeerTokens(await vault.derive(PEERS), Spent(settings.data_path / "media-peers")),
            PeerDialer(lambda: upstream_tls(settings)),
            Refusals(log, "media_peer_refused", lambda _, reason: MEDIA_PEERS_REFUSED.of(reason)),
            log,
        )
        hub = MediaHub(
            store.telephony,
            calls,
            ears,
            voices,
            ids,
            log,
            peers,
            folder=settings.data_path / "media",
            detach_seconds=chosen.detach_seconds,
        )
        dials = Dials(
            store.telephony,
            store.dialing,
            calls,
            unary,
            ids,
            routes_of=paths.of_call,
            ends=ends,
            patience=chosen.doubt_seconds,
        )
        hub.ask_of = Doubts(dials).refresh
        times = Times(chosen.lease_seconds, chosen.doubt_seconds, chosen.stale_seconds)
        watching = Watching()
        phones = TelephonyService(store.telephony, calls, unary, dials, hub, paths, ends, ids)
        return cls(
            calls=phones,
            batches=CallBatches(
                store,
                ids,
                check=paths.check,
                fits=dials.check,
                target=phones.target,
                patience=chosen.doubt_seconds,
            ),
            webhooks=Webhooks(store.telephony, calls, opaques, paths, gate, ends, ids, Refusals(log)),
            hub=hub,
            peers=peers,
            paths=paths,
            watching=watching,
            stories=CallWatching(store.telephony, watching, ids),
            dialing=Dialing(store, dials, log, times),
        )


@dataclass(slots=True)
class House:
    """A running service without its port: what doors, the command line and tests share."""

    settings: Settings
    log: Log
    store: Repository
    vault: Vault
    roots: RootKeys
    cache: Cache
    feed: ChangeFeed
    audit: AuditTrail
    spool: Spool
    transport: Transport
    calls: Calls
    unary: Unary
    identity: Identity
    authentication: Authentication
    credentials: CredentialService
    llm: LlmService
    models: ModelService
    lines: Lines
    stt: SttService
    tts: TtsService
    speech: SpeechService
    turns: Turns
    content: Content
    retentions: tuple[Retention, ...]
    telephones: Telephones
    web: "WebApi | None" = None
    accepting: bool = True
    counting: asyncio.Task[None] | None = None
    """Tells the other workers what this one has counted."""

    @classmethod
    async def open(cls, settings: Settings, log: Log) -> "House":
        """Open every store, in order; what fails stops the start with one clear line."""
        store = await open_store(settings)
        roots = await open_root(settings.root_key, rows_exist=await store.rows_exist())
        vault = Vault(roots, store)
        ids = Snowflake(await store.acquire_worker())
        cache: Cache
        if settings.redis.host:
            cache = redis_cache(settings)
        else:
            cache = LocalCache(LOCAL_CACHE_BYTES)
        rows = CredentialCache(
            store,
            cache,
            vault.confirm,
            await vault.derive(ENTRIES),
            alarm=lambda tenant, which: log.error(
                "cache_entry_forged",
                organization_id=tenant.organization_id,
                project_id=tenant.project_id,
                credential_id=which if isinstance(which, int) else None,
                provider=which if isinstance(which, str) else None,
            ),
        )
        keys = ApiKeyCache(store.api_key_by_digest)
        transport = Transport(
            guard(settings),
            transport_limits(settings),
            ssl_context=upstream_tls(settings),
            http2_context=lambda: upstream_tls(settings),
        )
        lines = Lines(transport, log, spare=settings.voice.warm_sockets)
        leaving = [Departures(transport.drop), Departures(lines.drop)]
        listeners: list[Listener] = [rows, keys, vault.keyring, *leaving]
        feed = ChangeFeed(store, listeners)
        spool = open_spool(settings)
        audit = AuditTrail(spool, store, settings.audit, log)
        content = Content(await vault.derive(CONTENT), most=settings.audit.content_bytes)
        calls = Calls(
            rows,
            vault,
            audit,
            ids,
            most=settings.limits.requests,
            content=content if settings.audit.content else None,
        )
        unary = Unary(calls, transport)
        identity = Identity(
            await vault.derive(PEPPER), keys.get, store, ids, peek=keys.peek, changed=feed.hear
        )
        catalogue = models_known(settings)
        credentials = CredentialService(
            store,
            vault,
            calls,
            unary,
            ids,
            verifications_per_minute=settings.limits.verifications_per_minute,
            changed=feed.hear,
        )
        ears, voices = SttService(calls, lines, log), TtsService(calls, lines, log)
        telephones = await Telephones.open(settings, store, vault, unary, ears, voices, calls, log)
        listeners += [telephones.watching, telephones.hub, telephones.dialing]
        web = web_api(settings, identity)
        return cls(
            settings=settings,
            log=log,
            store=store,
            vault=vault,
            roots=roots,
            cache=cache,
            feed=feed,
            audit=audit,
            spool=spool,
            transport=transport,
            calls=calls,
            unary=unary,
            identity=identity,
            authentication=Authentication(identity, tokens=service_tokens(settings), platform=web),
            web=web,
            credentials=credentials,
            llm=LlmService(calls, transport, catalogue),
            models=ModelService(calls, unary, catalogue),
            lines=lines,
            stt=ears,
            tts=voices,
            speech=SpeechService(calls, transport, unary),
            turns=Turns(await vault.derive(TURNS), cache),
            content=content,
            retentions=(
                Retention(
                    store.forget_audit_documents, settings.audit.content_days, log, what="audit_content"
                ),
                Retention(store.telephony.forget_calls, settings.telephony.calls_days, log, what="calls"),
            ),
            telephones=telephones,
        )

    async def start(self) -> None:
        """Begin the work that goes on beside requests."""
        await self.feed.start()
        self.audit.start()
        for retention in self.retentions:
            retention.start()
        if self.settings.telephony.public_url:
            self.telephones.dialing.start()
            await self.telephones.hub.start()
        self.counting = asyncio.create_task(BOARD.publish_for_ever())

    async def close(self) -> None:
        """Store what is left and let go of everything."""
        await self.telephones.dialing.stop()
        await self.telephones.hub.close()
        await self.feed.stop()
        for retention in self.retentions:
            await retention.stop()
        await self.audit.stop()
        if self.counting is not None:
            self.counting.cancel()
        BOARD.publish()
        await self.lines.close()
        await self.transport.close()
        if self.web is not None:
            await self.web.close()
        await self.cache.close()
        await self.store.close()

    @contextlib.asynccontextmanager
    async def at_work(self):  # type: ignore[no-untyped-def]  # noqa: ANN201 - a context manager of self
        await self.start()
        try:
            yield self
        finally:
            await self.close()


def service_tokens(settings: Settings) -> ServiceTokens | None:
    if not settings.secret:
        return None
    return ServiceTokens(settings.secret, strict=settings.platform.strict_service_tokens)


def web_api(settings: Settings, identity: Identity) -> "WebApi | None":
    """Say who knows the platform's keys and tokens. Raises `SettingsError`."""
    if not settings.web_host:
        return None
    # A start without the platform does not wait for what it takes to ask it.
    from integration_api.cache.principals import PrincipalCache  # noqa: PLC0415
    from integration_api.services.web_api import WebApi  # noqa: PLC0415
    from integration_api.transport.grpc import Channel  # noqa: PLC0415

    try:
        channel = Channel(settings.web_host, tls=upstream_tls(settings))
    except ValueError as error:
        raise SettingsError(f"WEB_HOST: {error}") from None
    cache = PrincipalCache(settings.platform.auth_cache_seconds)
    return WebApi(channel, cache, identity.digest, seconds=settings.platform.auth_seconds)


def transport_limits(settings: Settings) -> TransportLimits:
    upstream = settings.upstream
    return TransportLimits(
        connect=upstream.connect_seconds,
        first_byte=upstream.first_byte_seconds,
        idle=upstream.idle_seconds,
        total=upstream.total_seconds,
        retries=upstream.retries,
    )


class Doors:
    """The edge's application: REST and gRPC over one house."""

    def __init__(self, house: House) -> None:
        self._cors = Cors(house.settings.cors.allowed)
        self._log = house.log
        self.http = RestDoor(
            Routes(routes(house)), house.authentication.authenticate, self._cors, house.log
        ).answer
        self._rpc = RpcDoor(methods(house), house.authentication.authenticate, house.log)

    def failed(self, error: Exception, path: str) -> None:
        # A carrier's address is a secret between it and us.
        route = PREFIX if path.startswith(PREFIX) else path[:200]
        self._log.error("unexpected", error=error, route=route)

    def rpc(self, path: str) -> Method | None:
        return self._rpc.find(path)

    def rpc_web_headers(self, request: Request) -> list[tuple[bytes, bytes]] | None:
        origin = request.headers.get(b"origin")
        if origin is not None and not self._cors.allows(origin):
            return None
        return self._cors.headers(request.headers)


def routes(house: House) -> list[Route]:
    """Every REST route of the service."""
    relays = RecordingRelays(house.calls, house.transport)
    phones = house.telephones
    described = [
        *rest_health.routes(checks(house)),
        *rest_provider.routes(),
        *CredentialDoor(house.credentials).routes(),
        *KeyDoor(house.identity).routes(),
        *ChatDoor(house.llm, house.turns).routes(),
        *EmbeddingDoor(house.unary).routes(),
        *RerankingDoor(house.unary).routes(),
        *ModerationDoor(house.unary).routes(),
        *ModelDoor(house.models, house.credentials).routes(),
        *RecordingDoor(house.unary, relays, most=house.settings.limits.upload_bytes).routes(),
        *SpeechDoor(house.speech, SpeechRelays(house.calls, house.transport), house.credentials).routes(),
        *SttDoor(house.stt).routes(),
        *TtsDoor(house.tts).routes(),
        *RealtimeDoor(house.stt).routes(),
        *TelephonyDoor(phones.calls, phones.stories).routes(),
        *CallBatchDoor(phones.batches, phones.watching).routes(),
        *MediaDoor(phones.calls).routes(),
        *MediaPeerDoor(phones.peers, phones.hub).routes(),
        *CarrierDoor(phones.webhooks, phones.hub, phones.paths, house.log).routes(),
        *rest_audit.AuditDoor(house.store).routes(),
    ]
    described += rest_openapi.routes(described, __version__)
    return described


def methods(house: House) -> list[RpcMethod]:
    """Every gRPC method of the service."""
    asked = checks(house)

    async def ready() -> bool:
        return all(await asyncio.gather(*(check() for check in asked.values())))

    talk = Talk(house.llm, house.turns, house.calls, house.log)
    embedding, reranking = RpcEmbeddingDoor(house.unary), RpcRerankingDoor(house.unary)
    credential = RpcCredentialDoor(house.credentials)
    phones = house.telephones
    offered = [
        *RpcChatDoor(talk).methods(),
        *embedding.methods(),
        *reranking.methods(),
        *credential.methods(),
        *PerProviderDoor(talk, house.unary, embedding, reranking, credential).methods(),
        *RpcSttDoor(house.stt, house.unary).methods(),
        *RpcTtsDoor(house.tts, house.speech).methods(),
        *RpcTelephonyDoor(phones.calls, phones.batches, phones.stories, phones.watching).methods(),
        *RpcVaultDoor(house.credentials, house.settings.vault.trusted).methods(),
        *RpcAuditDoor(house.store, house.content).methods(),
    ]
    offered += HealthDoor(ready, lambda: house.accepting, services_of(offered)).methods()
    offered += ReflectionDoor(Descriptors.load(), services_of(offered)).methods()
    return offered


def checks(house: House) -> dict[str, Callable[[], Awaitable[bool]]]:
    """What must answer for the service to be ready."""

    async def accepting() -> bool:
        return house.accepting

    async def spooling() -> bool:
        try:
            house.audit.check()
        except Failure:
            return False
        return True

    return {
        "store": lambda: _answers(house.store.ping),
        "cache": lambda: _answers(house.cache.ping),
        "audit": spooling,
        "accepting": accepting,
    }


async def _answers(ping: Callable[[], Awaitable[object]]) -> bool:
    """Whether a dependency answers within a second."""
    try:
        async with asyncio.timeout(1.0):
            return await ping() is not False
    except (Failure, OSError, TimeoutError):
        return False


def edge(house: House) -> Edge:
    limits = house.settings.limits
    return Edge(
        Doors(house),
        Limits(
            body_bytes=limits.body_bytes,
            upload_bytes=limits.upload_bytes + FORM_BYTES,
            upload_paths=frozenset(UPLOADS),
            public_paths=(f"{PREFIX}/", f"{INTERNAL}/"),
            header_timeout=limits.header_seconds,
            connections=limits.connections,
        ),
        listener_tls(house.settings),
    )


def listen(settings: Settings) -> list[socket.socket]:
    """Bind the one port, once for each worker. Raises `SettingsError` naming it.

    The kernel spreads callers evenly over such sockets; of one that all share, the last worker to fall asleep
    takes nearly all. As the parent holds them, callers of a worker that died wait for the next.
    """
    sole = _bound(settings, settings.port)
    if settings.workers == 1 or sys.platform != "linux":
        return [sole] * settings.workers
    # It had to be free without sharing: a second service must not take half of the callers.
    port = sole.getsockname()[1]
    sole.close()
    return [_bound(settings, port, shared=True) for _ in range(settings.workers)]


def _bound(settings: Settings, port: int, *, shared: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind((settings.host, port))
    except OSError as error:
        sock.close()
        raise SettingsError(f"{settings.host}:{port} can not be listened on: {error.strerror}") from None
    sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock


async def first_start(house: House) -> tuple[Tenant, str] | None:
    """Make the default project and its admin key, the first time only."""
    return await house.identity.bootstrap(house.settings.bootstrap_api_key or None)
