-- Why a batch is paused, where nobody has asked for it: its credential was deleted.
ALTER TABLE call_batches ADD COLUMN paused_for text NOT NULL DEFAULT '';
