"""Runs other programs: one, or several at a time, each with a time limit, its output kept for the error message."""

import os
import selectors
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hwgen.errors import ToolFailedError, ToolMissingError

Progress = Callable[[str, int, int], None]  # (what is being done or was just done, steps done, steps in all)

COMMAND_TIMEOUT_S = 900.0
_FIRST_BYTES, _LAST_BYTES = 4 << 20, 1 << 20  # of an output that are kept, whatever else was printed
_LAST_LINES = 20
_LONGEST_LINE = 300


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments.

    Attributes:
        purpose: what it is for, as the subject of an error sentence: "compiling firmware/net.cpp".
        directory: where it runs; None for the caller's.
        timeout_s: it is killed, with everything it started, after this many seconds.
        most_printed: it is killed as well once it has printed more bytes than this; None for as many as it likes, of
            which the first and the last are kept.
    """

    arguments: tuple[str, ...]
    purpose: str
    directory: Path | None = None
    timeout_s: float = COMMAND_TIMEOUT_S
    most_printed: int | None = None

    @property
    def line(self) -> str:
        """As one would type it."""
        return shlex.join(self.arguments)


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command left behind; ``status`` is negative where a signal ended it."""

    status: int
    output: str
    seconds: float


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_unchecked(command: Command) -> Finished:
    """Run a command and return whatever came of it, also a failure.

    Raises:
        ToolMissingError: there is no such program.
        ToolFailedError: it ran out of time.
    """
    with _started(command, set(), threading.Lock()) as process:
        return _finish(command, process)


def run(command: Command) -> Finished:
    """Run a command that must succeed.

    Raises:
        ToolMissingError: there is no such program.
        ToolFailedError: it failed or ran out of time; the message holds the end of its output and the command.
    """
    return _checked(command, run_unchecked(command))


def run_all(commands: Sequence[Command], jobs: int | None = None, progress: Progress | None = None) -> list[Finished]:
    """Run commands that must succeed, ``jobs`` at a time (None: one a usable core); results in the commands' order.

    Raises:
        ToolMissingError, ToolFailedError: as in ``run``, for the first that fails; the others are stopped.
    """
    running: set[subprocess.Popen[bytes]] = set()
    lock = threading.Lock()
    stopped = threading.Event()

    def one(command: Command) -> Finished:
        if stopped.is_set():
            return Finished(0, "", 0.0)
        with _started(command, running, lock) as process:
            if stopped.is_set():  # another failed while this one was being started, too late to be found below
                _kill(process)
            finished = _finish(command, process)
        return finished if stopped.is_set() else _checked(command, finished)

    with ThreadPoolExecutor(max_workers=max(1, jobs or usable_cores())) as pool:
        futures = {pool.submit(one, command): position for position, command in enumerate(commands)}
        results: dict[int, Finished] = {}
        if progress is not None and commands:
            progress(commands[0].purpose, 0, len(commands))
        try:
            for future in as_completed(futures):
                position = futures[future]
                results[position] = future.result()
                if progress is not None:
                    progress(commands[position].purpose, len(results), len(commands))
        except BaseException:  # also an interrupt: nothing that was started here stays behind
            stopped.set()
            with lock:
                for process in running:
                    _kill(process)
            raise
    return [results[position] for position in range(len(commands))]


@contextmanager
def _started(
    command: Command, running: set[subprocess.Popen[bytes]], lock: threading.Lock
) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(
            command.arguments,
            cwd=command.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # English messages, and a group of its own so that a compiler's children can be ended with it.
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        if command.directory is not None and not command.directory.is_dir():
            raise
        raise ToolMissingError(
            f"{command.purpose}: the program {command.arguments[0]!r} cannot be run ({error.strerror}); "
            f"install it or put it on PATH."
        ) from error
    with lock:
        running.add(process)
    try:
        yield process
    finally:
        with lock:
            running.discard(process)
        if process.poll() is None:
            _kill(process)
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _finish(command: Command, process: subprocess.Popen[bytes]) -> Finished:
    start = time.perf_counter()
    printed = _Printed()
    try:
        for chunk in _chunks(command, process, start + command.timeout_s):
            printed.add(chunk)
            if command.most_printed is not None and printed.size > command.most_printed:
                _kill(process)
                raise ToolFailedError(
                    f"{command.purpose}: {command.arguments[0]!r} printed more than {command.most_printed >> 20} MiB "
                    f"and was stopped.{_tail(printed.text())}\ncommand: {command.line}"
                )
        process.wait(max(0.0, start + command.timeout_s - time.perf_counter()))
    except subprocess.TimeoutExpired as error:
        _kill(process)
        raise ToolFailedError(
            f"{command.purpose}: {command.arguments[0]!r} did not finish within {command.timeout_s:g} s and was "
            f"stopped.{_tail(printed.text())}\ncommand: {command.line}"
        ) from error
    return Finished(process.returncode, printed.text(), time.perf_counter() - start)


def _chunks(command: Command, process: subprocess.Popen[bytes], deadline: float) -> Iterator[bytes]:
    """What a process prints, as it comes."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.perf_counter()) > 0:
            if selector.select(left):
                chunk = os.read(process.stdout.fileno(), 1 << 16)
                if not chunk:
                    return
                yield chunk
    raise subprocess.TimeoutExpired(command.arguments, command.timeout_s)


class _Printed:
    """The first and the last of what was printed: an endless loop that prints must not fill the memory."""

    def __init__(self) -> None:
        self.size = 0
        self._first, self._last = bytearray(), bytearray()

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        room = _FIRST_BYTES - len(self._first)
        self._first += chunk[:room]
        self._last += chunk[room:]
        if len(self._last) > 2 * _LAST_BYTES:
            del self._last[:-_LAST_BYTES]

    def text(self) -> str:
        left_out = self.size - len(self._first) - len(self._last)
        between = f"\n[{left_out} bytes left out]\n".encode() if left_out else b""
        return (self._first + between + self._last).decode(errors="replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()


def _checked(command: Command, finished: Finished) -> Finished:
    if finished.status == 0:
        return finished
    raise ToolFailedError(
        f"{command.purpose}: {command.arguments[0]!r} {how_it_ended(finished.status)}"
        f"{_first_error(finished.output)}.{_tail(finished.output)}\ncommand: {command.line}"
    )


def how_it_ended(status: int) -> str:
    """A verb phrase for an exit status: "failed with exit status 1", "was ended by SIGSEGV"."""
    if status >= 0:
        return f"failed with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _first_error(output: str) -> str:
    """The first line that a compiler marks as an error: what follows it is often only a consequence."""
    for line in output.splitlines():
        if "error:" in line or "undefined reference" in line:
            return f": {line.strip()[:_LONGEST_LINE]}"
    return ""


def _tail(output: str) -> str:
    lines = [line[:_LONGEST_LINE] for line in output.rstrip().splitlines()]
    if not lines:
        return " It printed nothing."
    what = "Its output:" if len(lines) <= _LAST_LINES else f"The last {_LAST_LINES} of its {len(lines)} lines:"
    return f" {what}\n" + "\n".join(f"  {line}" for line in lines[-_LAST_LINES:])
