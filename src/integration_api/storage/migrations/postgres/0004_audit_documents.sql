-- What was asked and answered, sealed; kept only where the operator says so, and not for ever.
CREATE TABLE external_audit_documents (
    external_audit_id bigint NOT NULL,
    part varchar(16) NOT NULL,
    organization_id bigint NOT NULL,
    project_id bigint NOT NULL,
    created_date timestamp NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (external_audit_id, part)
);
CREATE INDEX external_audit_documents_created ON external_audit_documents (created_date);

ALTER TABLE external_audit_documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE external_audit_documents FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_reads ON external_audit_documents FOR SELECT
    USING (organization_id = integration_organization() AND project_id = integration_project());
CREATE POLICY installation_reads ON external_audit_documents FOR SELECT USING (integration_installation());
CREATE POLICY installation_adds ON external_audit_documents FOR INSERT WITH CHECK (integration_installation());
CREATE POLICY installation_forgets ON external_audit_documents FOR DELETE USING (integration_installation());
