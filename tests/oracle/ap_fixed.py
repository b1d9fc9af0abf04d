"""The real ``ap_fixed`` as an oracle: a C++ program that converts codes from one type to another in every mode.

The header is hls4ml's copy of Xilinx's ap_types. It is compiled with ``-DNDEBUG``: without it, its simulation model
stops with "Attempting to read bit beyond MSB" where a conversion shifts by more than the source's width.
"""

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from oracle.rational import OVERFLOWS, ROUNDINGS

_PAIRS_A_FILE = 10  # g++ needs about 0.4 s and 20 MB a pair

_PROGRAM = """\
#include <cstdio>
#include <vector>
#include "ap_fixed.h"

template <bool Signed, int W, int I, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP> struct pick {
  typedef ap_fixed<W, I, Q, O> type;
};
template <int W, int I, ap_q_mode Q, ap_o_mode O> struct pick<false, W, I, Q, O> {
  typedef ap_ufixed<W, I, Q, O> type;
};

template <class Source, class Target> void convert(const std::vector<long long> &codes) {
  for (long long code : codes) {
    Source source;
    source.V = code;
    Target target = source;
    long long result = target.V;
    fwrite(&result, sizeof result, 1, stdout);
  }
}

template <bool Signed, int W, int I, bool TargetSigned, int TargetW, int TargetI>
void all_modes(int count) {
  typedef typename pick<Signed, W, I>::type source;
  std::vector<long long> codes(count);
  if (fread(codes.data(), sizeof(long long), count, stdin) != (size_t)count) throw "codes are missing";
"""


@dataclass(frozen=True, slots=True)
class Conversion:
    """Two types, sign, width and fraction of each, and (n,) int64 codes of the first."""

    signed: bool
    width: int
    fraction: int
    target_signed: bool
    target_width: int
    target_fraction: int

    codes: NDArray[np.int64]


def convert_in_every_mode(
    conversions: Sequence[Conversion], compiler: str, folder: Path
) -> list[dict[tuple[str, str], NDArray[np.int64]]]:
    """For each conversion: what ``ap_fixed`` makes of the codes, by (rounding, overflow).

    Args:
        compiler: a C++ compiler's command.
        folder: where to write and build.
    """
    batches = [conversions[start : start + _PAIRS_A_FILE] for start in range(0, len(conversions), _PAIRS_A_FILE)]

    def run(number: int) -> bytes:
        source, binary = folder / f"convert_{number}.cpp", folder / f"convert_{number}"
        source.write_text(_program(batches[number]))
        command = [compiler, "-std=c++14", "-O0", "-w", "-DNDEBUG", f"-I{ap_types_folder()}", source, "-o", binary]
        subprocess.run(command, check=True)
        codes = np.concatenate([conversion.codes for conversion in batches[number]]).tobytes()
        return subprocess.run([binary], check=True, input=codes, stdout=subprocess.PIPE).stdout

    with ThreadPoolExecutor(2) as pool:
        output = np.frombuffer(b"".join(pool.map(run, range(len(batches)))), dtype=np.int64)
    results, start = [], 0
    for conversion in conversions:
        by_mode = {}
        for rounding in ROUNDINGS:
            for overflow in OVERFLOWS:
                stop = start + conversion.codes.size
                by_mode[rounding, overflow] = output[start:stop]
                start = stop
        results.append(by_mode)
    assert start == output.size
    return results


def ap_types_folder() -> Path:
    """Where the installed hls4ml keeps ``ap_fixed.h``; found without importing hls4ml."""
    spec = find_spec("hls4ml")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "templates" / "vivado" / "ap_types"


def _program(conversions: Sequence[Conversion]) -> str:
    modes = [
        f"  convert<source, typename pick<TargetSigned, TargetW, TargetI, AP_{rounding}, AP_{overflow}>::type>(codes);"
        for rounding in ROUNDINGS
        for overflow in OVERFLOWS
    ]
    calls = [
        f"  all_modes<{int(c.signed)}, {c.width}, {c.width - c.fraction}, "
        f"{int(c.target_signed)}, {c.target_width}, {c.target_width - c.target_fraction}>({c.codes.size});"
        for c in conversions
    ]
    return _PROGRAM + "\n".join([*modes, "}", "", "int main() {", *calls, "}", ""])
