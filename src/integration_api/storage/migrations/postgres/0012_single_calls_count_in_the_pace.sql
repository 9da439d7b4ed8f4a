-- Batches leave room for calls of none that were dialed with the same credential just before.
CREATE INDEX calls_singly_dialed ON calls (credential_id, dialed_at) WHERE batch_id = 0 AND dialed_at IS NOT NULL;
