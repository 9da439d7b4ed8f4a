"""The use cases, one a file: what the doors ask for, said without any protocol."""
