"""``Interface``: how the codes of a sample enter a circuit, as hls4ml's ``io_parallel`` and ``io_stream``."""

from enum import Enum

from hwgen.ir import Conv, Network, Value


class Interface(Enum):
    """How samples come, and so how layers are built."""

    PARALLEL = "parallel"  # a sample a cycle: every code has its own wires, every layer stands there in full
    STREAM = "stream"  # a pixel with all its channels a cycle: windows slide, what has no pixels is parallel


def default_interface(network: Network) -> Interface:
    """A stream where there is a convolution."""
    return Interface.STREAM if any(isinstance(layer, Conv) for layer in network.layers) else Interface.PARALLEL


def beats(value: Value, interface: Interface) -> int:
    """Beats in which the codes of a sample stand side by side: pixels of a value that has any."""
    return value.size // value.shape[-1] if interface is Interface.STREAM else 1
