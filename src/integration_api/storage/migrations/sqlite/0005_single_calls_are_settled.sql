-- Calls of no batch are settled, too: the record of their end is kept once more by whoever finds one that is not.
DROP INDEX calls_unsettled;
CREATE INDEX calls_unsettled ON calls (credential_id, id)
    WHERE NOT settled
        AND state IN ('completed', 'busy', 'no_answer', 'rejected', 'cancelled', 'failed');
