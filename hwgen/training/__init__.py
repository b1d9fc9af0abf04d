"""Trains quantized networks and prunes them: QKeras, with masks that act after the quantizers.

TensorFlow is imported by the first function that needs it, never by importing this package; ``PruningCallback``, which
derives from a Keras class, is fetched on first use.
"""

from typing import TYPE_CHECKING, Any

from hwgen.training.config import TrainConfig
from hwgen.training.config_file import config_text, load_config, parse_config
from hwgen.training.files import load_pruned, save_pruned
from hwgen.training.masked import apply_masks, prunable_layers, quantized_kernels, remove_masks
from hwgen.training.masks import load_masks, save_masks
from hwgen.training.plan import PruningPlan
from hwgen.training.progress import TrainProgress, progress_bars
from hwgen.training.run import LayerSummary, TrainResult, train
from hwgen.training.schedule import PolynomialSchedule
from hwgen.training.selection import Granularity, Method, Scope, importance, select_globally, select_per_layer

if TYPE_CHECKING:
    from hwgen.training.callback import PruningCallback

__all__ = [
    "Granularity",
    "LayerSummary",
    "Method",
    "PolynomialSchedule",
    "PruningCallback",
    "PruningPlan",
    "Scope",
    "TrainConfig",
    "TrainProgress",
    "TrainResult",
    "apply_masks",
    "config_text",
    "importance",
    "load_config",
    "load_masks",
    "load_pruned",
    "parse_config",
    "progress_bars",
    "prunable_layers",
    "quantized_kernels",
    "remove_masks",
    "save_masks",
    "save_pruned",
    "select_globally",
    "select_per_layer",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "PruningCallback":
        from hwgen.training.callback import PruningCallback

        return PruningCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
