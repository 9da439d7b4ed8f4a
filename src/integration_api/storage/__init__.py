"""What is kept: one repository over SQLite or PostgreSQL, its migrations, ids and the audit spool."""
