-- What was asked and answered, sealed; kept only where the operator says so, and not for ever.
CREATE TABLE external_audit_documents (
    external_audit_id INTEGER NOT NULL,
    part TEXT NOT NULL,
    organization_id INTEGER NOT NULL,
    project_id INTEGER NOT NULL,
    created_date TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (external_audit_id, part)
);
CREATE INDEX external_audit_documents_created ON external_audit_documents (created_date);
