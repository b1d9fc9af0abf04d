"""hwgen turns a pruned, quantized neural network into an FPGA datapath and proves that the two are equal."""

from hwgen.api import (
    BuildResult,
    CheckReport,
    EmulatedModel,
    Estimate,
    Inspection,
    Model,
    Strategy,
    TrainResult,
    VerifyReport,
    build,
    check,
    emulate,
    estimated,
    golden,
    inspect,
    load,
    mapped,
    train,
    verify,
)
from hwgen.circuit import solve
from hwgen.errors import HwgenError
from hwgen.hls4ml_backend import hls4ml_config_from_keras, hls4ml_from_keras

__all__ = [
    "BuildResult",
    "CheckReport",
    "EmulatedModel",
    "Estimate",
    "HwgenError",
    "Inspection",
    "Model",
    "Strategy",
    "TrainResult",
    "VerifyReport",
    "build",
    "check",
    "emulate",
    "estimated",
    "golden",
    "hls4ml_config_from_keras",
    "hls4ml_from_keras",
    "inspect",
    "load",
    "mapped",
    "solve",
    "train",
    "verify",
]
