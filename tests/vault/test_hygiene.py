"""What a process does to keep its memory to itself."""

import subprocess
import sys

PROBE = """
import ctypes, resource
from integration_api.vault.hygiene import harden
libc = ctypes.CDLL(None)
before = libc.prctl(3, 0, 0, 0, 0)
harden()
print(before, libc.prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))
"""


def test_a_hardened_process_can_not_be_dumped_or_traced_by_its_user() -> None:
    told = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["1", "0", "0", "0"]
