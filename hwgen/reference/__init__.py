"""The NumPy fixed-point simulator: the meaning of a Network, layer by layer, exact, batched, fast."""

from hwgen.reference.simulate import decode, encode, simulate, trace

__all__ = ["decode", "encode", "simulate", "trace"]
