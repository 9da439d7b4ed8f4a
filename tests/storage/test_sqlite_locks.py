"""SQLite's locks are the process's: nothing beside SQLite may open and close its file."""

import subprocess
import sys
from pathlib import Path

from integration_api.storage.open import StorageConfig, open_repository

SHARED_FIRST, SHARED_SIZE = 0x40000002, 510
"""Where a connection in WAL mode holds its lock on the file. https://www.sqlite.org/src/file/src/os.h"""

TAKE = f"""
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, {SHARED_SIZE}, {SHARED_FIRST})
    except OSError:
        print("held")
    else:
        print("free")
"""


async def test_a_second_connection_does_not_let_go_of_the_locks_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "integration.db"
    store = await open_repository(StorageConfig(sqlite_path=str(path)))
    try:
        await store.migrate()
        for _ in range(8):  # Readers connect as they are needed.
            assert await store.ping()
            await store.first_project()
        seen = subprocess.run(
            [sys.executable, "-c", TAKE, str(path)], capture_output=True, text=True, check=True
        )
        assert seen.stdout.strip() == "held"
    finally:
        await store.close()
