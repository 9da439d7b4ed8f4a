-- Telephone calls, their stories, batches of calls, where calls come in, and who dials for which credential.

CREATE TABLE calls (
    organization_id bigint NOT NULL,
    project_id bigint NOT NULL,
    id bigint NOT NULL UNIQUE,
    provider text NOT NULL,
    credential_id bigint NOT NULL,
    direction text NOT NULL,
    state text NOT NULL,
    callee text NOT NULL,
    caller text NOT NULL,
    provider_call_id text NOT NULL,
    provider_state text NOT NULL,
    provider_code text NOT NULL,
    dialing json NOT NULL,
    metadata json NOT NULL,
    author json NOT NULL,
    created_at double precision NOT NULL,
    dialed_at double precision,
    answered_at double precision,
    ended_at double precision,
    duration_s double precision,
    price text,
    hung_up_by text NOT NULL,
    error_code text NOT NULL,
    sequence bigint NOT NULL,
    noticed_at double precision NOT NULL,
    media_generation integer NOT NULL,
    idempotency_key text NOT NULL,
    fingerprint bytea NOT NULL,
    batch_id bigint NOT NULL,
    place integer NOT NULL,
    attempt integer NOT NULL,
    due_at double precision NOT NULL,
    route_id bigint NOT NULL,
    updated_at double precision NOT NULL,
    latest boolean NOT NULL DEFAULT true,
    settled boolean NOT NULL DEFAULT false,
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
    organization_id bigint NOT NULL,
    project_id bigint NOT NULL,
    call_id bigint NOT NULL,
    id bigint NOT NULL,
    key text NOT NULL,
    at double precision NOT NULL,
    source text NOT NULL,
    state text NOT NULL,
    what text NOT NULL,
    detail json NOT NULL,
    PRIMARY KEY (organization_id, project_id, call_id, id),
    UNIQUE (call_id, key)
);

CREATE TABLE inbound_routes (
    organization_id bigint NOT NULL,
    project_id bigint NOT NULL,
    id bigint NOT NULL UNIQUE,
    provider text NOT NULL,
    credential_id bigint NOT NULL,
    name text NOT NULL,
    media json NOT NULL,
    metadata json NOT NULL,
    author json NOT NULL,
    created_at double precision NOT NULL,
    PRIMARY KEY (organization_id, project_id, id),
    FOREIGN KEY (organization_id, project_id) REFERENCES projects (organization_id, id)
);

CREATE TABLE call_batches (
    organization_id bigint NOT NULL,
    project_id bigint NOT NULL,
    id bigint NOT NULL UNIQUE,
    provider text NOT NULL,
    credential_id bigint NOT NULL,
    state text NOT NULL,
    name text NOT NULL,
    calls_per_second double precision NOT NULL,
    max_concurrent integer NOT NULL,
    calling_window json,
    retry json NOT NULL,
    dialing json NOT NULL,
    metadata json NOT NULL,
    author json NOT NULL,
    numbers integer NOT NULL,
    idempotency_key text NOT NULL,
    fingerprint bytea NOT NULL,
    created_at double precision NOT NULL,
    updated_at double precision NOT NULL,
    PRIMARY KEY (organization_id, project_id, id),
    FOREIGN KEY (organization_id, project_id) REFERENCES projects (organization_id, id)
);
CREATE UNIQUE INDEX call_batches_idempotency ON call_batches (organization_id, project_id, idempotency_key)
    WHERE idempotency_key <> '';
CREATE INDEX call_batches_running ON call_batches (credential_id, id) WHERE state = 'running';

-- One process at a time dials for a credential; nobody has to before wake_at, for the sake of a batch's queue.
CREATE TABLE dialing_leases (
    organization_id bigint NOT NULL,
    project_id bigint NOT NULL,
    credential_id bigint NOT NULL UNIQUE,
    owner text NOT NULL,
    expires_at double precision NOT NULL,
    wake_at double precision NOT NULL,
    PRIMARY KEY (organization_id, project_id, credential_id)
);

ALTER TABLE calls ENABLE ROW LEVEL SECURITY;
ALTER TABLE calls FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON calls
    USING (organization_id = integration_organization() AND project_id = integration_project());
CREATE POLICY installation_reads ON calls FOR SELECT USING (integration_installation());

ALTER TABLE call_notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE call_notes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON call_notes
    USING (organization_id = integration_organization() AND project_id = integration_project());

ALTER TABLE inbound_routes ENABLE ROW LEVEL SECURITY;
ALTER TABLE inbound_routes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON inbound_routes
    USING (organization_id = integration_organization() AND project_id = integration_project());

ALTER TABLE call_batches ENABLE ROW LEVEL SECURITY;
ALTER TABLE call_batches FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON call_batches
    USING (organization_id = integration_organization() AND project_id = integration_project());
CREATE POLICY installation_reads ON call_batches FOR SELECT USING (integration_installation());

ALTER TABLE dialing_leases ENABLE ROW LEVEL SECURITY;
ALTER TABLE dialing_leases FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dialing_leases
    USING (organization_id = integration_organization() AND project_id = integration_project());
CREATE POLICY installation_reads ON dialing_leases FOR SELECT USING (integration_installation());
