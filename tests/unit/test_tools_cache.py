"""The cache: whole entries, damaged ones dropped, bounded, never in the way."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hwgen.tools import Cache, cache_directory
from hwgen.tools.cache import IN_USE_S


def stored(cache: Cache, key: str, content: bytes, age_s: float = 0.0) -> None:
    source = cache.directory.parent / "source"
    source.write_bytes(content)
    cache.store(key, source)
    then = time.time() - age_s
    os.utime(cache.directory / "libraries" / key, (then, then))


def test_what_was_stored_is_fetched(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    stored(cache, "key", b"content")
    assert cache.fetch("key", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"content"


def test_another_key_finds_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    stored(cache, "key", b"content")
    assert not cache.fetch("other", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 100])
def test_a_damaged_entry_counts_as_absent_and_is_dropped(tmp_path: Path, damage: bytes) -> None:
    cache = Cache(tmp_path / "cache")
    stored(cache, "key", b"content")
    (cache.directory / "libraries" / "key").write_bytes(damage)
    assert not cache.fetch("key", tmp_path / "out")
    assert not (cache.directory / "libraries" / "key").exists()


def test_the_entries_used_longest_ago_go_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit_bytes=250)
    stored(cache, "oldest", b"a" * 68, age_s=4 * IN_USE_S)
    stored(cache, "old", b"b" * 68, age_s=3 * IN_USE_S)
    stored(cache, "new", b"c" * 68, age_s=2 * IN_USE_S)
    assert sorted(path.name for path in (cache.directory / "libraries").iterdir()) == ["new", "old"]


def test_entries_in_use_stay_beyond_the_limit(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit_bytes=1)
    stored(cache, "one", b"a" * 100)
    stored(cache, "two", b"b" * 100)
    assert len(list((cache.directory / "libraries").iterdir())) == 2


def test_old_precompiled_headers_are_evicted_as_folders(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", limit_bytes=10)
    folder = cache.headers / "some-key"
    folder.mkdir(parents=True)
    (folder / "prelude.h.gch").write_bytes(b"x" * 1000)
    os.utime(folder, (1, 1))
    cache.evict()
    assert not folder.exists()


def test_a_cache_that_cannot_be_written_forgets(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    cache = Cache(tmp_path / "file" / "cache")
    source = tmp_path / "source"
    source.write_bytes(b"content")
    cache.store("key", source)
    assert not cache.fetch("key", tmp_path / "out")


def test_writers_at_the_same_time_leave_one_whole_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    source = tmp_path / "source"
    source.write_bytes(b"content" * 10_000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: cache.store("key", source), range(40)))
    assert [path.name for path in (cache.directory / "libraries").iterdir()] == ["key"]
    assert cache.fetch("key", tmp_path / "out")


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWGEN_CACHE_DIR", "/own")
    monkeypatch.setenv("XDG_CACHE_HOME", "/shared")
    assert cache_directory() == Path("/own")
    monkeypatch.delenv("HWGEN_CACHE_DIR")
    assert cache_directory() == Path("/shared/hwgen")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/somebody")
    assert cache_directory() == Path("/somebody/.cache/hwgen")
