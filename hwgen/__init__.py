"""hwgen turns a pruned, quantized neural network into an FPGA datapath and proves that the two are equal."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwgen.api import (
        BuildResult,
        CheckReport,
        Inspection,
        Model,
        Strategy,
        TrainResult,
        VerifyReport,
        build,
        check,
        golden,
        inspect,
        load,
        train,
        verify,
    )
    from hwgen.errors import HwgenError
    from hwgen.hls4ml_backend import hls4ml_config_from_keras, hls4ml_from_keras

__all__ = [
    "BuildResult",
    "CheckReport",
    "HwgenError",
    "Inspection",
    "Model",
    "Strategy",
    "TrainResult",
    "VerifyReport",
    "build",
    "check",
    "golden",
    "hls4ml_config_from_keras",
    "hls4ml_from_keras",
    "inspect",
    "load",
    "train",
    "verify",
]

_ELSEWHERE = {
    "HwgenError": "hwgen.errors",
    "hls4ml_config_from_keras": "hwgen.hls4ml_backend",
    "hls4ml_from_keras": "hwgen.hls4ml_backend",
}


def __getattr__(name: str) -> Any:
    """What ``__all__`` names, imported at first use: pytest and hls4ml import this package only to find a plugin."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_ELSEWHERE.get(name, "hwgen.api")), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
