"""A backend for hls4ml: dense and convolutional layers without their zero weights, everything else from Vitis.

Nothing here imports hls4ml before it is asked to; hls4ml itself asks, through the entry point ``hls4ml.backends``.
"""

from hwgen.hls4ml_backend.convert import hls4ml_config_from_keras, hls4ml_from_keras
from hwgen.hls4ml_backend.register import register

__all__ = ["hls4ml_config_from_keras", "hls4ml_from_keras", "register"]
