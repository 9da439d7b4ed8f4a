"""Now, and names that are used once."""

import random
import time

now = time.time
perf = time.perf_counter
_bits = random.getrandbits


def unique() -> str:
    """Return 32 hex digits nobody else has: a name, and no secret.

    As in UUID version 7 milliseconds come first, so that names made one after another stand side by side in an
    index. The rest is from this process's own generator, seeded by the system at its start and after each fork:
    asking the system each time would let go of the interpreter's lock, for other threads to take.
    https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
    """
    return f"{int(now() * 1000) << 80 | _bits(80):032x}"
