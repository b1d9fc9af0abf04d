"""hwgen turns a pruned, quantized neural network into an FPGA datapath and proves that the two are equal."""

from hwgen.api import (
    BuildResult,
    Inspection,
    Model,
    Strategy,
    TrainResult,
    VerifyReport,
    build,
    inspect,
    load,
    train,
    verify,
)
from hwgen.errors import HwgenError

__all__ = [
    "BuildResult",
    "HwgenError",
    "Inspection",
    "Model",
    "Strategy",
    "TrainResult",
    "VerifyReport",
    "build",
    "inspect",
    "load",
    "train",
    "verify",
]
