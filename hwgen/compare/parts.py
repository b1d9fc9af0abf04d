"""Common FPGA parts and what they hold, from the vendors' product tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hwgen.errors import InputError


@dataclass(frozen=True, slots=True)
class Part:
    """A part.

    Attributes:
        name: the device, as part names of the vendor start.
        family: whose cells its figures are counted in, as ``hwgen.mapping.FAMILIES`` calls it.
        luts: lookup tables.
        flip_flops: registers of one bit.
        dsps: multipliers.
        brams: block memories: of AMD, of 36 kbit.
    """

    name: str
    family: str
    luts: int
    flip_flops: int
    dsps: int
    brams: int

    def document(self) -> dict[str, int | str]:
        """For JSON."""
        return {
            "name": self.name,
            "family": self.family,
            "luts": self.luts,
            "flip_flops": self.flip_flops,
            "dsps": self.dsps,
            "brams": self.brams,
        }


# Sources: AMD DS890 (UltraScale, UltraScale+), DS891 (Zynq UltraScale+), DS889 (RFSoC), DS987 (Kria K26), DS180 and
# DS190 (7 series, Zynq-7000); Lattice FPGA-DS-02012 (ECP5), FPGA-DS-02008 and FPGA-DS-02029 (iCE40); Gowin DS100.
PARTS: Mapping[str, Part] = MappingProxyType(
    {
        part.name: part
        for part in (
            Part("xcvu13p", "xcup", 1_728_000, 3_456_000, 12_288, 2_688),
            Part("xcvu9p", "xcup", 1_182_240, 2_364_480, 6_840, 2_160),
            Part("xcku15p", "xcup", 522_720, 1_045_440, 1_968, 984),
            Part("xcku5p", "xcup", 216_960, 433_920, 1_824, 480),
            Part("xcku115", "xcup", 663_360, 1_326_720, 5_520, 2_160),
            Part("xcku040", "xcup", 242_400, 484_800, 1_920, 600),
            Part("xczu28dr", "xcup", 425_280, 850_560, 4_272, 1_080),
            Part("xczu9eg", "xcup", 274_080, 548_160, 2_520, 912),
            Part("xczu7ev", "xcup", 230_400, 460_800, 1_728, 312),
            Part("xczu3eg", "xcup", 70_560, 141_120, 360, 216),
            Part("xck26", "xcup", 117_120, 234_240, 1_248, 144),
            Part("xc7vx690t", "xc7", 433_200, 866_400, 3_600, 1_470),
            Part("xc7k325t", "xc7", 203_800, 407_600, 840, 445),
            Part("xc7k160t", "xc7", 101_400, 202_800, 600, 325),
            Part("xc7a200t", "xc7", 134_600, 269_200, 740, 365),
            Part("xc7a100t", "xc7", 63_400, 126_800, 240, 135),
            Part("xc7a35t", "xc7", 20_800, 41_600, 90, 50),
            Part("xc7z020", "xc7", 53_200, 106_400, 220, 140),
            Part("xc7z010", "xc7", 17_600, 35_200, 80, 60),
            Part("lfe5u-85f", "ecp5", 83_640, 83_640, 156, 208),
            Part("lfe5u-45f", "ecp5", 43_848, 43_848, 72, 108),
            Part("lfe5u-25f", "ecp5", 24_288, 24_288, 28, 56),
            Part("ice40up5k", "ice40", 5_280, 5_280, 8, 30),
            Part("ice40hx8k", "ice40", 7_680, 7_680, 0, 32),
            Part("gw1n-9", "gowin", 8_640, 6_480, 20, 26),
        )
    }
)


def find_part(name: str) -> Part:
    """The part that a vendor's name starts with: ``xc7z020`` of ``xc7z020clg400-1``.

    Raises:
        InputError: none in the table.
    """
    given = name.lower()
    found = [part for known, part in PARTS.items() if given.startswith(known)]
    if not found:
        raise InputError(f"part {name!r} is not in hwgen's table; it starts with one of {', '.join(PARTS)}.")
    return max(found, key=lambda part: len(part.name))
