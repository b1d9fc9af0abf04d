"""Whether two versions of a pipeline are the same for every input: a proof by Yosys's SAT solver.

The pipelines hold nothing for longer than they are deep. So both start from any register contents, take the same
inputs, and must agree from the cycle on in which all that they started with has left: as that holds from every state,
it holds for ever. The clock enable is held high, for ``ce`` low freezes every register of both; a change of the clock
enables themselves cannot be judged so.
"""

from collections.abc import Mapping
from pathlib import Path

from oracle.rtl_tools import run_yosys

_FLUSH_CYCLES = 2  # beyond the latency


def equivalent(
    original: Mapping[str, bytes], changed: Mapping[str, bytes], top: str, latency_cycles: int, folder: Path
) -> tuple[bool, str]:
    """Prove that two versions of a Verilog project never differ at an output.

    Args:
        original, changed: path to content; every ``.v`` below ``rtl/`` is read.
        folder: to write them to.
    Returns:
        Whether it is proven, and the end of what Yosys said.
    """
    cycles = latency_cycles + _FLUSH_CYCLES
    script = [
        *_both_read(original, changed, top, folder, "-anyseq"),  # an undefined bit may be anything
        "miter -equiv -flatten -make_outputs gold gate miter",
        "hierarchy -top miter",
        # What comes before the change is the same logic twice: once is enough.
        "opt -share_all -nodffe -nosdff",
        f"sat -seq {cycles} -prove-skip {cycles - 1} -prove trigger 0 -set in_ce 1 -verify miter",
    ]
    status, said = run_yosys("\n".join(script))
    return status == 0, said[-1500:]


def equivalent_by_induction(
    original: Mapping[str, bytes], changed: Mapping[str, bytes], top: str, folder: Path
) -> tuple[bool, str]:
    """Prove the same of circuits with any state: line buffers, counters, FIFOs, and clock enables.

    Registers and wires that have the same names are assumed to be equal for some cycles, whatever they hold, and shown
    to be equal in the next one; so a difference that only states have which never occur is not proven away. What is
    undefined, such as a memory's word beyond its last, is 0 in one proof and 1 in another: both versions read such
    words in states that never occur, and were they anything, not even two copies of one version would be equal.
    """
    said = ""
    for fill in ("-zero", "-one"):
        script = [
            *_both_read(original, changed, top, folder, fill),
            "equiv_make gold gate equiv",
            "hierarchy -top equiv",
            "equiv_simple -seq 3",
            "equiv_induct -seq 4",
            "equiv_status -assert",
        ]
        status, said = run_yosys("\n".join(script))
        if status:
            return False, said[-1500:]
    return True, said[-1500:]


def _both_read(
    original: Mapping[str, bytes], changed: Mapping[str, bytes], top: str, folder: Path, undefined: str
) -> list[str]:
    """Commands that leave the two versions as modules gold and gate; ``undefined`` is what ``setundef`` fills in."""
    script = []
    for side, files in (("gold", original), ("gate", changed)):
        sources = []
        for path, content in files.items():
            if path.startswith("rtl/") and path.endswith(".v"):
                target = folder / side / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                sources.append(str(target))
        script += [
            f"read_verilog {' '.join(sources)}",
            f"hierarchy -check -top {top}",
            "proc",
            f"flatten {top}",
            # Not memory_dff: a register behind a memory has to keep its name.
            "memory_collect",
            "memory_map",
            "opt_clean -purge",  # a wire that nobody reads is no difference
            f"setundef -undriven {undefined}",
            f"design -stash {side}",
        ]
    return [*script, *(f"design -copy-from {side} -as {side} {top}" for side in ("gold", "gate"))]
