"""Reads mutated model files in processes of their own, each with 2 GiB of memory and 10 seconds for each file.

Run as a program it is such a process: it reads the files of the seeds from its arguments, and prints a line for each.
"""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

MEMORY_BYTES = 2 << 30
SECONDS = 10


@dataclass
class Findings:
    """What came of a campaign.

    Attributes:
        outcomes: how many files loaded and how many were refused.
        wrong: seed to what it should not have done.
        peak_bytes: the largest memory that a process held.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: dict[int, str] = field(default_factory=dict)
    peak_bytes: int = 0


def campaign(seeds: Sequence[int], processes: int) -> Findings:
    """Read the files of all seeds.

    Args:
        processes: at a time.
    """
    pieces = [seeds[number::processes] for number in range(processes)]
    total = Findings()
    with ThreadPoolExecutor(processes) as pool:
        for part in pool.map(_read_all, filter(None, pieces)):
            total.outcomes += part.outcomes
            total.wrong |= part.wrong
            total.peak_bytes = max(total.peak_bytes, part.peak_bytes)
    return total


def _read_all(seeds: Sequence[int]) -> Findings:
    """Read in one process after the other: a file that kills one is noted, and the next goes on behind it."""
    found = Findings()
    left = list(seeds)
    while left:
        command = [sys.executable, "-m", "oracle.reading_campaign", json.dumps(left)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
        result = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
        done = 0
        for line in result.stdout.splitlines():
            told = json.loads(line)
            done += 1
            found.peak_bytes = max(found.peak_bytes, told["peak"])
            if told["outcome"] in ("loaded", "refused"):
                found.outcomes[told["outcome"]] += 1
            else:
                found.wrong[told["seed"]] = told["outcome"]
        if done < len(left):
            died = "took too long" if result.returncode == -signal.SIGALRM else f"ended with {result.returncode}"
            found.wrong[left[done]] = f"{died}: {result.stderr[-500:]}"
        left = left[done + 1 :]
    return found


def read(seed: int, folder: Path) -> str:
    """Read the file of a seed: "loaded" or "refused", or what it should not have done."""
    import hwgen
    from hwgen.errors import HwgenError
    from oracle.mutated_files import mutated

    files = mutated(seed)
    path, weights = files.write(folder)
    signal.alarm(SECONDS)
    try:
        hwgen.load(path, weights)
        outcome = "loaded"
    except HwgenError as error:
        outcome = _judged(error)
    except BaseException:
        outcome = traceback.format_exc()[-1500:]
    if outcome == "refused" and seed % 4 == 0:
        try:
            hwgen.inspect(path, weights)
        except HwgenError as error:
            outcome = _judged(error)
        except BaseException:
            outcome = f"inspect: {traceback.format_exc()[-1500:]}"
    signal.alarm(0)
    return outcome if outcome in ("loaded", "refused") else f"{files.what}: {outcome}"


def _judged(error: BaseException) -> str:
    """A refusal is one sentence, and does not come of memory that ran out."""
    message = str(error)
    if not message or "\n" in message or len(message) > 3000 or not message.endswith((".", "?")):
        return f"no sentence: {message[:3000]!r}"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError) or re.search("allocation failed|[Uu]nable to allocate|memory", str(cause)):
            return f"memory: {message}"
        cause = cause.__cause__ or cause.__context__
    return "refused"


def main(seeds: Sequence[int]) -> None:
    import hwgen  # noqa: F401  what it takes to import is not counted

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            shutil.rmtree(folder)
            Path(folder).mkdir()
            outcome = read(seed, Path(folder))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            print(json.dumps({"seed": seed, "outcome": outcome, "peak": peak}), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
