"""Commands as processes of their own, forked from one that has read the program already: starts cost most of the time.

A real start is in tests/cli/test_cli.py and tests/e2e/test_rotation.py. As a program, this is the process that forks.
"""

import contextlib
import gc
import importlib
import json
import os
import pty
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, Self

from tests.e2e.service import Service, python


class Commands:
    """Runs `integration-api` commands with a service's settings."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [python(), "-m", "tests.cli.commands"], env=Service(Path()).settings(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._folder.cleanup()

    def run(
        self, service: Service, *arguments: str, said: str = "", **environ: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command in a pipe; it never shows a traceback. Bytes that are no text are surrogates."""
        files = [str(Path(self._folder.name) / name) for name in ("in", "out", "err")]
        Path(files[0]).write_bytes(said.encode(errors="surrogateescape"))
        self._order(service, arguments, environ, files)
        code = self._code()
        out, err = (Path(file).read_bytes().decode(errors="surrogateescape") for file in files[1:])
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(arguments, code, out, err)

    def on_terminal(
        self, service: Service, *arguments: str, said: str = "", **environ: str
    ) -> tuple[int, str]:
        """Run a command on a terminal, and answer its first question; return its exit code and all that is seen there."""
        here, there = pty.openpty()
        self._order(service, arguments, {"TERM": "xterm-256color", **environ}, [os.ttyname(there)] * 3)
        seen = os.read(here, 65536)  # Now the command has the terminal open, and this end may let go of it.
        os.close(there)
        with contextlib.suppress(OSError):  # the terminal's end
            while True:
                if said and b": " in seen:
                    os.write(here, said.encode())
                    said = ""
                seen += os.read(here, 65536)
        os.close(here)
        return self._code(), seen.decode()

    def _order(
        self, service: Service, arguments: tuple[str, ...], environ: dict[str, str], files: list[str]
    ) -> None:
        order = {
            "arguments": arguments, "environ": {**service.settings(), **environ}, "cwd": str(service.folder),
            "files": files,
        }  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _code(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


FLAGS = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)


def become(order: dict[str, Any]) -> None:
    """Run one command in this process, and end it."""
    from integration_api.cli import main

    os.setsid()  # The terminal that is opened next is its own.
    for number, (file, flags) in enumerate(zip(order["files"], FLAGS, strict=True)):
        opened = os.open(file, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["cwd"])
    sys.argv = ["integration-api", *order["arguments"]]
    code: Any = 1
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # Tidying up all that was imported would take longer than most commands.


READ = (
    "integration_api.admin", "integration_api.cache.redis", "integration_api.doctor", "integration_api.speech",
    "integration_api.storage.postgres",
    "rich.markup", "rich.progress", "rich.table",
)  # fmt: skip


def serve() -> None:
    for module in READ:
        importlib.import_module(module)
    gc.freeze()
    for line in iter(sys.stdin.readline, ""):
        pid = os.fork()
        if pid == 0:
            become(json.loads(line))
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
