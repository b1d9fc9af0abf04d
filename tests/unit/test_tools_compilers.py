"""Finding a compiler: asked-for ones are never replaced, missing ones named with a way to install them."""

import os
from pathlib import Path

import pytest

from hwgen.errors import InputError, ToolFailedError, ToolMissingError
from hwgen.tools import CompilerFamily, find_compiler


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An otherwise empty PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    return tmp_path


def pretend(folder: Path, name: str, version: str, works: bool = True) -> Path:
    """A program that tells a version, and compiles anything or nothing."""
    path = folder / name
    end = "exit 0" if works else 'echo "fatal error: no standard headers"; exit 1'
    path.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo "{version}"; exit 0; fi\n{end}\n')
    path.chmod(0o755)
    return path


def test_no_compiler_at_all_says_how_to_install_one(programs: Path) -> None:
    with pytest.raises(ToolMissingError) as caught:
        find_compiler()
    assert str(caught.value) == (
        "no C++ compiler was found: neither clang++ nor g++ is on PATH; install one with 'apt install g++' (Debian, "
        "Ubuntu), 'dnf install gcc-c++' (Fedora, RHEL) or 'xcode-select --install' (macOS), or name one with "
        "--compiler or the environment variable CXX."
    )
    assert caught.value.exit_code == 3


def test_clang_comes_before_gnu(programs: Path) -> None:
    pretend(programs, "g++", "g++ (Debian 12.2.0-14) 12.2.0")
    assert find_compiler().version == "g++ 12.2.0"
    pretend(programs, "clang++", "Debian clang version 14.0.6")
    assert find_compiler().version == "clang++ 14.0.6"


def test_a_clang_that_cannot_compile_is_passed_over(programs: Path) -> None:
    pretend(programs, "clang++", "clang version 14.0.6", works=False)
    pretend(programs, "g++", "g++ (GCC) 13.1.1 20230429")
    assert find_compiler().version == "g++ 13.1.1"


def test_a_clang_that_was_asked_for_is_not_passed_over(programs: Path) -> None:
    pretend(programs, "clang++", "clang version 14.0.6", works=False)
    pretend(programs, "g++", "g++ (GCC) 12.2.0")
    with pytest.raises(ToolFailedError, match="trying the C\\+\\+ compiler clang\\+\\+ 14\\.0\\.6 on a small library"):
        find_compiler("clang++")


def test_the_choice_wins_over_the_environment(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(programs, "g++", "g++ (GCC) 12.2.0")
    other = pretend(programs, "my-compiler", "g++ (GCC) 11.1.0")
    monkeypatch.setenv("CXX", "g++")
    assert find_compiler(str(other)).version == "g++ 11.1.0"


def test_the_environment_names_a_compiler_with_arguments(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pretend(programs, "my-compiler", "Apple clang version 15.0.0 (clang-1500.3.9.4)")
    path.write_text(path.read_text().replace('"$1" = --version', '"$2" = --version'))
    monkeypatch.setenv("CXX", "my-compiler --fast")
    compiler = find_compiler()
    assert compiler.command == (str(path), "--fast")
    assert (compiler.family, compiler.version) == (CompilerFamily.CLANG, "clang++ 15.0.0")


def test_a_missing_compiler_is_named_with_its_origin(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(programs, "g++", "g++ (GCC) 12.2.0")
    with pytest.raises(ToolMissingError, match="'icpx', named by --compiler, is not on PATH; install one with"):
        find_compiler("icpx")
    monkeypatch.setenv("CXX", "icpx")
    with pytest.raises(ToolMissingError, match="'icpx', named by the environment variable CXX"):
        find_compiler()


def test_an_empty_choice_is_refused(programs: Path) -> None:
    with pytest.raises(InputError, match="--compiler names no compiler"):
        find_compiler("  ")


def test_a_replaced_compiler_is_another_one(programs: Path) -> None:
    path = pretend(programs, "g++", "g++ (GCC) 12.2.0")
    before = find_compiler()
    os.utime(path, (1, 1))
    assert find_compiler().identity != before.identity
