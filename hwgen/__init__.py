"""hwgen turns a pruned, quantized neural network into an FPGA datapath and proves that the two are equal."""

from hwgen.api import (
    BuildResult,
    CheckReport,
    Comparison,
    EmulatedModel,
    Inspection,
    Model,
    Strategy,
    TrainResult,
    VerifyReport,
    build,
    check,
    compare_designs,
    emulate,
    golden,
    inspect,
    load,
    mapped,
    sweep,
    train,
    verify,
)
from hwgen.circuit import solve
from hwgen.errors import HwgenError
from hwgen.hls4ml_backend import hls4ml_config_from_keras, hls4ml_from_keras

__all__ = [
    "BuildResult",
    "CheckReport",
    "Comparison",
    "EmulatedModel",
    "HwgenError",
    "Inspection",
    "Model",
    "Strategy",
    "TrainResult",
    "VerifyReport",
    "build",
    "check",
    "compare_designs",
    "emulate",
    "golden",
    "hls4ml_config_from_keras",
    "hls4ml_from_keras",
    "inspect",
    "load",
    "mapped",
    "solve",
    "sweep",
    "train",
    "verify",
]
