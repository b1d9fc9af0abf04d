"""The faster variant of the ap_types headers against the original: every mode, every operation, narrow and wide."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from oracle.absence import missing

from hwgen.emit.ap_types import ap_types_files
from hwgen.errors import ProjectError
from hwgen.fixed import Overflow, Rounding
from hwgen.tools import Compiler, SourceTree, build_library, call_library, find_compiler
from hwgen.tools.ap_types import PRIVATE_HEADER, without_volatile

CONVERSIONS = (
    # source, target without modes; up to 64 bits and beyond, the two definitions that the patch adds to
    ("ap_fixed<12, 5>", "ap_fixed<5, 3"),
    ("ap_fixed<90, 40>", "ap_fixed<20, 18"),
)
OPERATIONS = (
    "ap_int<13>(ap_int<7>(a) * ap_int<6>(b))",
    "ap_int<9>(ap_int<7>(a) + ap_uint<7>(b))",
    "ap_uint<5>(ap_int<20>(a) - ap_int<31>(b))",
    "ap_int<33>(ap_int<33>(a) * ap_int<33>(b))",
    "ap_int<64>(ap_int<64>(a) + ap_int<64>(b))",
    "ap_int<40>(ap_int<70>(ap_int<64>(a)) * ap_int<70>(ap_int<64>(b)))",
    "ap_uint<63>(ap_uint<100>(ap_int<64>(a)) << 17)",
    "ap_int<12>(ap_int<12>(a) << 3) ^ ap_int<12>(b)",
    "ap_int<12>(ap_int<12>(a) >> 3)",
    "ap_int<8>(-ap_int<8>(a))",
    "ap_uint<9>(~ap_uint<9>(a))",
    "ap_int<30>(ap_int<30>(a) / (ap_int<9>(b) | ap_int<9>(1)))",
    "ap_int<30>(ap_int<30>(a) % (ap_int<9>(b) | ap_int<9>(1)))",
    "ap_int<1>(a)",
    "ap_uint<1>(a)",
    "ap_int<17>(ap_int<17>(a)(11, 4))",
    "ap_int<2>(ap_int<20>(a) > ap_int<20>(b))",
)


def source() -> tuple[str, int]:
    """A file that computes every conversion in every mode, and every operation, from two numbers; and their count."""
    results = []
    for position, (given, target) in enumerate(CONVERSIONS):
        number = f"{given}::width"
        for row, rounding in enumerate(Rounding):
            for column, overflow in enumerate(Overflow):
                if position and (row + column) % len(Overflow):
                    continue  # every mode of both kinds once more, not every pair: each costs a compiler 0.2 s
                quantizer = f"{target}, AP_{rounding.value}, AP_{overflow.value}>"
                results.append(f"converted<{given}, {quantizer}, {number}>(a)")
    results += [f"int64_t(({operation}).to_int64())" for operation in OPERATIONS]
    lines = "".join(f"        *result++ = {result};\n" for result in results)
    text = f"""
#include "ap_fixed.h"
#include "ap_int.h"
#include <cstddef>
#include <cstdint>

template <class given_T, class target_T, int WIDTH>
__attribute__((noinline)) static int64_t converted(int64_t code) {{
    given_T value;
    value.range() = ap_int<WIDTH>(code * 0x9E3779B97F4A7C15 >> (WIDTH < 64 ? 64 - WIDTH : 0)).range();
    target_T target = value;
    ap_uint<target_T::width> bits;
    bits.range() = target.range();
    return bits.to_int64();
}}

extern "C" int run(const int64_t *const *inputs, int64_t *const *outputs, size_t samples) {{
    int64_t *result = outputs[0];
    for (size_t s = 0; s < samples; s++) {{
        const int64_t a = inputs[0][2 * s], b = inputs[0][2 * s + 1];
{lines}    }}
    return 0;
}}
"""
    return text, len(results)


def numbers() -> np.ndarray:
    """(samples, 2) int64: of every size, both signs, around powers of two."""
    generator = np.random.default_rng(0)
    anywhere = generator.integers(-(2**63), 2**63 - 1, size=(3000, 2), endpoint=True)
    sizes = anywhere >> generator.integers(0, 64, size=anywhere.shape)
    powers = np.array([(1 << k) + d for k in range(63) for d in (-1, 0, 1)] + [-(1 << k) for k in range(64)])
    return np.concatenate([sizes, np.stack([powers, np.roll(powers, 7)], axis=1)]).astype(np.int64)


def results(compiler: Compiler, folder: Path, patched: bool) -> np.ndarray:
    text, count = source()
    headers = {f"ap_types/{path}": content for path, content in ap_types_files()}
    if patched:
        headers[f"ap_types/{PRIVATE_HEADER}"] = without_volatile(headers[f"ap_types/{PRIVATE_HEADER}"])
    tree = SourceTree({"a.cpp": text.encode(), **headers}, ("a.cpp",), ap_types="ap_types")
    build_library(tree, compiler, folder / f"{patched}.so")
    return call_library(folder / f"{patched}.so", "run", [numbers()], [count])[0]


def both_equal(program: str, folder: Path) -> bool:
    compiler = find_compiler(program)
    with ThreadPoolExecutor(2) as pool:
        faster, original = pool.map(lambda patched: results(compiler, folder, patched), (True, False))
    return bool((faster == original).all())


def test_the_faster_headers_equal_the_original_in_every_mode_and_operation(cxx: str, tmp_path: Path) -> None:
    assert both_equal(cxx, tmp_path)


def test_they_are_equal_for_clang_too(tmp_path: Path) -> None:
    if shutil.which("clang++") is None:
        missing("clang++")  # g++ is enough for hwgen, CI has both
    assert both_equal("clang++", tmp_path)


def test_a_header_of_another_release_is_refused() -> None:
    with pytest.raises(ProjectError, match="the two definitions of clearUnusedBits"):
        without_volatile(b"  INLINE void clearUnusedBits(void) const\n")
