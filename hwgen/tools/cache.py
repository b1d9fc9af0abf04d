"""``Cache``: files kept between runs under the hash of everything that they were made from."""

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CACHE_LIMIT_BYTES = 1 << 30
IN_USE_S = 3600.0  # another process may still be reading what was used this recently

_DIGEST_BYTES = 32


def cache_directory() -> Path:
    """``$HWGEN_CACHE_DIR``, else ``hwgen`` in ``$XDG_CACHE_HOME``, else ``~/.cache/hwgen``."""
    own = os.environ.get("HWGEN_CACHE_DIR")
    if own:
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "hwgen"


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of entries, shared by every process of one user.

    Entries are written under another name and renamed, so that a reader sees all of one or none of it. Each carries
    the sha256 of its content: one that was damaged is dropped and counts as absent. Storing one removes the oldest
    (by last use) while the folder is above its limit, sparing those used within the last hour. Every failure of the
    file system (a full disk, a read-only home) makes the cache forget, never the caller fail.
    """

    directory: Path
    limit_bytes: int = CACHE_LIMIT_BYTES

    @classmethod
    def of_user(cls) -> "Cache":
        """The cache in ``cache_directory()``."""
        return cls(cache_directory())

    @property
    def headers(self) -> Path:
        """Where precompiled headers stand: folders, used in place."""
        return self.directory / "headers"

    def fetch(self, key: str, destination: Path) -> bool:
        """Copy an entry's content to ``destination``; whether there was one."""
        entry = self._entry(key)
        try:
            content = entry.read_bytes()
            digest, body = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
            if hashlib.sha256(body).digest() != digest:
                entry.unlink(missing_ok=True)
                return False
            os.utime(entry)
        except OSError:
            return False
        destination.write_bytes(body)
        return True

    def store(self, key: str, source: Path) -> None:
        """Keep a copy of a file's content under ``key``."""
        body = source.read_bytes()
        entry = self._entry(key)
        with contextlib.suppress(OSError):
            entry.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, temporary = tempfile.mkstemp(prefix=".new-", dir=entry.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(hashlib.sha256(body).digest())
                    file.write(body)
                Path(temporary).replace(entry)
            finally:
                Path(temporary).unlink(missing_ok=True)
            self.evict()

    def evict(self) -> None:
        """Remove the entries that were used longest ago, until the rest fits the limit."""
        now = time.time()
        found: list[tuple[float, int, Path]] = []
        for folder in (self.directory / "libraries", self.headers):
            with contextlib.suppress(OSError):
                found.extend((path.stat().st_mtime, _size(path), path) for path in folder.iterdir())
        total = sum(size for _, size, _ in found)
        for used, size, path in sorted(found):
            if total <= self.limit_bytes or now - used < IN_USE_S:
                return
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with contextlib.suppress(OSError):
                    path.unlink()
            total -= size

    def _entry(self, key: str) -> Path:
        return self.directory / "libraries" / key


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
