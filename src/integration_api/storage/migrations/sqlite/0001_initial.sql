-- The platform's audit tables, by its names, and everything of ours.

CREATE TABLE organizations (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    created_at REAL NOT NULL
);

CREATE TABLE projects (
    organization_id INTEGER NOT NULL REFERENCES organizations (id),
    id INTEGER NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at REAL NOT NULL,
    keep_content INTEGER NOT NULL DEFAULT FALSE,
    PRIMARY KEY (organization_id, id)
);

CREATE TABLE api_keys (
    organization_id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    id INTEGER NOT NULL UNIQUE,
    name TEXT NOT NULL,
    hint TEXT NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at REAL NOT NULL,
    revoked_at REAL,
    PRIMARY KEY (organization_id, project_id, id),
    FOREIGN KEY (organization_id, project_id) REFERENCES projects (organization_id, id)
);

-- Organization 0 is the installation itself: its secrets belong to no tenant.
CREATE TABLE vault_keys (
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    organization_id INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    root_id TEXT NOT NULL,
    wrapped BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('current', 'decrypt_only', 'retired')),
    wraps INTEGER NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (id, version)
);
CREATE UNIQUE INDEX vault_keys_one_current ON vault_keys (organization_id, purpose) WHERE state = 'current';
CREATE INDEX vault_keys_organization ON vault_keys (organization_id, purpose);

CREATE TABLE credentials (
    organization_id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    id INTEGER NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    name TEXT NOT NULL,
    is_default INTEGER NOT NULL,
    status TEXT NOT NULL,
    fields TEXT NOT NULL,
    masked TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    verified_at REAL,
    PRIMARY KEY (organization_id, project_id, id),
    UNIQUE (organization_id, project_id, provider, name),
    FOREIGN KEY (organization_id, project_id) REFERENCES projects (organization_id, id)
);
CREATE UNIQUE INDEX credentials_one_default ON credentials (organization_id, project_id, provider)
    WHERE is_default;

-- key_id and key_version repeat what the sealed bytes begin with, so that re-wrapping can find them.
CREATE TABLE credential_versions (
    organization_id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    credential_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    key_id BLOB NOT NULL,
    key_version INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (organization_id, project_id, credential_id, version),
    FOREIGN KEY (organization_id, project_id, credential_id)
        REFERENCES credentials (organization_id, project_id, id) ON DELETE CASCADE
);
CREATE INDEX credential_versions_key ON credential_versions (key_id, key_version, credential_id);

CREATE TABLE changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    topic TEXT NOT NULL,
    organization_id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    subject TEXT NOT NULL
);

CREATE TABLE id_workers (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    handed_out INTEGER NOT NULL
);
INSERT INTO id_workers (id, handed_out) VALUES (1, 0);

CREATE TABLE external_audits (
    id INTEGER PRIMARY KEY,
    created_date TEXT NOT NULL,
    updated_date TEXT,
    integration_name TEXT NOT NULL,
    asset_prefix TEXT NOT NULL,
    response_status INTEGER NOT NULL,
    time_taken INTEGER NOT NULL,
    credential_id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    organization_id INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'active',
    metrics TEXT,
    created_actor_type TEXT,
    created_actor_id INTEGER,
    updated_actor_type TEXT,
    updated_actor_id INTEGER,
    event_id TEXT UNIQUE,
    operation TEXT NOT NULL DEFAULT '',
    provider TEXT NOT NULL DEFAULT '',
    model TEXT NOT NULL DEFAULT '',
    credential_version INTEGER NOT NULL DEFAULT 0,
    fault TEXT NOT NULL DEFAULT '',
    error_code TEXT NOT NULL DEFAULT '',
    finish_reason TEXT NOT NULL DEFAULT '',
    streamed INTEGER NOT NULL DEFAULT FALSE,
    request_id TEXT NOT NULL DEFAULT '',
    provider_request_id TEXT NOT NULL DEFAULT '',
    provider_status INTEGER NOT NULL DEFAULT 0,
    retries INTEGER NOT NULL DEFAULT 0,
    queue_time INTEGER NOT NULL DEFAULT 0,
    first_token_time INTEGER NOT NULL DEFAULT 0,
    upstream_time INTEGER NOT NULL DEFAULT 0,
    key_id INTEGER NOT NULL DEFAULT 0,
    usage TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cached_tokens INTEGER,
    reasoning_tokens INTEGER,
    CONSTRAINT audit_created_actor_pair CHECK (
        (created_actor_type = 'unknown' AND created_actor_id IS NULL)
        OR (created_actor_type IN ('user', 'project', 'organization', 'service', 'system')
            AND created_actor_id >= 1)),
    CONSTRAINT audit_updated_actor_pair CHECK (
        (updated_actor_type IS NULL AND updated_actor_id IS NULL)
        OR (updated_actor_type = 'unknown' AND updated_actor_id IS NULL)
        OR (updated_actor_type IN ('user', 'project', 'organization', 'service', 'system')
            AND updated_actor_id >= 1))
);
CREATE INDEX external_audits_tenant ON external_audits (organization_id, project_id, id);
CREATE INDEX external_audits_created ON external_audits (organization_id, project_id, created_date);
CREATE INDEX external_audits_request ON external_audits (organization_id, project_id, request_id);
CREATE INDEX external_audits_credential ON external_audits (organization_id, project_id, credential_id, id);
CREATE INDEX external_audits_model ON external_audits (organization_id, project_id, model, id);
CREATE INDEX external_audits_status ON external_audits (organization_id, project_id, status, id);

CREATE TABLE external_audit_metadata (
    id INTEGER PRIMARY KEY,
    created_date TEXT NOT NULL,
    updated_date TEXT,
    external_audit_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    created_actor_type TEXT,
    created_actor_id INTEGER,
    updated_actor_type TEXT,
    updated_actor_id INTEGER,
    CONSTRAINT external_audit_metadata_unique_constraint UNIQUE (external_audit_id, key),
    CONSTRAINT audit_created_actor_pair CHECK (
        (created_actor_type = 'unknown' AND created_actor_id IS NULL)
        OR (created_actor_type IN ('user', 'project', 'organization', 'service', 'system')
            AND created_actor_id >= 1)),
    CONSTRAINT audit_updated_actor_pair CHECK (
        (updated_actor_type IS NULL AND updated_actor_id IS NULL)
        OR (updated_actor_type = 'unknown' AND updated_actor_id IS NULL)
        OR (updated_actor_type IN ('user', 'project', 'organization', 'service', 'system')
            AND updated_actor_id >= 1))
);
