"""Now, and names that are used once."""

import os
import time

now = time.time
perf = time.perf_counter


def unique() -> str:
    """Return 32 hex digits nobody else has."""
    return os.urandom(16).hex()
