"""Mismatches bit by bit, reports, and reading projects from their files."""

import hashlib
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hwgen.errors import ProjectError
from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import Dense, Input, Network, Requantize, SparseTensor, Value, check_network, network_to_json
from hwgen.tools.call import UNWRITTEN
from hwgen.verify import (
    Change,
    FileChange,
    Hits,
    LayerCoverage,
    LayerDifference,
    Mismatch,
    Timing,
    VectorGroup,
    VectorKind,
    VerifyReport,
    WordCoverage,
    open_project,
    project_from_files,
)
from hwgen.verify.mismatch import first_in_outputs, first_in_trace


def network() -> Network:
    x = Value("x", (2,), FixedType(True, 4, 0))
    weight = SparseTensor.from_dense(np.array([[1], [3]]), FixedType(True, 3, 1))
    layers = (
        Dense("dense", "x", Value("total", (1,), FixedType(True, 7, 1)), weight, np.array([0])),
        Requantize("halve", "total", Value("y", (1,), FixedType(True, 4, 0)), Rounding.RND, Overflow.SAT),
    )
    return check_network(Network("net", (Input(x, None),), layers, ("y", "x")))


def mismatch(expected: int, got: int | None, kind: FixedType = FixedType(True, 6, 2)) -> Mismatch:  # noqa: B008
    layers = (LayerDifference("dense", "Dense", 0, 4), LayerDifference("q", "Requantize", 1, 4))
    return Mismatch("q", "Requantize", "y", kind, (1, 2), 7, VectorKind.CRITICAL, expected, got, layers, "")


# ---- one mismatch


def test_bits_are_twos_complement_with_differences_marked() -> None:
    assert mismatch(5, -3).bits() == ("000101", "111101", "^^^")
    assert mismatch(-32, 31).bits() == ("100000", "011111", "^^^^^^")
    assert mismatch(4, 6).bits() == ("000100", "000110", "    ^")


def test_a_code_too_wide_for_its_type_is_shown_whole() -> None:
    assert mismatch(1, 64).bits() == ("0000001", "1000000", "^     ^")
    assert mismatch(1, -33).bits() == ("0000001", "1011111", "^ ^^^^")
    assert mismatch(255, 256, FixedType(False, 8, 0)).bits() == ("011111111", "100000000", "^^^^^^^^^")


def test_the_sentence_says_where_what_and_why_the_sample() -> None:
    assert mismatch(5, -3).sentence() == (
        "layer 'q' (Requantize) is the first that differs: sample 7 (found for ties, saturation edges and thresholds), "
        "y[1, 2], a fixed<6,4>: code 5 (1.25) was expected, -3 (-0.75) came."
    )


def test_the_table_counts_bits_and_layers() -> None:
    assert mismatch(5, -3).table().splitlines() == [
        "expected  000101",
        "got       111101",
        "          ^^^  3 of 6 bits differ",
        "dense  Dense       equal",
        "q      Requantize  1 of 4 codes differ",
    ]


def test_the_first_layer_in_network_order_is_named_even_if_later_samples_differ_first() -> None:
    net = network()
    expected = {"total": np.array([[3], [4]]), "y": np.array([[2], [2]])}
    got = [np.array([[3], [6]]), np.array([[1], [3]])]
    found = first_in_trace(net, expected, got, np.array([10, 20]), [VectorKind.RANDOM] * 2)
    assert found is not None
    assert (found.layer, found.sample, found.index, found.expected, found.got) == ("dense", 20, (0,), 4, 6)
    assert [entry.differing for entry in found.layers] == [1, 2]


def test_layers_that_agree_give_no_mismatch() -> None:
    expected = {"total": np.array([[3]]), "y": np.array([[2]])}
    assert first_in_trace(network(), expected, list(expected.values()), np.array([0]), [VectorKind.ZERO]) is None


def test_the_first_sample_decides_among_outputs() -> None:
    expected = [np.zeros((3, 1), np.int64), np.zeros((3, 2), np.int64)]
    got = [np.array([[0], [0], [1]]), np.array([[0, 0], [0, 9], [0, 0]])]
    kinds = {1: VectorKind.RANDOM, 2: VectorKind.RANDOM}
    found = first_in_outputs(network(), expected, got, kinds, "no trace")
    assert (found.layer, found.kind, found.value, found.sample, found.index) == ("x", "input", "x", 1, (1,))
    assert found.sentence().startswith("output 'x', of layer 'x' (input), differs: sample 1")


