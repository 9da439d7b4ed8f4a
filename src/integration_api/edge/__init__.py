"""The one port: bytes from callers in, requests to the doors, answers out. Knows protocols, not APIs."""
