"""``verify_project`` on a small hand-written project and on generated ones with one thing broken at a time."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hwgen.emit import Strategy, hls_project
from hwgen.errors import InputError, ProjectError, ToolFailedError, ToolMissingError
from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import (
    Dense,
    Input,
    Network,
    Requantize,
    SparseTensor,
    StepFunction,
    Value,
    check_network,
    network_to_json,
)
from hwgen.tools import Cache, find_compiler
from hwgen.tools.prelude import ap_types_prelude
from hwgen.tools.shared_library import compile_flags
from hwgen.verify import (
    BatchOptions,
    Change,
    FileChange,
    VectorKind,
    VerifyReport,
    open_project,
    verify_many,
    verify_networks,
    verify_project,
)
from hwgen.verify.run import simulation_tree

# ---- a project written by hand: y = x @ [[1, -2], [3, 1]] + [0, 5], then both halved to 4 bits

SOURCE = """
#include <cstddef>
#include <cstdint>
static int64_t halved(int64_t code) {
    const int64_t floor = code >> 1, even = floor + (code & floor & 1);
    return even > 7 ? 7 : even < -8 ? -8 : even;
}
static void run(const int64_t *x, int64_t *sum, int64_t *y) {
    sum[0] = x[0] + 3 * x[1];
    sum[1] = -2 * x[0] + x[1] + 5;
    for (int i = 0; i < 2; i++) y[i] = halved(sum[i]);
}
extern "C" int hwgen_run(const int64_t *const *inputs, int64_t *const *outputs, size_t samples) {
    int64_t sum[2];
    for (size_t s = 0; s < samples; s++) run(inputs[0] + 2 * s, sum, outputs[0] + 2 * s);
    return 0;
}
#ifdef HWGEN_TRACE
extern "C" int hwgen_trace(const int64_t *const *inputs, int64_t *const *values, size_t samples) {
    for (size_t s = 0; s < samples; s++) run(inputs[0] + 2 * s, values[0] + 2 * s, values[1] + 2 * s);
    return 0;
}
#endif
"""


def tiny_network(bits: int = 8) -> Network:
    x = Value("x", (2,), FixedType(True, bits, 0))
    weight = SparseTensor.from_dense(np.array([[1, -2], [3, 1]]), FixedType(True, 3, 0))
    total = Value("total", (2,), FixedType(True, bits + 3, 0))
    y = Value("y", (2,), FixedType(True, 4, -1))
    layers = (
        Dense("dense", "x", total, weight, np.array([0, 5])),
        Requantize("halve", "total", y, Rounding.RND_CONV, Overflow.SAT),
    )
    return check_network(Network("tiny", (Input(x, None),), layers, ("y",)))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return written(tmp_path / "project", tiny_network(), SOURCE)


def written(folder: Path, network: Network, source: str) -> Path:
    files = {"network.json": network_to_json(network), "tiny_bridge.cpp": source}
    document = {
        "hwgen": "0",
        "format": 1,
        "sources": ["tiny_bridge.cpp"],
        "include": "firmware/ap_types",
        "files": {path: hashlib.sha256(text.encode()).hexdigest() for path, text in files.items()},
    }
    folder.mkdir()
    for path, text in {**files, "project.json": json.dumps(document)}.items():
        (folder / path).write_text(text)
    return folder


def edit(folder: Path, path: str, old: str, new: str) -> None:
    text = (folder / path).read_text()
    assert old in text
    (folder / path).write_text(text.replace(old, new, 1))


def test_a_project_that_computes_its_network_is_equal(cxx: str, project: Path) -> None:
    report = verify_project(project, samples=500, compiler=cxx)
    assert report.equal
    assert report.exit_code == 0
    assert (report.samples, report.codes, report.mismatches) == (500, 1000, 0)
    assert report.mismatch is None
    assert report.changes == ()
    assert report.compiler == find_compiler(cxx).version
    assert report.summary().startswith("tiny: equal. 500 samples, 1000 output codes, every bit")


def test_ties_and_saturation_of_the_small_project_are_all_exercised(cxx: str, project: Path) -> None:
    (halve,) = verify_project(project, samples=500, compiler=cxx).coverage
    assert (halve.layer, halve.kind) == ("halve", "Requantize")
    assert halve.ties.hit == halve.ties.possible == 8
    assert halve.edges.hit == halve.edges.possible == 8
    assert halve.ends.hit == halve.ends.possible == 4


def test_a_network_with_few_possible_inputs_is_proven(cxx: str, tmp_path: Path) -> None:
    report = verify_project(written(tmp_path / "p", tiny_network(4), SOURCE), samples=256, compiler=cxx)
    assert [(group.kind, group.samples) for group in report.groups] == [(VectorKind.EVERY, 256)]
    assert "256 samples, every input there is" in report.summary()


def test_given_inputs_come_first(cxx: str, project: Path) -> None:
    edit(project, "tiny_bridge.cpp", "sum[0] = x[0]", "sum[0] = (x[0] == 7 && x[1] == -3) + x[0]")
    given = np.array([[7, -3]], dtype=np.int64)
    assert verify_project(project, samples=20, compiler=cxx).equal
    report = verify_project(project, samples=20, inputs=given, compiler=cxx)
    assert report.mismatch is not None
    assert (report.mismatch.sample, report.mismatch.vector_kind) == (0, VectorKind.GIVEN)
    only = verify_project(project, samples=0, inputs=given, compiler=cxx)
    assert (only.samples, only.mismatches) == (1, 1)


def test_a_mismatch_names_the_first_layer_index_and_bits(cxx: str, project: Path) -> None:
    edit(project, "tiny_bridge.cpp", "+ 5", "+ (x[0] == 1 ? 7 : 5)")
    report = verify_project(project, samples=0, inputs=np.array([[0, 0], [1, 2]]), compiler=cxx)
    assert not report.equal
    assert report.exit_code == 1
    assert (report.codes, report.mismatches, report.mismatched_samples) == (4, 1, 1)
    assert str(report.mismatch) == (
        "layer 'dense' (Dense) is the first that differs: sample 1 (given), total[1], a fixed<11,11>: code 5 (5.0) was "
        "expected, 7 (7.0) came.\n"
        "expected  00000000101\n"
        "got       00000000111\n"
        "                   ^  1 of 11 bits differs\n"
        "dense  Dense       1 of 2 codes differ\n"
        "halve  Requantize  1 of 2 codes differ"
    )


def test_a_difference_that_the_outputs_hide_is_none(cxx: str, project: Path) -> None:
    # The sum is wrong and the saturated output is not: equality is about outputs.
    edit(project, "tiny_bridge.cpp", "3 * x[1];", "3 * x[1] + (x[0] > 100 && x[1] > 100);")
    assert verify_project(project, samples=300, compiler=cxx).equal


def test_a_difference_behind_the_layers_is_told_as_such(cxx: str, project: Path) -> None:
    edit(project, "tiny_bridge.cpp", "    return 0;\n}\n#ifdef", "    outputs[0][3] ^= 1;\n    return 0;\n}\n#ifdef")
    mismatch = verify_project(project, samples=50, compiler=cxx).mismatch
    assert mismatch is not None
    assert (mismatch.layer, mismatch.value, mismatch.sample, mismatch.index) == ("halve", "y", 1, (1,))
    assert mismatch.expected ^ mismatch.got == 1
    assert "every layer agrees in these samples" in mismatch.note


def test_without_a_trace_the_output_is_named(cxx: str, project: Path) -> None:
    edit(project, "tiny_bridge.cpp", "+ 5", "+ 9")
    edit(project, "tiny_bridge.cpp", "int hwgen_trace", "int no_trace")
    mismatch = verify_project(project, samples=50, compiler=cxx).mismatch
    assert mismatch is not None
    assert mismatch.value == "y"
    assert "The layers could not be compared: the compiled project has no function 'hwgen_trace'" in mismatch.note


def test_an_output_that_is_not_written_is_no_equality(cxx: str, project: Path) -> None:
    edit(project, "tiny_bridge.cpp", "y[i] = halved(sum[i])", "if (i) y[i] = halved(sum[i])")
    mismatch = verify_project(project, samples=50, compiler=cxx).mismatch
    assert mismatch is not None
    assert mismatch.got is None
    assert "nothing was written" in mismatch.sentence()


def test_edited_sources_are_verified_and_named(cxx: str, project: Path) -> None:
    edit(project, "tiny_bridge.cpp", "static void run", "/* mine */ static void run")
    report = verify_project(project, samples=50, compiler=cxx)
    assert report.equal
    assert report.changes == (FileChange("tiny_bridge.cpp", Change.EDITED),)
    assert "the verdict is on them as they are: tiny_bridge.cpp (edited)." in report.summary()


def test_an_edited_network_is_named(cxx: str, project: Path) -> None:
    edit(project, "network.json", '"bias":[0,5]', '"bias":[0,6]')
    report = verify_project(project, samples=50, compiler=cxx)
    assert not report.equal
    assert report.changes == (FileChange("network.json", Change.EDITED),)


def test_verify_json_is_the_same_each_time_and_tells_no_paths(cxx: str, project: Path, tmp_path: Path) -> None:
    edit(project, "tiny_bridge.cpp", "+ 5", "+ 7")
    files = []
    for cache in (True, False):
        path = verify_project(project, samples=200, seed=3, compiler=cxx, cache=cache).write_report(project)
        assert path == project / "verify.json"
        files.append(path.read_text())
        path.unlink()
    assert files[0] == files[1]
    assert str(tmp_path) not in files[0]
    document = json.loads(files[0])
    assert document["mismatch"]["layer"] == "dense"
    assert "timing" not in document
    assert [path.name for path in project.iterdir() if path.name.startswith(".")] == []


def test_equal_reports_compare_equal_whatever_the_time(cxx: str, project: Path) -> None:
    assert verify_project(project, samples=50, compiler=cxx) == verify_project(project, samples=50, compiler=cxx)


def test_a_second_run_finds_the_library_in_the_cache(cxx: str, project: Path) -> None:
    edit(project, "tiny_bridge.cpp", "static void run", "/* only here */ static void run")
    timings = [verify_project(project, samples=50, compiler=cxx).timing for _ in range(2)]
    assert [timing.from_cache for timing in timings] == [False, True]


def test_a_crash_is_an_error_with_exit_code_3(cxx: str, project: Path) -> None:
    edit(project, "tiny_bridge.cpp", "sum[0] = x[0]", "*(volatile int *)8 = 1; sum[0] = x[0]")
    with pytest.raises(ToolFailedError, match="the compiled project crashed: hwgen_run was ended by SIGSEGV") as caught:
        verify_project(project, samples=50, compiler=cxx)
    assert caught.value.exit_code == 3


def test_broken_sources_are_an_error_with_the_compilers_words(cxx: str, project: Path) -> None:
    edit(project, "tiny_bridge.cpp", "sum[0] = x[0]", "sum[0] = undeclared[0]")
    with pytest.raises(ToolFailedError, match=r"tiny_bridge\.cpp:9:\d+: error: .*undeclared"):
        verify_project(project, samples=50, compiler=cxx)


def test_no_compiler_is_an_error_that_says_what_to_install(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ToolMissingError, match=r"apt install g\+\+") as caught:
        verify_project(project)
    assert caught.value.exit_code == 3


def test_inputs_that_do_not_fit_are_refused_before_compiling(cxx: str, project: Path) -> None:
    edit(project, "tiny_bridge.cpp", "static void run", "this does not compile")
    with pytest.raises(InputError, match=r"input 'x': int64 codes of shape \(samples, 2\) were expected, got float64"):
        verify_project(project, inputs=np.zeros((3, 2)), compiler=cxx)
    with pytest.raises(InputError, match="input 'x': codes from 0 to 128 do not fit its type fixed<8,8>"):
        verify_project(project, inputs=np.array([[0, 128]]), compiler=cxx)


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"project\.json is missing, so this is no hwgen project"):
        verify_project(tmp_path)
    with pytest.raises(ProjectError, match="where there is no folder"):
        verify_project(tmp_path / "nowhere")


def test_many_projects_keep_their_order_and_their_errors(cxx: str, tmp_path: Path) -> None:
    folders = [written(tmp_path / f"p{k}", tiny_network(), SOURCE) for k in range(3)]
    edit(folders[0], "tiny_bridge.cpp", "+ 5", "+ 7")
    edit(folders[1], "tiny_bridge.cpp", "sum[0]", "nonsense")
    told: list[tuple[str, int, int]] = []
    options = BatchOptions(samples=50, compiler=cxx, jobs=2, progress=lambda *news: told.append(news))
    wrong, broken, right = verify_many(folders, options)
    assert isinstance(wrong, VerifyReport)
    assert not wrong.equal
    assert isinstance(broken, ToolFailedError)
    assert isinstance(right, VerifyReport)
    assert right.equal
    assert [news[1:] for news in told] == [(1, 3), (2, 3), (3, 3)]


# ---- generated projects


def generated_network(seed: int = 0) -> Network:
    """Six inputs, two layers of sums; the first is rounded to nearest even and saturated, the second goes by steps."""
    generator = np.random.default_rng(seed)
    x = Value("x", (6,), FixedType(True, 6, 4))
    weights = [generator.integers(-13, 14, size=shape) for shape in ((6, 4), (4, 3))]
    weights = [np.where(np.abs(weight) < 4, 5, weight) for weight in weights]
    kind = FixedType(True, 5, 3)
    thresholds = np.sort(generator.integers(-300, 300, size=(3, 6)), axis=1) * 2 + np.arange(6)
    layers = (
        Dense(
            "dense1", "x", Value("a", (4,), FixedType(True, 14, 7)), _sparse(weights[0], kind), np.array([3, -7, 0, 9])
        ),
        Requantize("round1", "a", Value("b", (4,), FixedType(True, 6, 3)), Rounding.RND_CONV, Overflow.SAT),
        Dense("dense2", "b", Value("c", (3,), FixedType(True, 14, 6)), _sparse(weights[1], kind), np.array([0, 1, -1])),
        StepFunction(
            "steps2", "c", Value("y", (3,), FixedType(False, 3, 0)), thresholds, np.tile(np.arange(7), (3, 1)), "a test"
        ),
    )
    return check_network(Network("made", (Input(x, None),), layers, ("y",)))


def _sparse(dense: np.ndarray, kind: FixedType) -> SparseTensor:
    return SparseTensor.from_dense(dense, kind)


@pytest.fixture
def made(cxx: str, tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    hls_project(generated_network(), strategy=Strategy.MULTIPLIERS, part="xcvu13p", clock_ns=5.0).write(folder)
    compiler = find_compiler(cxx)
    tree = simulation_tree(open_project(folder).tree, pristine=False, traced=False)
    ap_types_prelude(Cache.of_user().headers, tree.ap_types_headers(), compiler, compile_flags(compiler)).options()
    return folder


def test_a_generated_project_is_equal_with_faster_and_original_headers(cxx: str, made: Path) -> None:
    reports = [verify_project(made, samples=300, compiler=cxx, pristine=pristine) for pristine in (False, True)]
    assert [report.equal for report in reports] == [True, True]
    assert [report.changes for report in reports] == [(), ()]
    assert "original ap_types headers" in reports[1].summary()


def change_number(text: str) -> str:
    """The first weight of the second layer, one more or one less, without leaving its type or becoming zero."""
    found = re.search(r"dense2_n0\(const(?:.|\n)*?\((-?)(\d+)\) \* x\[", text)
    assert found is not None
    number = int(found[2])
    other = number - 1 if number > 1 else number + 1
    return text[: found.start(2)] + str(other) + text[found.end(2) :]


def change_threshold(text: str) -> str:
    """The first threshold, one more."""
    found = re.search(r"threshold\w*(?:\[\d+\])+ = \{\s*\{?(-?\d+)", text)
    assert found is not None
    return text[: found.start(1)] + str(int(found[1]) + 1) + text[found.end(1) :]


MUTATIONS = {
    "weight": ("firmware/made.cpp", change_number, "dense2"),
    "rounding": ("firmware/defines.h", lambda text: text.replace("AP_RND_CONV", "AP_RND"), "round1"),
    "overflow": ("firmware/defines.h", lambda text: text.replace("AP_SAT", "AP_WRAP"), "round1"),
    "width": ("firmware/defines.h", lambda text: re.sub(r"ap_int<\d+> a_code_t", "ap_int<9> a_code_t", text), "dense1"),
    "threshold": ("firmware/weights/steps2.h", change_threshold, "steps2"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_one_wrong_thing_in_the_sources_is_found_in_its_layer(cxx: str, made: Path, mutation: str) -> None:
    path, change, layer = MUTATIONS[mutation]
    mutate(made / path, change)
    report = verify_project(made, samples=300, compiler=cxx)
    assert not report.equal
    assert report.mismatch is not None
    assert report.mismatch.layer == layer
    equal_before = [entry.differing == 0 for entry in report.mismatch.layers]
    assert equal_before.index(False) == [entry.layer for entry in report.mismatch.layers].index(layer)
    assert report.changes == (FileChange(path, Change.EDITED),)


def mutate(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    after = change(before)
    assert after != before
    path.write_text(after)


def test_random_networks_are_verified_without_being_written(cxx: str) -> None:
    networks = [generated_network(seed) for seed in range(2)]
    reports = verify_networks(networks, Strategy.ADDERS, BatchOptions(samples=100, compiler=cxx, cache=True))
    assert [isinstance(report, VerifyReport) and report.equal for report in reports] == [True, True]
