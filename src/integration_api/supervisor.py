"""N worker processes on one port: started, watched, restarted, drained."""

import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType

from integration_api.telemetry.log import Log

RESTART_SECONDS = 0.2
"""A worker that dies is replaced at once; one that dies at birth must not spin."""
GRACE_SECONDS = 5.0
"""What a worker may need beyond its drain to store its last records."""
PR_SET_PDEATHSIG = 1
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)


class Supervisor:
    """Runs in the parent, which serves nothing itself. `work` runs in each child and returns its exit code.

    `socks` are the port's, one for each worker.
    """

    def __init__(
        self,
        workers: int,
        work: Callable[[int], int],
        log: Log,
        socks: Sequence[socket.socket],
        *,
        drain_seconds: float,
    ) -> None:
        self._work = work
        self._log = log
        self._socks = socks
        self._drain_seconds = drain_seconds
        self._numbers: dict[int, int] = {}
        self._wanted = range(workers)
        self._stopping = False

    def run(self) -> int:
        """Return 0 once every worker has gone after SIGTERM or SIGINT."""
        for wanted in self._wanted:
            self._start(wanted)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._stop)
        signal.signal(signal.SIGALRM, self._kill)
        while self._numbers:
            pid, status = os.waitpid(-1, 0)
            number: int | None = self._numbers.pop(pid, None)
            if number is not None and not self._stopping:
                self._log.error("worker_died", worker=number, exit_code=os.waitstatus_to_exitcode(status))
                time.sleep(RESTART_SECONDS)
                self._start(number)
        return 0

    def _start(self, number: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        # A signal between fork and the child's own handlers would be taken by the parent's, and lost.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        if self._stopping:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            return
        pid = os.fork()
        if pid == 0:
            for name in SIGNALS:
                signal.signal(name, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            _leave_with(parent)
            self._keep_only(number)
            code = 1
            try:
                code = self._work(number)
            finally:
                os._exit(code)
        self._numbers[pid] = number
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def _keep_only(self, number: int) -> None:
        """Let go of the other workers' sockets: whoever holds one keeps its callers waiting."""
        for sock in self._socks:
            if sock is not self._socks[number]:
                sock.close()

    def _stop(self, number: int, _: FrameType | None) -> None:
        self._stopping = True
        # The port is refused, not left to wait, once no worker listens on it any more.
        for sock in self._socks:
            sock.close()
        self._tell(signal.SIGTERM)
        signal.alarm(int(self._drain_seconds + GRACE_SECONDS) + 1)

    def _kill(self, number: int, _: FrameType | None) -> None:
        self._tell(signal.SIGKILL)

    def _tell(self, what: signal.Signals) -> None:
        for pid in self._numbers:
            with suppress(ProcessLookupError):  # It has gone in this moment.
                os.kill(pid, what)


def _leave_with(parent: int) -> None:
    """Drain when the parent dies without a word: nobody would watch this worker, and it holds the port."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
