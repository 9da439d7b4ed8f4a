"""What is kept: the rows of the store, as every floor that touches one knows them.

Ids are positive 63-bit integers (snowflakes), shown to callers as decimal strings.
Times are Unix seconds with fractions, in UTC.
"""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from integration_api.core.llm import Usage
from integration_api.core.tenant import Scope, Tenant


class Organization(Struct, frozen=True):
    id: int
    name: str
    created_at: float


class Project(Struct, frozen=True):
    tenant: Tenant
    name: str
    created_at: float


class ApiKey(Struct, frozen=True, kw_only=True):
    """One of our own keys: `digest` is HMAC-SHA256 of the key, the key itself is never kept."""

    id: int
    tenant: Tenant
    name: str
    hint: str
    """The key's first and last few characters, to tell keys apart."""
    digest: bytes
    scopes: frozenset[Scope]
    created_at: float
    revoked_at: float | None = None


class KeyState(StrEnum):
    CURRENT = "current"
    """Wraps and unwraps."""
    DECRYPT_ONLY = "decrypt_only"
    RETIRED = "retired"


class VaultKey(Struct, frozen=True, kw_only=True):
    """One version of an organization's key-encryption key, wrapped by the root key `root_id`."""

    id: bytes
    """16 random bytes, the same for every version of one organization's key."""
    version: int
    organization_id: int
    purpose: str = "credentials"
    root_id: str
    wrapped: bytes
    state: KeyState = KeyState.CURRENT
    wraps: int = 0
    """How many wraps have been reserved with it; never fewer than were made."""
    created_at: float


class CredentialRecord(Struct, frozen=True, kw_only=True):
    """A stored credential without its secrets."""

    id: int
    tenant: Tenant
    provider: str
    name: str
    default: bool
    status: str
    """`valid` or `unverified`."""
    fields: Mapping[str, str]
    """Plain fields as they are."""
    masked: Mapping[str, str]
    """Secret fields as they may be shown: `…last4`, or `…`."""
    version: int
    created_at: float
    updated_at: float
    verified_at: float | None = None


class SealedCredential(Struct, frozen=True):
    """A credential with its current ciphertext: what caches may hold."""

    record: CredentialRecord
    sealed: bytes


class AuditRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call. Durations are nanoseconds; nothing here is secret, and content is sealed."""

    event_id: str
    """32 hex digits, unique: storing a record twice stores it once."""
    id: int
    created_at: float
    organization_id: int
    project_id: int
    key_id: int = 0
    actor_type: str = "project"
    actor_id: int = 0
    """Who called, as `Actor` says it; 0 for the project itself."""
    operation: str
    """chat, embedding, rerank, moderation, models, verify, credential.create, …"""
    provider: str = ""
    model: str = ""
    credential_id: int = 0
    credential_version: int = 0
    status: str
    """success, failed, cancelled or partial (failed after output)."""
    response_status: int = 0
    """The HTTP status the caller saw or would have seen."""
    fault: str = ""
    """The `Kind` of failure."""
    error_code: str = ""
    finish_reason: str = ""
    streamed: bool = False
    request_id: str = ""
    provider_request_id: str = ""
    provider_status: int = 0
    retries: int = 0
    time_taken: int = 0
    queue_time: int = 0
    """From the request's first byte to the first byte sent to the provider."""
    first_token_time: int = 0
    """From the request's first byte to the answer's first useful event."""
    upstream_time: int = 0
    usage: Usage = Usage()
    metadata: Mapping[str, str] = {}
    """What callers attach (assistant_id, conversation_id, …); stored as external_audit_metadata."""
    documents: Mapping[str, bytes] = {}
    """`request` and `response`, sealed, where content is kept; stored as external_audit_documents."""


class Change(Struct, frozen=True):
    """A row that caches may hold has changed; `seq` counts up across the whole store."""

    seq: int
    topic: str
    """`credential`, `api_key`, `vault_key`, `project`, `call`, `batch`."""
    tenant: Tenant
    subject: str
    """The row's id as a decimal string, or a provider's name for its default credential."""


class Page(Struct, frozen=True):
    """A slice of a list, newest first."""

    limit: int = 20
    before_id: int | None = None
