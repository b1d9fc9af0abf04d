"""The network as hardware: every code is right, is the one that was frozen, and it takes no more than it may."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUDGET = {"hls": {"adders": 500, "weights": 300}, "rtl": {"adders": 400, "latency_ns": 60}}


@pytest.fixture(params=["hls", "rtl"])
def project(request, hwgen_network, hwgen_project):
    model = hwgen_network(ROOT / "models" / "digits.h5", input_type="ufixed<5,1>")
    return hwgen_project(model, target=request.param)


def test_every_code_is_right(project, assert_bit_exact):
    assert_bit_exact(project)


def test_nothing_changed_since_it_was_frozen(project, request, assert_bit_exact):
    kind = request.node.callspec.params["project"]
    assert_bit_exact(project, golden=ROOT / "golden" / f"digits_{kind}", tolerance_percent=5)


def test_it_fits_the_budget(project, request, assert_within_budget):
    assert_within_budget(project, **BUDGET[request.node.callspec.params["project"]])
