"""Compiling and calling libraries: equal in either process, apart from each other, cached, and safe from crashes."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from oracle.absence import missing

from hwgen.errors import InputError, ProjectError, ToolFailedError
from hwgen.tools import Cache, Compiler, SourceTree, build_library, call_library, find_compiler
from hwgen.tools.call import UNWRITTEN
from hwgen.tools.prelude import ap_types_prelude
from hwgen.tools.shared_library import compile_flags

HEAD = '#include <cstddef>\n#include <cstdint>\nextern "C" int '
SIGNATURE = "run(const int64_t *const *inputs, int64_t *const *outputs, size_t samples)"
# Two inputs of sizes 2 and 1, one output of size 2.
SCALED_SUM = (
    HEAD
    + SIGNATURE
    + """ {
    for (size_t s = 0; s < samples; s++)
        for (int i = 0; i < 2; i++) outputs[0][2 * s + i] = FACTOR * inputs[0][2 * s + i] + inputs[1][s];
    return 0;
}
"""
)


@pytest.fixture
def compiler(cxx: str) -> Compiler:
    return find_compiler(cxx)


def tree(body: str, **others: str) -> SourceTree:
    return SourceTree({"a.cpp": body.encode(), **{k: v.encode() for k, v in others.items()}}, ("a.cpp",))


def built(compiler: Compiler, folder: Path, body: str, name: str = "a") -> Path:
    output = folder / f"{name}.so"
    build_library(tree(body), compiler, output)
    return output


def scaled_sum(compiler: Compiler, folder: Path, factor: int) -> Path:
    return built(compiler, folder, SCALED_SUM.replace("FACTOR", str(factor)), f"times{factor}")


@pytest.fixture
def arrays() -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [generator.integers(-(2**61), 2**61, size=shape) // 8 for shape in ((50, 2), (50,))]


@pytest.mark.parametrize("isolated", [True, False])
def test_a_call_computes_on_every_sample(
    compiler: Compiler, tmp_path: Path, arrays: list[np.ndarray], isolated: bool
) -> None:
    (result,) = call_library(scaled_sum(compiler, tmp_path, 3), "run", arrays, [2], isolated=isolated)
    assert (result == 3 * arrays[0] + arrays[1][:, None]).all()


def test_arrays_that_are_not_contiguous_are_taken_as_they_look(compiler: Compiler, tmp_path: Path) -> None:
    wide = np.arange(12, dtype=np.int64).reshape(2, 6).T
    (result,) = call_library(scaled_sum(compiler, tmp_path, 1), "run", [wide, np.zeros(6, np.int64)], [2])
    assert (result == wide).all()


def test_libraries_with_the_same_names_do_not_meet_in_one_process(compiler: Compiler, tmp_path: Path) -> None:
    body = (
        "struct Counter { static int64_t &value() { static int64_t v = START; return v; } };\n"
        "int64_t shared_name() { return Counter::value(); }\n"
        + HEAD + SIGNATURE + " { outputs[0][0] = shared_name(); return 0; }\n"
    )  # fmt: skip
    body = "#include <cstdint>\n" + body
    libraries = [built(compiler, tmp_path, body.replace("START", str(k)), f"l{k}") for k in range(3)]
    one = [np.zeros((1, 1), dtype=np.int64)]
    assert [call_library(path, "run", one, [1], isolated=False)[0].item() for path in libraries] == [0, 1, 2]


def test_a_crash_is_an_error_and_not_the_end_of_the_caller(compiler: Compiler, tmp_path: Path) -> None:
    library = built(compiler, tmp_path, HEAD + SIGNATURE + " { *(volatile int *)8 = 1; return 0; }\n")
    with pytest.raises(ToolFailedError, match="the compiled project crashed: run was ended by SIGSEGV on 1 samples"):
        call_library(library, "run", [np.zeros((1, 1), dtype=np.int64)], [1])


def test_an_exit_from_within_is_an_error(compiler: Compiler, tmp_path: Path) -> None:
    library = built(compiler, tmp_path, "#include <cstdlib>\n" + HEAD + SIGNATURE + " { std::exit(0); }\n")
    with pytest.raises(ToolFailedError, match="run ended early on 1 samples"):
        call_library(library, "run", [np.zeros((1, 1), dtype=np.int64)], [1])


def test_an_endless_loop_runs_out_of_time(compiler: Compiler, tmp_path: Path) -> None:
    library = built(compiler, tmp_path, HEAD + SIGNATURE + " { for (volatile int i = 0;;) i = 1; }\n")
    with pytest.raises(ToolFailedError, match=r"running run of the compiled project on 1 samples: .* within 0\.5 s"):
        call_library(library, "run", [np.zeros((1, 1), dtype=np.int64)], [1], timeout_s=0.5)


def test_large_arrays_on_the_stack_fit(compiler: Compiler, tmp_path: Path) -> None:
    body = " { volatile int64_t codes[8 << 20]; for (int i = 0; i < (8 << 20); i += 512) codes[i] = 1; return 0; }\n"
    library = built(compiler, tmp_path, HEAD + SIGNATURE + body)  # 64 MB: the usual limit is 8 MB
    call_library(library, "run", [np.zeros((1, 1), dtype=np.int64)], [1])


@pytest.mark.parametrize("isolated", [True, False])
def test_what_was_not_written_is_told_apart(compiler: Compiler, tmp_path: Path, isolated: bool) -> None:
    library = built(compiler, tmp_path, HEAD + SIGNATURE + " { outputs[0][1] = 0; return 0; }\n")
    (result,) = call_library(library, "run", [np.zeros((1, 1), np.int64)], [2], isolated=isolated)
    assert result.tolist() == [[UNWRITTEN, 0]]


@pytest.mark.parametrize("isolated", [True, False])
def test_an_answer_other_than_zero_is_an_error(compiler: Compiler, tmp_path: Path, isolated: bool) -> None:
    library = built(compiler, tmp_path, HEAD + SIGNATURE + " { return 4; }\n")
    with pytest.raises(ToolFailedError, match="run returned 4; 0 was expected"):
        call_library(library, "run", [np.zeros((1, 1), dtype=np.int64)], [1], isolated=isolated)


@pytest.mark.parametrize("isolated", [True, False])
def test_a_function_that_is_not_there_is_named(compiler: Compiler, tmp_path: Path, isolated: bool) -> None:
    library = scaled_sum(compiler, tmp_path, 1)
    with pytest.raises(ProjectError, match="the compiled project has no function 'trace'"):
        call_library(library, "trace", [np.zeros((1, 1), dtype=np.int64)], [1], isolated=isolated)


@pytest.mark.parametrize("isolated", [True, False])
def test_a_file_that_is_no_library_is_refused(tmp_path: Path, isolated: bool) -> None:
    (tmp_path / "a.so").write_text("no library")
    with pytest.raises(ProjectError, match="cannot be loaded"):
        call_library(tmp_path / "a.so", "run", [np.zeros((1, 1), dtype=np.int64)], [1], isolated=isolated)


def test_arrays_of_other_types_or_lengths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="input 0: int64 codes were expected, got float64 of shape"):
        call_library(tmp_path / "a.so", "run", [np.zeros((1, 1))], [1])
    with pytest.raises(InputError, match=r"same number of samples, got \[1, 2\]"):
        call_library(tmp_path / "a.so", "run", [np.zeros((n, 1), dtype=np.int64) for n in (1, 2)], [1])


def test_no_samples_give_empty_outputs(tmp_path: Path) -> None:
    (result,) = call_library(tmp_path / "a.so", "run", [np.zeros((0, 4), dtype=np.int64)], [3])
    assert result.shape == (0, 3)


def test_broken_sources_are_quoted_with_the_command(compiler: Compiler, tmp_path: Path) -> None:
    with pytest.raises(ToolFailedError) as caught:
        built(compiler, tmp_path, "int broken( {\n")
    message = str(caught.value)
    assert message.startswith("compiling a.cpp: ")
    assert "failed with exit status 1: a.cpp:1:" in message
    assert "error:" in message
    assert message.splitlines()[-1].endswith("-c a.cpp -o unit0.o")


def test_a_missing_symbol_is_an_error_when_the_library_is_loaded_or_linked(compiler: Compiler, tmp_path: Path) -> None:
    body = "int elsewhere();\n" + HEAD + SIGNATURE + " { return elsewhere(); }\n"
    with pytest.raises((ToolFailedError, ProjectError)):
        call_library(built(compiler, tmp_path, body), "run", [np.zeros((1, 1), dtype=np.int64)], [1])


def test_the_same_sources_are_compiled_once(compiler: Compiler, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    builds = [build_library(tree(SCALED_SUM.replace("FACTOR", "2")), compiler, tmp_path / "a.so", cache=cache)]
    builds += [build_library(tree(SCALED_SUM.replace("FACTOR", "2")), compiler, tmp_path / "b.so", cache=cache)]
    assert [build.from_cache for build in builds] == [False, True]
    assert (tmp_path / "a.so").read_bytes() == (tmp_path / "b.so").read_bytes()


@pytest.mark.parametrize(
    "changed",
    [
        SourceTree({"a.cpp": b'#include "b.h"\n', "b.h": b"// changed\n"}, ("a.cpp",)),
        SourceTree({"a.cpp": b'#include "b.h" \n', "b.h": b""}, ("a.cpp",)),
        SourceTree({"a.cpp": b'#include "b.h"\n', "b.h": b""}, ("a.cpp",), defines=("TRACE",)),
        SourceTree({"a.cpp": b'#include "b.h"\n', "b.h": b""}, ("a.cpp",), include=(".", "more")),
    ],
    ids=["header", "source", "macro", "include folder"],
)
def test_any_change_is_compiled_again(compiler: Compiler, tmp_path: Path, changed: SourceTree) -> None:
    cache = Cache(tmp_path / "cache")
    first = SourceTree({"a.cpp": b'#include "b.h"\n', "b.h": b""}, ("a.cpp",))
    build_library(first, compiler, tmp_path / "a.so", cache=cache)
    assert not build_library(changed, compiler, tmp_path / "b.so", cache=cache).from_cache


@pytest.fixture
def headers_tree() -> SourceTree:
    """Three units that include a header called like one of ap_types."""
    unit = b'#include "ap_int.h"\nint64_t NAME() { return answer(); }\n'
    names = ("one", "two", "three")
    files = {f"{name}.cpp": unit.replace(b"NAME", name.encode()) for name in names}
    header = b"#ifndef AP_INT_H\n#define AP_INT_H\n#include <cstdint>\ninline int64_t answer() { return 42; }\n#endif\n"
    return SourceTree({**files, "ap_types/ap_int.h": header}, tuple(files), ap_types="ap_types")


@pytest.fixture(params=["g++", "clang++"])
def either(request: pytest.FixtureRequest) -> Iterator[Compiler]:
    import shutil

    if shutil.which(request.param) is None:
        missing(request.param)  # one of the two is enough for hwgen, CI has both
    return find_compiler(request.param)


def test_three_units_precompile_the_headers_for_later(
    either: Compiler, tmp_path: Path, headers_tree: SourceTree
) -> None:
    build_library(headers_tree, either, tmp_path / "a.so", headers=tmp_path / "headers")
    prelude = ap_types_prelude(tmp_path / "headers", headers_tree.ap_types_headers(), either, compile_flags(either))
    assert prelude.exists


def test_a_damaged_precompiled_header_fails_nothing(either: Compiler, tmp_path: Path, headers_tree: SourceTree) -> None:
    build_library(headers_tree, either, tmp_path / "a.so", headers=tmp_path / "headers")
    for path in (tmp_path / "headers").rglob("prelude.h.*"):
        path.write_bytes(b"damaged")
    build_library(headers_tree, either, tmp_path / "b.so", headers=tmp_path / "headers")
    assert (tmp_path / "b.so").stat().st_size > 0


def test_headers_that_cannot_be_kept_fail_nothing(compiler: Compiler, tmp_path: Path, headers_tree: SourceTree) -> None:
    (tmp_path / "file").write_text("not a folder")
    build_library(headers_tree, compiler, tmp_path / "a.so", headers=tmp_path / "file" / "headers")
    assert (tmp_path / "a.so").stat().st_size > 0
