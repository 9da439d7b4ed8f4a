-- Whether what was said is kept is the operator's to say (AUDIT__CONTENT), for all projects alike.
ALTER TABLE projects DROP COLUMN keep_content;
