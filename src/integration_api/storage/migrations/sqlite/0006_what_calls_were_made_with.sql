-- For the record of a call's end: which version of its credential it was made or came in with, and why it was not made.
ALTER TABLE calls ADD COLUMN credential_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE calls ADD COLUMN refused_status INTEGER NOT NULL DEFAULT 0;
