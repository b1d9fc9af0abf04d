"""hwgen turns a pruned, quantized neural network into an FPGA datapath and proves that the two are equal."""

from hwgen.api import Model, load

__all__ = ["Model", "load"]
