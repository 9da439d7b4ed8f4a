"""What a worker's memory does that Python does not see."""

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, sys
from integration_api.serve import give_back_large_buffers

class Info(ctypes.Structure):  # https://man7.org/linux/man-pages/man3/mallinfo.3.html
    _fields_ = [(name, ctypes.c_size_t) for name in (
        "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]

mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Info
if sys.argv[1] == "held":
    give_back_large_buffers()
large = bytearray(8 << 20)
del large
before = mallinfo().hblkhd
kept = bytearray(4 << 20)
print(mallinfo().hblkhd - before >= len(kept))
"""


@pytest.mark.parametrize(("how", "apart"), [("held", "True"), ("left alone", "False")])
def test_a_large_buffer_is_the_systems_again_even_after_a_larger_one(how, apart) -> None:
    told = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == apart
