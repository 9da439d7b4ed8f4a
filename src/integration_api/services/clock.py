"""Now, and names that are used once."""

import random
import time

now = time.time
perf = time.perf_counter
_bits = random.getrandbits


def unique() -> str:
    """Return 32 hex digits nobody else has: a name, and no secret.

    From this process's own generator, seeded by the system at its start and after each fork. Asking the
    system each time would let go of the interpreter's lock on every call, for others to take.
    """
    return f"{_bits(128):032x}"
