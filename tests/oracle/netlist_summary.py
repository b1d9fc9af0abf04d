"""What a run of netlists amounts to: how much was compared, and how large the netlists were."""

from collections.abc import Mapping, Sequence
from typing import Any

SIZES = {"luts": "LUTs", "carries": "carry cells", "registers": "flip-flops", "shift_registers": "shift registers"}


def summary_lines(netlists: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line on what was compared, one on sizes, one on constant output bits."""

    def total(key: str) -> int:
        return sum(netlist[key] for netlist in netlists)

    sizes = [
        f"{name} {min(netlist[key] for netlist in netlists)} to {max(netlist[key] for netlist in netlists)}"
        for key, name in SIZES.items()
    ]
    return [
        f"{len(netlists)} netlists, {total('samples'):,} vectors, {total('codes'):,} codes compared, "
        f"{total('mismatches')} mismatches, {total('seconds'):.0f} s.",
        f"{', '.join(sizes)} a netlist.",
        f"{total('output_bits')} output bits, constant: {total('constant_by_interval')} whose interval says so, "
        f"{total('constant_by_samples')} that no vector moves.",
    ]
