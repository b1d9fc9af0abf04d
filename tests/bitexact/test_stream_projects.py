"""Projects whose values are streams: built and verified as all others, and a published network in time."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from stream_networks import residual

import hwgen
from hwgen.circuit import Interface
from hwgen.emit import Strategy, hls_project
from hwgen.verify import verify_project


def test_a_stream_is_equal_as_it_is_synthesized_and_a_wrong_weight_is_found_in_its_layer(
    tmp_path: Path, cxx: str
) -> None:
    folder = tmp_path / "project"
    network = residual()
    project = hls_project(
        network, strategy=Strategy.MULTIPLIERS, part="xcvu13p", clock_ns=5.0, interface=Interface.STREAM
    )
    project.write(folder)
    report = verify_project(folder, samples=200, compiler=cxx, pristine=True)
    assert report.equal, report.summary()

    layer = network.layers[2]
    text = project.text("firmware/residual.cpp")
    found = re.search(rf"{layer.name}_n0\(const(?:.|\n)*?\(-?(\d+)\) \* x\[", text)
    assert found is not None
    other = 1 if found[1] != "1" else 0
    (folder / "firmware" / "residual.cpp").write_text(text[: found.start(1)] + str(other) + text[found.end(1) :])
    report = verify_project(folder, samples=200, compiler=cxx)
    assert report.mismatch is not None
    assert report.mismatch.layer == layer.name
    assert [entry.differing == 0 for entry in report.mismatch.layers[:2]] == [True, True]
    assert report.mismatch.got != report.mismatch.expected


@pytest.mark.slow
def test_a_published_image_classifier_streams_and_equals_the_reference(shared: Path, tmp_path: Path, cxx: str) -> None:
    folder = shared / "models" / "cifar10_rn06"
    model = hwgen.load(folder / "rn06.h5", input_type=json.loads((folder / "golden.json").read_text())["input_type"])
    built = hwgen.build(model, tmp_path / "project")
    assert built.interface is Interface.STREAM
    recorded = np.load(folder / "golden.npz")["x"]
    noise = np.random.default_rng(0).integers(0, 256, (100 - len(recorded), *recorded.shape[1:])) / 256
    images = np.concatenate([recorded, noise])
    report = hwgen.verify(tmp_path / "project", samples=20, inputs=images, compiler=cxx)
    assert report.equal, report.summary()
    assert report.samples >= len(images) == 100
