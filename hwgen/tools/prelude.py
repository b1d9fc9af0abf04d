"""Precompiles headers: parsing them is most of what a small translation unit costs.

Measured with the ap_types headers of hls4ml 1.3 (CPU seconds, -O1): a bridge file takes 0.50 s with g++ 12 and 0.48 s
with clang++ 14, and 0.08 s with the headers precompiled. Precompiling costs 1.8 s (81 MB) with g++, 0.9 s (19 MB) with
clang++, so it pays from the third unit on, and at once where it is left from an earlier run. For Verilator's headers
see ``hwgen.tools.verilator``.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hwgen.errors import ToolFailedError
from hwgen.tools.compilers import Compiler, CompilerFamily
from hwgen.tools.run import Command, run

_AP_TYPES = ("ap_int.h", "ap_fixed.h")
_STANDARD = "#include <cstddef>\n#include <cstdint>\n"


class Prelude:
    """Precompiled headers in a folder of their own under ``directory``.

    They are made where they stay, because clang++ writes absolute paths into them. Files are linked into place whole
    and never rewritten: clang++ refuses a precompiled header that is older than its sources.
    """

    def __init__(
        self,
        directory: Path,
        text: str,
        compiler: Compiler,
        flags: tuple[str, ...],
        *,
        headers: Mapping[str, bytes] | None = None,
        identity: str = "",
    ) -> None:
        """Name the folder after everything that goes in.

        Args:
            directory: parent of the folder; made when needed.
            text: the lines that include what is to be precompiled; empty for nothing.
            flags: of the compilations that will start from it.
            headers: path to content, of files that are kept beside it and searched as the system's.
            identity: tells headers apart that stand elsewhere, such as an installed program's.
        """
        self._compiler, self._text, self._flags, self._headers = compiler, text, flags, dict(headers or {})
        digest = hashlib.sha256(repr((compiler.identity, flags, text, identity)).encode())
        for path, content in sorted(self._headers.items()):
            digest.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
        self._folder = directory.absolute() / digest.hexdigest()

    @property
    def exists(self) -> bool:
        """Whether it was precompiled before."""
        return self._precompiled.is_file()

    def options(self) -> tuple[str, ...]:
        """Options that make a compilation start from the precompiled headers; made now if they are not there yet.

        Returns:
            None of them where it cannot be made: it only saves time, and compiling says what is wrong.
        """
        if not self._text:
            return ()
        try:
            if not self.exists:
                self._make()
            os.utime(self._folder)
        except (OSError, ToolFailedError):
            return ()
        match self._compiler.family:
            case CompilerFamily.GNU:
                return ("-include", str(self._folder / "prelude.h"))  # g++ itself looks for prelude.h.gch
            case CompilerFamily.CLANG:
                return ("-include-pch", str(self._precompiled))

    def drop(self) -> None:
        """Remove it: the system's own headers changed since it was made, for example."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _precompiled(self) -> Path:
        extension = "gch" if self._compiler.family is CompilerFamily.GNU else "pch"
        return self._folder / f"prelude.h.{extension}"

    def _make(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path, content in self._headers.items():
            _place(self._folder / "headers" / path, content)
        _place(self._folder / "prelude.h", self._text.encode())
        handle, temporary = tempfile.mkstemp(prefix=".new-", dir=self._folder)
        os.close(handle)
        try:
            include = ("-isystem", str(self._folder / "headers")) if self._headers else ()
            # clang++ then compiles the templates that the headers use here, and not again in every unit.
            once = ("-fpch-instantiate-templates",) if self._compiler.family is CompilerFamily.CLANG else ()
            source = ("-x", "c++-header", str(self._folder / "prelude.h"), "-o", temporary)
            arguments = (*self._compiler.command, *self._flags, *once, *include, *source)
            run(Command(arguments, "precompiling headers"))
            Path(temporary).replace(self._precompiled)
        finally:
            Path(temporary).unlink(missing_ok=True)


def ap_types_prelude(
    directory: Path, headers: Mapping[str, bytes], compiler: Compiler, flags: tuple[str, ...]
) -> Prelude:
    """That of a project's ap_types headers: path below ``ap_types/`` to content."""
    names = [name for name in _AP_TYPES if name in headers]
    text = _STANDARD + "".join(f'#include "{name}"\n' for name in names) if names else ""
    return Prelude(directory, text, compiler, flags, headers=headers)


def _place(path: Path, content: bytes) -> None:
    """Write a file unless it is there: whole, and with the time of whoever was first."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
