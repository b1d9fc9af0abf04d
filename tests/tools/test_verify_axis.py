"""``hwgen verify --axis``: codes and protocol of the AXI4-Stream wrapper; one wrong thing is named."""

import json
from pathlib import Path

import pytest
from oracle.mutant_campaign import Case, axis_case
from oracle.mutant_networks import mutant_network

from hwgen import api
from hwgen.errors import ToolFailedError
from hwgen.verify.axis import AxisReport, verify_opened_axis
from hwgen.verify.rtl_engine import RtlEngine
from hwgen.verify.rtl_project import rtl_project_from_files

SLICE = "rtl/lib/hwgen_register_slice.v"
WRAPPER = "rtl/net_axis.v"


@pytest.fixture(scope="module")
def case() -> Case:
    """Two branches of a stream, a sample of several beats out."""
    return axis_case(3)


@pytest.fixture(scope="module")
def dense() -> Case:
    """A sample a beat, and a beat in every cycle."""
    return axis_case(0)


def verified(engine: RtlEngine, files: dict[str, bytes]) -> AxisReport:
    return verify_opened_axis(rtl_project_from_files(files, "a test"), engine, samples=200)


def test_a_stream_and_a_sample_a_beat_give_every_code_by_the_rules(engine: RtlEngine, case: Case, dense: Case) -> None:
    for each in (case, dense):
        report = verified(engine, each.files)
        assert report.equal, report.summary()
        assert report.simulated_latency == (each.latency_cycles + 1,)
        assert set(dict(report.faults).values()) == {0}
        assert "Driven through net_axis, AXI4-Stream with back-pressure: the protocol was kept." in report.summary()


@pytest.mark.parametrize(
    ("path", "old", "new", "fault"),
    [
        (WRAPPER, "m_axis_tlast = beat == 2'd3", "m_axis_tlast = beat == 2'd2", "beats with a wrong m_axis_tlast"),
        pytest.param(WRAPPER, "s_axis_tready = ce", "s_axis_tready = 1'b1", None, id="taken though it stands"),
        pytest.param(SLICE, "in_valid || spare_valid", "in_valid", None, id="spare forgotten"),
        (SLICE, "in_ready = !spare_valid", "in_ready = !out_valid", "cycles not ready though the receiver always was"),
        (
            SLICE,
            "out_valid <= 1'b0;\n            spare",
            "spare",
            "cycles of reset with m_axis_tvalid high",
        ),
        (
            SLICE,
            "if (out_ready || !out_valid) out_data",
            "out_data",
            "beats changed before the receiver was ready",
        ),
    ],
)
def test_a_fault_of_the_wrapper_is_named(
    engine: RtlEngine, case: Case, dense: Case, path: str, old: str, new: str, fault: str | None
) -> None:
    driven = dense if path == SLICE else case
    text = driven.files[path].decode()
    assert text.count(old) == 1
    report = verified(engine, {**driven.files, path: text.replace(old, new).encode()})
    assert not report.equal
    if fault is None:
        assert report.mismatch is not None
        assert report.mismatch.signal == "net_axis.m_axis_tdata"
        assert "without --axis" in report.mismatch.note
    else:
        assert dict(report.faults)[fault] > 0
        assert f"{dict(report.faults)[fault]:,} {fault}" in report.summary()
        assert "the protocol is broken." in report.summary()


def test_an_output_of_too_few_bits_is_refused(engine: RtlEngine, case: Case) -> None:
    """The bits above it are driven by nothing: what they are, Verilog does not say."""
    text = case.files[WRAPPER].decode()
    assert text.count(".WIDTH(16)") == 1
    with pytest.raises(ToolFailedError, match=r"Output port connection 'out_data' expects 15 bits.* generates 16 bits"):
        verified(engine, {**case.files, WRAPPER: text.replace(".WIDTH(16)", ".WIDTH(15)").encode()})


@pytest.mark.usefixtures("engine")
def test_the_report_lies_beside_that_on_the_module(tmp_path: Path) -> None:
    api.build(api.Model(mutant_network(0)), tmp_path / "net", target="rtl")
    report = api.verify(tmp_path / "net", samples=50, axis=True)
    assert report.equal
    assert not (tmp_path / "net/verify.json").exists()
    document = json.loads((tmp_path / "net/verify_axis.json").read_text())
    assert document["module"] == "net_axis"
    assert document["equal"] is True
    assert set(document["faults"].values()) == {0}
