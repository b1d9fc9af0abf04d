"""What ``hwgen golden`` freezes, ``hwgen check`` finds: changed codes by layer, figures that grew, damaged folders."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from oracle.example_network import example_network

import hwgen
from hwgen import api
from hwgen.api import Model
from hwgen.errors import InputError, ProjectError
from hwgen.fixed import FixedType
from hwgen.ir import Conv, Dense, Network, SparseTensor, check_network
from hwgen.reference import trace
from hwgen.regression import built_project, compare, freeze, read_golden, write_golden
from hwgen.regression import golden as golden_module
from hwgen.regression.golden import _narrow, digests
from hwgen.verify import make_vectors


def changed(network: Network, layer: str, entry: int, code: int) -> Network:
    """The network with another weight in one layer."""
    layers = []
    for each in network.layers:
        if each.name == layer:
            assert isinstance(each, Dense | Conv)
            weights = each.weight.dense()
            weights.flat[entry] = code
            each = replace(each, weight=SparseTensor.from_dense(weights, each.weight.type))
        layers.append(each)
    return check_network(replace(network, layers=tuple(layers)))


def built(network: Network, folder: Path, **options: str) -> Path:
    hwgen.build(Model(network), folder, overwrite=True, **options)  # type: ignore[arg-type]
    return folder


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """A project, and beside it what was frozen of it; it was not compiled."""
    project = built(example_network(), tmp_path / "project", strategy="adders")
    opened = built_project(project)
    write_golden(freeze(opened, make_vectors(opened.network, 60, 0, None).inputs), tmp_path / "project.golden")
    return project


def test_what_did_not_change_passes(frozen: Path) -> None:
    report = hwgen.check(frozen, run=False)
    assert report.passed
    assert report.exit_code == 0
    assert (
        report.summary()
        == "example: unchanged. " + f"{report.samples} frozen samples, {report.codes} output codes, every bit."
    )
    assert report.samples >= 60
    assert report.codes == report.samples * (2 + 3 + 6 * 5)


def test_a_changed_weight_is_found_in_its_layer(frozen: Path) -> None:
    before = example_network()
    after = changed(before, "dense", 0, 4)
    built(after, frozen, strategy="adders")
    report = hwgen.check(frozen, run=False)
    inputs = read_golden(frozen.with_name("project.golden")).input_codes
    one, other = (trace(network, inputs) for network in (before, after))
    scores, classes = (one[name] != other[name] for name in ("scores", "classes"))
    assert not report.passed
    assert report.changed_codes == int(classes.sum()) > 0
    in_samples = [np.flatnonzero(codes.any(axis=1)) for codes in (scores, classes)]
    assert [(each.layer, each.samples, each.first) for each in report.layers] == [
        (name, samples.size, samples[0]) for name, samples in zip(("scores", "classes"), in_samples, strict=True)
    ]
    assert report.summary().splitlines()[1] == (
        f"The first layer that changed is 'scores': in {in_samples[0].size} of {report.samples} samples, first in "
        f"sample {in_samples[0][0]}; after it 'classes'."
    )


def test_a_change_is_followed_through_later_layers(frozen: Path) -> None:
    built(changed(example_network(), "conv", 0, 3), frozen, strategy="adders")
    report = hwgen.check(frozen, run=False)
    assert report.layers[0].layer == "sums"
    assert "; after it 'narrowed', 'positive'" in report.summary()


def test_a_figure_that_grew_is_named_with_its_layer(frozen: Path) -> None:
    built(changed(example_network(), "dense", 2, 7), frozen, strategy="adders")
    report = hwgen.check(frozen, run=False)
    grown = {(each.layer, each.figure): (each.frozen, each.now) for each in report.resources}
    assert not report.within_tolerance
    assert grown["dense", "weights"] == (4, 5)
    assert "layer 'dense': weights that are left: 4 frozen, 5 now: more than the tolerance." in report.summary()
    assert "the design: weights that are left:" in report.summary()
    assert hwgen.check(frozen, run=False, tolerance_percent=200).within_tolerance


def test_a_figure_that_shrank_is_told_and_passes(frozen: Path) -> None:
    built(changed(example_network(), "dense", 0, 0), frozen, strategy="adders")
    report = hwgen.check(frozen, run=False)
    assert report.within_tolerance
    assert not report.passed  # its codes changed
    assert "layer 'dense': weights that are left: 4 frozen, 3 now." in report.summary()


def test_codes_of_another_type_mean_something_else(frozen: Path) -> None:
    network = example_network()
    image, vector = network.inputs
    coarser = replace(vector, value=replace(vector.value, type=FixedType(True, 6, 3)), quantizer=None)
    layers = tuple(
        replace(layer, output=replace(layer.output, type=FixedType(False, 5, 3)))
        if layer.inputs == ("vector",)
        else layer
        for layer in network.layers
    )
    built(check_network(replace(network, inputs=(image, coarser), layers=layers)), frozen)
    report = hwgen.check(frozen, run=True)  # nothing that could be run
    assert not report.passed
    assert report.ports[0] == (
        "The inputs were image of 6x5x1 ufixed<4,0>, vector of 3 fixed<6,4>, and are image of 6x5x1 ufixed<4,0>, "
        "vector of 3 fixed<6,3>: the frozen codes mean something else; freeze again if that is right."
    )


def test_figures_of_cpp_and_verilog_are_not_compared(frozen: Path) -> None:
    project = frozen.with_name("verilog")
    built(example_network(), project, target="rtl", io="parallel")
    report = hwgen.check(project, frozen.with_name("project.golden"), run=False)
    assert report.passed
    assert report.resources == ()
    assert report.summary().endswith(
        "Codes were compared only: figures of C++ and of Verilog are not of the same things."
    )


def test_a_folder_reads_as_it_was_written_and_is_the_same_every_time(frozen: Path, tmp_path: Path) -> None:
    folder = frozen.with_name("project.golden")
    kept = read_golden(folder)
    write_golden(kept, tmp_path / "again")
    for name in ("golden.json", "vectors.npz"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert kept.figures == built_project(frozen).figures
    assert compare(kept, built_project(frozen), None).passed


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda text: text[:-20], "JSONDecodeError"),
        (lambda text: text.replace('"format": 1', '"format": 9'), "ValueError: format 1 was expected, got 9"),
        (lambda text: text.replace('"samples"', '"sample"'), "KeyError: 'samples'"),
        (lambda text: text.replace('"weights"', '"wheels"'), "ValueError: figure 'wheels' is unknown"),
    ],
)
def test_a_damaged_folder_is_refused(frozen: Path, damage, why: str) -> None:  # type: ignore[no-untyped-def]
    path = frozen.with_name("project.golden") / "golden.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(ProjectError) as refused:
        hwgen.check(frozen, run=False)
    start, end = f"golden folder {str(path.parent)!r} is damaged ({why}", "); freeze it again with 'hwgen golden'."
    assert str(refused.value).startswith(start)
    assert str(refused.value).endswith(end)


def test_an_interrupted_freeze_is_refused(frozen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = frozen.with_name("project.golden")
    opened = built_project(frozen)
    replace_file = golden_module._replace

    def interrupted(target: Path, content: bytes) -> None:
        if target.name == "golden.json":
            raise KeyboardInterrupt
        replace_file(target, content)

    monkeypatch.setattr(golden_module, "_replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_golden(freeze(opened, make_vectors(opened.network, 5, 1, None).inputs), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["golden.json", "vectors.npz"]
    with pytest.raises(ProjectError) as refused:
        read_golden(folder)
    assert str(refused.value) == (
        f"golden folder {str(folder)!r} is damaged (ValueError: vectors.npz is of another freeze); freeze it again "
        f"with 'hwgen golden'."
    )


def test_a_missing_folder_says_how_to_make_one(frozen: Path) -> None:
    folder = frozen.with_name("project.golden")
    shutil.rmtree(folder)
    with pytest.raises(ProjectError) as refused:
        hwgen.check(frozen, run=False)
    assert str(refused.value) == (
        f"a golden folder with golden.json and vectors.npz was expected at {str(folder)!r} (No such file or directory: "
        f"golden.json); freeze one with 'hwgen golden'."
    )


def test_a_folder_that_cannot_be_written_is_said(frozen: Path) -> None:
    kept = read_golden(frozen.with_name("project.golden"))
    with pytest.raises(ProjectError) as refused:
        write_golden(kept, frozen / "project.json")
    taken = frozen / "project.json"
    assert str(refused.value) == (
        f"golden folder {str(taken)!r} cannot be written: [Errno 17] File exists: {str(taken)!r}."
    )


def test_a_project_whose_description_is_damaged_is_refused(frozen: Path) -> None:
    path = frozen / "project.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"strategy": "magic"}))
    with pytest.raises(ProjectError) as refused:
        hwgen.check(frozen, run=False)
    assert str(refused.value) == (
        f"project {str(frozen)!r}: project.json is damaged (ValueError: 'magic' is not a valid Strategy); "
        f"build the project again."
    )


def test_a_tolerance_is_not_negative(frozen: Path) -> None:
    with pytest.raises(InputError) as refused:
        api.check(frozen, tolerance_percent=-1, run=False)
    assert str(refused.value) == "a tolerance is 0 percent or more, got -1."


CODES = arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 3)), elements=st.integers(-(2**63), 2**63 - 1))


@given(CODES)
def test_codes_are_kept_in_a_narrow_type_without_loss(codes: np.ndarray) -> None:
    kept = _narrow(codes)
    assert kept.dtype.kind in "iu"
    assert (kept.astype(np.int64) == codes).all()


@given(CODES, st.data())
def test_a_digest_changes_with_any_code_of_its_sample(codes: np.ndarray, data: st.DataObject) -> None:
    other = codes.copy()
    sample, index = (data.draw(st.integers(0, size - 1)) for size in codes.shape)
    other[sample, index] ^= 1 << data.draw(st.integers(0, 62))
    assert np.flatnonzero(digests(codes) != digests(other)).tolist() == [sample]
