"""FPGA families that Yosys maps to: which command, and what its cells count as."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class CellCounts:
    """Cells of a netlist, in the units that the family's vendor counts.

    Attributes:
        luts: lookup tables, those that hold memory or only pass or invert a bit into a carry chain included.
        flip_flops: registers of one bit.
        carries: carry cells; each of as many bits as the family's has.
        memory_luts: of ``luts``, those that hold line buffers and FIFOs.
        brams: block memories.
        dsps: multipliers.
    """

    luts: int = 0
    flip_flops: int = 0
    carries: int = 0
    memory_luts: int = 0
    brams: int = 0
    dsps: int = 0

    def __add__(self, other: "CellCounts") -> "CellCounts":
        return CellCounts(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def document(self) -> dict[str, int]:
        """For JSON."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, slots=True)
class Family:
    """A family.

    Attributes:
        name: as ``--family`` takes it.
        title: for people.
        synthesis: Yosys' command, without the top.
        models: the family's cells as Verilog that computes, for simulation; paths as Yosys writes them.
        defines: macros of hwgen's Verilog.
        cells: what a cell of a kind counts as; kinds are matched from the first that fits.
        ignored: kinds that cost nothing: constants, and multiplexers that stand beside the lookup tables.
    """

    name: str
    title: str
    synthesis: str
    models: tuple[str, ...]
    defines: tuple[str, ...]
    cells: tuple[tuple[str, CellCounts], ...]
    ignored: str

    def count(self, kinds: Mapping[str, int]) -> tuple[CellCounts, tuple[str, ...]]:
        """What a netlist takes, from how many cells of each kind it has, and the kinds that nobody knows."""
        total = CellCounts()
        unknown = []
        for kind, number in sorted(kinds.items()):
            cost = next((cost for pattern, cost in self.cells if re.fullmatch(pattern, kind)), None)
            if cost is not None:
                total += CellCounts(*(number * getattr(cost, each.name) for each in fields(cost)))
            elif not re.fullmatch(self.ignored, kind):
                unknown.append(kind)
        return total, tuple(unknown)


_LUT = CellCounts(luts=1)
_FLIP_FLOP = CellCounts(flip_flops=1)
_CARRY = CellCounts(carries=1)


def _memory(luts: int) -> CellCounts:
    return CellCounts(luts=luts, memory_luts=luts)


# An inverter that no LUT took stands before a carry chain, and is a LUT there. A RAM32M is four LUTs.
_AMD = (
    (r"LUT[1-6]|LUT6_2|INV", _LUT),
    (r"FD[RSCP]E(_1)?", _FLIP_FLOP),
    (r"CARRY[48]", _CARRY),
    (r"RAM(32|64)M", _memory(4)),
    (r"RAM(32|64)M16", _memory(8)),
    (r"RAM(32|64)X1S", _memory(1)),
    (r"RAM(32|64)X1D", _memory(2)),
    (r"RAM128X1S", _memory(2)),
    (r"RAM(128X1D|256X1S)", _memory(4)),
    (r"RAM256X1D", _memory(8)),
    (r"RAMB(18|36)E[12]", CellCounts(brams=1)),
    (r"DSP48E[12]", CellCounts(dsps=1)),
)
# Line buffers become distributed memory, not block memory, so that families can be compared; shift registers stay
# registers, and multipliers logic.
_AMD_OPTIONS = "-flatten -nodsp -nobram -nosrl -noiopad -noclkbuf"

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        family.name: family
        for family in (
            Family(
                "xcup",
                "AMD UltraScale+",
                f"synth_xilinx -family xcup {_AMD_OPTIONS}",
                ("+/xilinx/cells_sim.v",),
                ("HWGEN_AMD_PRIMITIVES", "HWGEN_AMD_CARRY8"),
                _AMD,
                r"GND|VCC|MUXF[789]",
            ),
            Family(
                "xc7",
                "AMD 7 series",
                f"synth_xilinx -family xc7 {_AMD_OPTIONS}",
                ("+/xilinx/cells_sim.v",),
                ("HWGEN_AMD_PRIMITIVES",),
                _AMD,
                r"GND|VCC|MUXF[78]",
            ),
            Family(
                "ecp5",
                "Lattice ECP5",
                "synth_ecp5 -nobram -nodsp -noiopad",
                ("+/lattice/cells_sim_ecp5.v",),
                (),
                (
                    (r"LUT4", _LUT),
                    (r"CCU2C", CellCounts(luts=2, carries=1)),
                    (r"TRELLIS_FF", _FLIP_FLOP),
                    (r"TRELLIS_DPR16X4", _memory(4)),
                ),
                r"PFUMX|L6MUX21|VLO|VHI",
            ),
            Family(
                "ice40",
                "Lattice iCE40",
                "synth_ice40",
                ("+/ice40/cells_sim.v",),
                (),
                (
                    (r"SB_LUT4", _LUT),
                    (r"SB_DFF\w*", _FLIP_FLOP),
                    (r"SB_CARRY", _CARRY),
                    (r"SB_RAM40_4K\w*", CellCounts(brams=1)),
                ),
                r"",
            ),
            Family(
                "gowin",
                "Gowin GW1N",
                "synth_gowin -nobram -noiopads -nodsp",
                ("+/gowin/cells_sim.v",),
                (),
                (
                    (r"LUT[1-4]|INV", _LUT),
                    (r"ALU", CellCounts(luts=1, carries=1)),
                    (r"DFF\w*", _FLIP_FLOP),
                    (r"RAM16S(1|2|4)", _memory(4)),
                    (r"RAM16SDP[124]", _memory(4)),
                ),
                r"GND|VCC|MUX2_LUT[5678]",
            ),
            Family(
                "generic",
                "6-input LUTs",
                "synth -flatten -lut 6",
                (),
                (),
                (
                    (r"\$lut", _LUT),
                    (r"\$_NOT_", _LUT),
                    (r"\$_\w*DFF\w*_", _FLIP_FLOP),
                ),
                r"",
            ),
        )
    }
)
