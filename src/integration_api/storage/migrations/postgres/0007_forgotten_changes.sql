-- The feed tells of every change of a call; what it has told long ago may go. What caches must hear stays.
CREATE POLICY installation_forgets ON changes FOR DELETE
    USING (integration_installation() AND topic IN ('call', 'batch'));
