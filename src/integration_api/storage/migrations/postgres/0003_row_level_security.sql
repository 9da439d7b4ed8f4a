-- Every transaction says whose rows it may touch (SET LOCAL app.…); one that says nothing sees none.
-- FORCE binds the tables' owner too. A superuser is bound by SET LOCAL ROLE, see storage/postgres.py.

CREATE FUNCTION integration_organization() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.organization_id', true), '')::bigint $$;

CREATE FUNCTION integration_project() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT nullif(current_setting('app.project_id', true), '')::bigint $$;

-- The few transactions that serve the whole installation: signing in, re-wrapping keys, storing audits.
CREATE FUNCTION integration_installation() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT coalesce(current_setting('app.installation', true), '') = 'on' $$;

ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON organizations
    USING (id = integration_organization());

ALTER TABLE projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE projects FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON projects
    USING (organization_id = integration_organization() AND id = integration_project());
CREATE POLICY installation_reads ON projects FOR SELECT USING (integration_installation());

ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_keys
    USING (organization_id = integration_organization() AND project_id = integration_project());
CREATE POLICY installation_reads ON api_keys FOR SELECT USING (integration_installation());

ALTER TABLE vault_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON vault_keys
    USING (organization_id = integration_organization());
CREATE POLICY installation_reads ON vault_keys FOR SELECT USING (integration_installation());

ALTER TABLE credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE credentials FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON credentials
    USING (organization_id = integration_organization() AND project_id = integration_project());
CREATE POLICY installation_reads ON credentials FOR SELECT USING (integration_installation());

ALTER TABLE credential_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE credential_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON credential_versions
    USING (organization_id = integration_organization() AND project_id = integration_project());
CREATE POLICY installation_reads ON credential_versions FOR SELECT USING (integration_installation());

ALTER TABLE changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE changes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_tells ON changes FOR INSERT
    WITH CHECK (organization_id = integration_organization()
                AND project_id = coalesce(integration_project(), 0));
CREATE POLICY installation_reads ON changes FOR SELECT USING (integration_installation());

ALTER TABLE external_audits ENABLE ROW LEVEL SECURITY;
ALTER TABLE external_audits FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_reads ON external_audits FOR SELECT
    USING (organization_id = integration_organization() AND project_id = integration_project());
CREATE POLICY installation_reads ON external_audits FOR SELECT USING (integration_installation());
CREATE POLICY installation_adds ON external_audits FOR INSERT WITH CHECK (integration_installation());

ALTER TABLE external_audit_metadata ENABLE ROW LEVEL SECURITY;
ALTER TABLE external_audit_metadata FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON external_audit_metadata
    USING (EXISTS (
        SELECT 1 FROM external_audits a
        WHERE a.id = external_audit_id
            AND a.organization_id = integration_organization() AND a.project_id = integration_project()));
CREATE POLICY installation_reads ON external_audit_metadata FOR SELECT USING (integration_installation());
CREATE POLICY installation_adds ON external_audit_metadata FOR INSERT WITH CHECK (integration_installation());
