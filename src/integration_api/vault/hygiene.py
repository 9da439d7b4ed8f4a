"""What a process can really do to keep its memory to itself.

Core dumps and ptrace by the same user are turned off. Root still reads everything, a
hypervisor too, and pages may be swapped where the operator allows swap: no
process can promise otherwise.
"""

import ctypes
import resource
import sys

PR_SET_DUMPABLE = 4


def harden() -> None:
    """Turn off core dumps, and /proc/self/mem for others of the same user. Silent where it does not apply."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