def test_an_unwritten_code_is_no_number() -> None:
    expected, got = [np.zeros((1, 1), np.int64), np.zeros((1, 2), np.int64)], [np.array([[UNWRITTEN]])] * 2
    found = first_in_outputs(network(), expected, got, {0: VectorKind.ZERO}, "")
    assert found.got is None
    assert found.document()["got_bits"] is None
    assert "expected  " not in found.table()


# ---- the report


def report(wrong: Mismatch | None = None, changes: tuple[FileChange, ...] = ()) -> VerifyReport:
    return VerifyReport(
        network="net",
        equal=wrong is None,
        samples=100,
        codes=200,
        mismatches=0 if wrong is None else 3,
        mismatched_samples=0 if wrong is None else 2,
        mismatch=wrong,
        compiler="g++ 12.2.0",
        pristine=False,
        seed=0,
        groups=(VectorGroup(VectorKind.ZERO, 1), VectorGroup(VectorKind.RANDOM, 99)),
        coverage=(LayerCoverage("q", "Requantize", Hits(1, 2), Hits(3, 4), Hits(5, 6)),),
        changes=changes,
        project_sha256="00" * 32,
        timing=Timing(1.0, 2.0, 3.0, False),
    )


def test_an_equal_report_is_one_line_and_exit_code_0() -> None:
    assert report().summary() == "net: equal. 100 samples, 200 output codes, every bit (g++ 12.2.0)."
    assert report().exit_code == 0


def test_equality_on_few_samples_says_that_it_proves_little() -> None:
    one = replace(report(), samples=1)
    caution = "So few samples prove little: verify with 100 or more."
    assert one.summary() == f"net: equal. 1 sample, 200 output codes, every bit (g++ 12.2.0).\n{caution}"
    assert replace(report(), samples=99).summary().endswith(caution)
    assert caution not in report().summary()
    every = replace(one, groups=(VectorGroup(VectorKind.EVERY, 1),))
    assert every.summary() == "net: equal. 1 sample, every input there is, 200 output codes, every bit (g++ 12.2.0)."
    assert caution not in replace(report(mismatch(5, -3)), samples=1).summary()


def test_a_report_of_a_mismatch_explains_it_and_exits_with_1() -> None:
    lines = report(mismatch(5, -3)).summary().splitlines()
    assert lines[0] == "net: NOT equal. 3 of 200 output codes differ, in 2 of 100 samples (g++ 12.2.0)."
    assert lines[1].startswith("layer 'q' (Requantize) is the first that differs")
    assert report(mismatch(5, -3)).exit_code == 1


def test_a_report_names_changed_files() -> None:
    changes = (FileChange("firmware/a.cpp", Change.EDITED), FileChange("firmware/b.h", Change.MISSING))
    assert report(changes=changes).summary().splitlines()[1] == (
        "The files were changed since hwgen wrote them; the verdict is on them as they are: "
        "firmware/a.cpp (edited), firmware/b.h (missing)."
    )


def test_a_report_says_what_words_were_brought_to() -> None:
    words = WordCoverage("words of the circuit", 20, Hits(38, 40), Hits(99, 101))
    with_words = replace(report(), words=words)
    assert with_words.summary().splitlines()[1] == (
        "Of 20 words of the circuit: 38 of 40 ends of intervals reached, 99 of 101 bits both 0 and 1."
    )
    assert json.loads(with_words.to_json())["words"] == {
        "called": "words of the circuit",
        "words": 20,
        "ends": {"hit": 38, "possible": 40},
        "bits": {"hit": 99, "possible": 101},
    }


