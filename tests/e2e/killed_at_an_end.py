"""Serves as `integration-api serve` does, and is killed by itself (SIGKILL) where a telephone call has just ended.

`FAULT` says where: `unrecorded`, once the end is stored and before its record is kept, or `unsettled`, right after that.
"""

import os
import signal
import sys
from typing import Any

from integration_api.cli import main
from integration_api.services.call_end import CallEnds


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


keep = CallEnds.keep
if os.environ["FAULT"] == "unrecorded":
    CallEnds.keep = die  # type: ignore[method-assign]
else:
    CallEnds.keep = lambda *given, **more: die(keep(*given, **more))  # type: ignore[method-assign]
sys.argv = ["integration-api", "serve"]
main()
