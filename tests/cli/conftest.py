"""The lab, for commands that ask providers."""

from tests.e2e.conftest import lab

__all__ = ["lab"]
