"""TensorFlow, tf-keras and QKeras, imported once, quietly, in the one combination that QKeras 0.9.0 runs on."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # before TensorFlow is imported: qkeras needs Keras 2
# oneDNN's convolution is wrong in TensorFlow 2.21 for one input channel, strides (1, 2) and an output one column wide.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # theirs, while importing; nothing of hwgen's runs here
    import qkeras
    import tensorflow as tf
    import tf_keras as keras
    from qkeras import quantizers
    from tensorflow.python.ops import array_ops
    from tensorflow.python.util import nest
    from tensorflow_model_optimization.sparsity import keras as sparsity

# QConv2DTranspose and QGRU call functions that TensorFlow has moved since.
for gone in ("stack", "unstack"):
    if not hasattr(array_ops, gone):
        setattr(array_ops, gone, getattr(tf, gone))

if not hasattr(nest, "is_sequence"):  # and so do its recurrent cells
    nest.is_sequence = nest.is_nested

# Fused with its bias, a convolution in groups is not implemented on CPUs.
tf.config.optimizer.set_experimental_options({"remapping": False})
tf.get_logger().setLevel("ERROR")  # it advises against tracing many small models, which is what these tests do


@contextmanager
def building() -> Iterator[None]:
    """Build, save or call QKeras models without the warnings that their own code causes."""
    with warnings.catch_warnings():
        # qkeras reads quantizers written as text with pyparsing names of long ago.
        warnings.filterwarnings("ignore", ".* deprecated - use ", DeprecationWarning)
        # Keras advises on initial weights, which the tests replace.
        warnings.filterwarnings("ignore", "The initializer .* is unseeded", UserWarning)
        warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file", UserWarning)
        warnings.filterwarnings("ignore", "The `keras.constraints.serialize", UserWarning)
        yield


def unwrapped(layer: Any) -> Any:
    """The layer inside a pruning wrapper, or the layer itself."""
    return layer.layer if type(layer).__name__ == "PruneLowMagnitude" else layer


__all__ = ["building", "keras", "qkeras", "quantizers", "sparsity", "tf", "unwrapped"]
