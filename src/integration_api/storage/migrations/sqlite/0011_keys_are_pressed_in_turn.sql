-- Until when the media socket is waited for that follows pressed keys, where a carrier opens another for them.
ALTER TABLE calls ADD COLUMN keys_until REAL NOT NULL DEFAULT 0;
