"""TensorFlow, tf-keras and QKeras, imported once, quietly, in the one combination that QKeras 0.9.0 runs on."""

import os
import warnings

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # before TensorFlow is imported: qkeras needs Keras 2
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # theirs, while importing; nothing of hwgen's runs here
    import qkeras
    import tensorflow as tf
    import tf_keras as keras
    from qkeras import quantizers

tf.get_logger().setLevel("ERROR")  # it advises against tracing many small models, which is what these tests do
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)

__all__ = ["keras", "qkeras", "quantizers", "tf"]
