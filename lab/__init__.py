"""Emulators of the providers, on loopback, for tests and for trying the product."""
