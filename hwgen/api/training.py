"""``train``: from a configuration to a trained model."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hwgen.api.arguments import checked

if TYPE_CHECKING:
    from hwgen.training import TrainProgress, TrainResult


@checked
def train(config: str | Path, progress: "Callable[[TrainProgress], None] | None" = None) -> "TrainResult":
    """Train, quantize and prune as a TOML file says; needs the ``train`` extra.

    Raises:
        ConfigError: an unknown key or a value out of range, named.
        ToolMissingError: TensorFlow and QKeras are not installed.
    """
    from hwgen import training  # a fifth of a second that only training is worth

    return training.train(training.load_config(Path(config)), progress)
