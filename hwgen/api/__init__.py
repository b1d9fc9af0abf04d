"""The steps of hwgen as plain functions, and the loaded model that they share."""

from hwgen.api.building import (
    DEFAULT_ADDERS_PER_STAGE,
    DEFAULT_CLOCK_NS,
    DEFAULT_FPGA,
    DEFAULT_PART,
    BuildResult,
    BuildTarget,
    build,
)
from hwgen.api.comparing import compare_designs, profile, sweep
from hwgen.api.freezing import DEFAULT_GOLDEN_SAMPLES, check, golden
from hwgen.api.loading import emulate, inspect, load
from hwgen.api.measuring import DEFAULT_FAMILY, Estimate, estimated, mapped
from hwgen.api.models import EmulatedModel, Model, PredictionEngine
from hwgen.api.training import train
from hwgen.api.verifying import DEFAULT_TRAFFIC_PERCENT, SimulationEngine, verify
from hwgen.circuit import ClockPlan, Interface, Optimize
from hwgen.compare import Comparison, ValueProfile
from hwgen.emit import Strategy
from hwgen.emulator import EmulatorEngine
from hwgen.frontend import Inspection
from hwgen.mapping import MappedProject
from hwgen.regression import CheckReport, Golden
from hwgen.verify import VerifyReport

__all__ = [
    "DEFAULT_ADDERS_PER_STAGE",
    "DEFAULT_CLOCK_NS",
    "DEFAULT_FAMILY",
    "DEFAULT_FPGA",
    "DEFAULT_GOLDEN_SAMPLES",
    "DEFAULT_PART",
    "DEFAULT_TRAFFIC_PERCENT",
    "BuildResult",
    "BuildTarget",
    "CheckReport",
    "ClockPlan",
    "Comparison",
    "EmulatedModel",
    "EmulatorEngine",
    "Estimate",
    "Golden",
    "Inspection",
    "Interface",
    "MappedProject",
    "Model",
    "Optimize",
    "PredictionEngine",
    "SimulationEngine",
    "Strategy",
    "ValueProfile",
    "VerifyReport",
    "build",
    "check",
    "compare_designs",
    "emulate",
    "estimated",
    "golden",
    "inspect",
    "load",
    "mapped",
    "profile",
    "sweep",
    "train",
    "verify",
]
