"""Root keys in a file of mode 0600: the default, made on the first start outside the data directory.

{"format": 1, "current": "<id>", "keys": [{"id": "<id>", "key": "<base64 of 32 bytes>"}, …]}
"""

import fcntl
import os
import stat
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from integration_api.core.secret import wipe
from integration_api.vault.aes_gcm import KEY
from integration_api.vault.errors import KeyUnavailable, RootKeyError
from integration_api.vault.roots import Root, fingerprint, new_key


class Entry(msgspec.Struct):
    id: str
    key: str

    def __repr__(self) -> str:
        return "Entry(***)"


class KeyFile(msgspec.Struct):
    current: str
    keys: list[Entry]
    format: int = 1


class FileRoot:
    """Follows its file: a rotation by another process is seen before the next key is wrapped or opened."""

    def __init__(self, path: Path, roots: dict[str, Root], current: str) -> None:
        self._path = path
        self._roots = roots
        self._current = current
        self._state = (0, 0)

    @classmethod
    def open(cls, path: str, *, rows_exist: bool) -> "FileRoot":
        """Read the key file, or make it when nothing is stored yet. Raises `RootKeyError`."""
        file = Path(path)
        try:
            return cls(file, *_read(file))
        except FileNotFoundError:
            if rows_exist:
                raise RootKeyError(
                    f"the root key file {path} is missing, and only it opens what is stored: restore it"
                ) from None
        key = new_key()
        id = fingerprint(key)
        try:
            _write(file, KeyFile(id, [Entry(id, b64encode(key).decode())]), fresh=True)
        except FileExistsError:
            return cls(file, *_read(file))  # Another process made it in the same moment.
        except OSError as error:
            raise RootKeyError(f"the root key file {path} can not be made: {error.strerror}") from None
        return cls(file, {id: Root(key)}, id)

    @property
    def current_id(self) -> str:
        if _state(self._path) != self._state:
            with suppress(RootKeyError, KeyUnavailable):  # What is in memory goes on being good.
                self._reload()
        return self._current

    async def wrap(self, key: bytearray, aad: bytes) -> bytes:
        return self._roots[self._current].wrap(key, aad)

    async def unwrap(self, root_id: str, wrapped: bytes, aad: bytes) -> bytearray:
        if root_id not in self._roots:
            self._reload()
        root = self._roots.get(root_id)
        if root is None:
            raise KeyUnavailable
        return root.unwrap(wrapped, aad)

    async def rotate(self) -> None:
        """Add a new key to the file and make it current; the file is replaced whole or not at all.

        Two rotations at once both keep their key: what one wraps, the other can open.
        """
        try:
            with _alone(self._path):
                held = _parse(self._path)
                key = new_key()
                id = fingerprint(key)
                held.keys.append(Entry(id, b64encode(key).decode()))
                held.current = id
                wipe(key)
                _write(self._path, held, fresh=False)
        except OSError as error:
            raise RootKeyError(
                f"the root key file {self._path} can not be replaced: {error.strerror}"
            ) from None
        self._reload()

    def _reload(self) -> None:
        state = _state(self._path)
        try:
            self._roots, self._current = _read(self._path)
        except FileNotFoundError:
            raise KeyUnavailable from None
        self._state = state


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the key file's folder against another rotation; the file itself is replaced under the lock."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _state(path: Path) -> tuple[int, int]:
    """Return what tells one version of the file from the next."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_ino, found.st_mtime_ns)


def _read(path: Path) -> tuple[dict[str, Root], str]:
    held = _parse(path)
    roots: dict[str, Root] = {}
    for entry in held.keys:
        try:
            key = bytearray(b64decode(entry.key, validate=True))
        except ValueError:
            key = bytearray()
        if len(key) != KEY or fingerprint(key) != entry.id:
            raise RootKeyError(f"the root key file {path} is damaged: restore it from its backup")
        roots[entry.id] = Root(key)
    if held.format != 1 or held.current not in roots:
        raise RootKeyError(f"the root key file {path} is damaged: restore it from its backup")
    return roots, held.current


def _parse(path: Path) -> KeyFile:
    """Read the file, if nobody else may. Raises `FileNotFoundError` or `RootKeyError`."""
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            if state.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise RootKeyError(f"the root key file {path} is readable by others: chmod 600 {path}")
            if state.st_uid not in {os.geteuid(), 0}:
                raise RootKeyError(f"the root key file {path} belongs to another user: chown it to this one")
            text = file.read(1 << 20)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RootKeyError(f"the root key file {path} can not be read: {error.strerror}") from None
    try:
        return msgspec.json.decode(text, type=KeyFile)
    except msgspec.DecodeError:
        raise RootKeyError(f"the root key file {path} is damaged: restore it from its backup") from None


def _write(path: Path, held: KeyFile, *, fresh: bool) -> None:
    """Write the file durably, mode 0600; a fresh one must not exist yet."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    whole = path.with_name(f"{path.name}.{os.getpid()}.new")  # Nobody ever sees half a key file.
    with suppress(FileNotFoundError):
        whole.unlink()
    with os.fdopen(os.open(whole, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(held) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if fresh:
        try:
            path.hardlink_to(whole)
        finally:
            whole.unlink()
    else:
        whole.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
