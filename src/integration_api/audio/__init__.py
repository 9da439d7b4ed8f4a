"""Sound from one format to another, without I/O."""
