"""hwgen turns a pruned, quantized neural network into an FPGA datapath and proves that the two are equal.

``TrainResult`` is fetched on first use: only training is worth what importing it takes.
"""

from typing import TYPE_CHECKING, Any

from hwgen.api import (
    BuildResult,
    CheckReport,
    Comparison,
    EmulatedModel,
    Estimate,
    Inspection,
    Model,
    Strategy,
    VerifyReport,
    build,
    check,
    compare_designs,
    emulate,
    estimated,
    golden,
    inspect,
    load,
    mapped,
    profile,
    sweep,
    train,
    verify,
)
from hwgen.circuit import solve
from hwgen.errors import HwgenError
from hwgen.hls4ml_backend import hls4ml_config_from_keras, hls4ml_from_keras

if TYPE_CHECKING:
    from hwgen.training import TrainResult

__all__ = [
    "BuildResult",
    "CheckReport",
    "Comparison",
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
    "compare_designs",
    "emulate",
    "estimated",
    "golden",
    "hls4ml_config_from_keras",
    "hls4ml_from_keras",
    "inspect",
    "load",
    "mapped",
    "profile",
    "solve",
    "sweep",
    "train",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name == "TrainResult":
        from hwgen.training import TrainResult

        return TrainResult
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