def test_json_holds_everything_but_time() -> None:
    document = json.loads(report(mismatch(5, -3), (FileChange("a.h", Change.ADDED),)).to_json())
    assert document["format"] == 1
    assert document["vectors"] == [
        {"kind": "all zero", "samples": 1},
        {"kind": "uniform over the whole range", "samples": 99},
    ]
    assert document["coverage"][0]["ties"] == {"hit": 3, "possible": 4}
    assert document["changes"] == [{"path": "a.h", "change": "added"}]
    assert document["mismatch"]["expected_bits"] == "000101"
    assert document["mismatch"]["layers"][1] == {"layer": "q", "kind": "Requantize", "differing": 1, "compared": 4}
    assert "timing" not in document
    assert set(document) == {
        *("format", "network", "equal", "samples", "codes", "mismatches", "mismatched_samples", "mismatch"),
        *("compiler", "pristine", "seed", "vectors", "coverage", "words", "step_functions", "changes"),
        "project_sha256",
    }


def test_a_report_replaces_an_older_one(tmp_path: Path) -> None:
    (tmp_path / "verify.json").write_text("older")
    report().write_report(tmp_path)
    assert json.loads((tmp_path / "verify.json").read_text())["equal"]
    assert [path.name for path in tmp_path.iterdir()] == ["verify.json"]


def test_a_report_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(**place: object) -> tuple[int, str]:
        raise OSError(30, "Read-only file system", str(place["dir"]))

    monkeypatch.setattr(tempfile, "mkstemp", read_only)
    with pytest.raises(ProjectError) as caught:
        report().write_report(tmp_path)
    assert str(caught.value) == (
        f"the report could not be written to {tmp_path / 'verify.json'}: [Errno 30] Read-only file system: "
        f"'{tmp_path}'."
    )


# ---- reading projects


def project_files(**changes: object) -> dict[str, bytes]:
    files = {
        "network.json": network_to_json(network()).encode(),
        "firmware/net.cpp": b"// one\n",
        "firmware/weights/w.h": b"// two\n",
        "net_bridge.cpp": b"// three\n",
        "README.md": b"four\n",
    }
    document: dict[str, object] = {
        "format": 1,
        "sources": ["firmware/net.cpp", "net_bridge.cpp"],
        "include": "firmware/ap_types",
        "files": {path: hashlib.sha256(content).hexdigest() for path, content in files.items()},
    }
    return {**files, "project.json": json.dumps({**document, **changes}).encode()}


def test_a_project_is_read_with_its_units_and_sources() -> None:
    project = project_from_files(project_files(), "here")
    assert project.network.name == "net"
    assert project.tree.units == ("firmware/net.cpp", "net_bridge.cpp")
    assert sorted(project.tree.files) == ["firmware/net.cpp", "firmware/weights/w.h", "net_bridge.cpp"]
    assert project.changes == ()


def test_a_folder_reads_as_its_files(tmp_path: Path) -> None:
    for path, content in project_files().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    assert open_project(tmp_path).sha256 == project_from_files(project_files(), "here").sha256


def test_only_what_belongs_to_the_project_is_read(tmp_path: Path) -> None:
    for path, content in project_files().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "net_prj").mkdir()
    (tmp_path / "net_prj" / "net.cpp").write_text("a vendor tool's copy")
    (tmp_path / "net_prj" / "unreadable").symlink_to("nowhere")
    project = open_project(tmp_path)
    assert project.changes == ()
    assert "net_prj/net.cpp" not in project.tree.files


def test_every_change_is_found() -> None:
    files = project_files()
    files["firmware/net.cpp"] += b"int x;"
    files["firmware/new.h"] = b""
    files["notes.txt"] = b"the user's own"
    del files["README.md"]
    assert project_from_files(files, "here").changes == (
        FileChange("README.md", Change.MISSING),
        FileChange("firmware/net.cpp", Change.EDITED),
        FileChange("firmware/new.h", Change.ADDED),
    )


@pytest.mark.parametrize("path", ["firmware/net.cpp", "firmware/weights/w.h", "network.json"])
def test_the_digest_covers_network_and_sources(path: str) -> None:
    changed = project_files()
    changed[path] += b" "
    assert project_from_files(changed, "here").sha256 != project_from_files(project_files(), "here").sha256


def test_the_digest_leaves_other_files_out() -> None:
    changed = {**project_files(), "README.md": b"", "verify.json": b"{}"}
    assert project_from_files(changed, "here").sha256 == project_from_files(project_files(), "here").sha256
