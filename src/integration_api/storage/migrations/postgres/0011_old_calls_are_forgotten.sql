-- Calls that are over are deleted once they are old enough (TELEPHONY__CALLS_DAYS); this finds the oldest.
CREATE INDEX calls_ended ON calls (ended_at) WHERE settled;
