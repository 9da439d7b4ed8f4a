-- Telephone calls, their stories, batches of calls, where calls come in, and who dials for which credential.

CREATE TABLE calls (
    organization_id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    id INTEGER NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    credential_id INTEGER NOT NULL,
    direction TEXT NOT NULL,
    state TEXT NOT NULL,
    callee TEXT NOT NULL,
    caller TEXT NOT NULL,
    provider_call_id TEXT NOT NULL,
    provider_state TEXT NOT NULL,
    provider_code TEXT NOT NULL,
    dialing TEXT NOT NULL,
    metadata TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at REAL NOT NULL,
    dialed_at REAL,
    answered_at REAL,
    ended_at REAL,
    duration_s REAL,
    price TEXT,
    hung_up_by TEXT NOT NULL,
    error_code TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    noticed_at REAL NOT NULL,
    media_generation INTEGER NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    batch_id INTEGER NOT NULL,
    place INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    due_at REAL NOT NULL,
    route_id INTEGER NOT NULL,
    updated_at REAL NOT NULL,
    latest INTEGER NOT NULL DEFAULT TRUE,
    settled INTEGER NOT NULL DEFAULT FALSE,
    PRIMARY KEY (organization_id, project_id, id),
    FOREIGN KEY (organization_id, project_id) REFERENCES projects (organization_id, id)
);
CREATE UNIQUE INDEX calls_provider_call ON calls (organization_id, project_id, credential_id, provider_call_id)
    WHERE provider_call_id <> '';
CREATE UNIQUE INDEX calls_idempotency ON calls (organization_id, project_id, idempotency_key)
    WHERE idempotency_key <> '';
CREATE UNIQUE INDEX calls_attempt ON calls (batch_id, place, attempt) WHERE batch_id <> 0;
CREATE INDEX calls_callee ON calls (organization_id, project_id, callee, id);
CREATE INDEX calls_caller ON calls (organization_id, project_id, caller, id);
CREATE INDEX calls_progress ON calls (batch_id, latest, state) WHERE batch_id <> 0;
CREATE INDEX calls_queue ON calls (batch_id, due_at, id) WHERE state = 'queued';
CREATE INDEX calls_under_way ON calls (credential_id, updated_at)
    WHERE state IN ('dialing', 'ringing', 'answered', 'machine');
CREATE INDEX calls_unsettled ON calls (credential_id, id)
    WHERE batch_id <> 0 AND NOT settled
        AND state IN ('completed', 'busy', 'no_answer', 'rejected', 'cancelled', 'failed');

CREATE TABLE call_notes (
    organization_id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    call_id INTEGER NOT NULL,
    id INTEGER NOT NULL,
    key TEXT NOT NULL,
    at REAL NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    what TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (organization_id, project_id, call_id, id),
    UNIQUE (call_id, key)
);

CREATE TABLE inbound_routes (
    organization_id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    id INTEGER NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    credential_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    media TEXT NOT NULL,
    metadata TEXT NOT NULL,
    author TEXT NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (organization_id, project_id, id),
    FOREIGN KEY (organization_id, project_id) REFERENCES projects (organization_id, id)
);

CREATE TABLE call_batches (
    organization_id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    id INTEGER NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    credential_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    name TEXT NOT NULL,
    calls_per_second REAL NOT NULL,
    max_concurrent INTEGER NOT NULL,
    calling_window TEXT,
    retry TEXT NOT NULL,
    dialing TEXT NOT NULL,
    metadata TEXT NOT NULL,
    author TEXT NOT NULL,
    numbers INTEGER NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    PRIMARY KEY (organization_id, project_id, id),
    FOREIGN KEY (organization_id, project_id) REFERENCES projects (organization_id, id)
);
CREATE UNIQUE INDEX call_batches_idempotency ON call_batches (organization_id, project_id, idempotency_key)
    WHERE idempotency_key <> '';
CREATE INDEX call_batches_running ON call_batches (credential_id, id) WHERE state = 'running';

-- One process at a time dials for a credential; nobody has to before wake_at, for the sake of a batch's queue.
CREATE TABLE dialing_leases (
    organization_id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    credential_id INTEGER NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    expires_at REAL NOT NULL,
    wake_at REAL NOT NULL,
    PRIMARY KEY (organization_id, project_id, credential_id)
);
