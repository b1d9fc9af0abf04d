"""The NumPy fixed-point simulator: the meaning of a Network, layer by layer, exact, batched, fast."""

from hwgen.reference.encode import decode, encode
from hwgen.reference.simulate import simulate, trace

__all__ = ["decode", "encode", "simulate", "trace"]
