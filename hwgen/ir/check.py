"""``check_network``: every invariant of a Network, checked in one place and named when broken.

1. Names: the network's, every value's and every layer's name is a C identifier that no language of the outputs
   reserves; values are unique, layers are unique.
2. Topology: a layer reads values defined before it; every output is a value, listed once; there is at least one input
   and one output.
3. Shapes: positive sizes; each layer's output shape follows from its inputs' shapes and its own attributes. A
   convolution or a pooling slides over one or two axes, and no pooling window lies in the padding alone. Values that
   are merged have one shape; concatenated ones differ along the axis only. A grouped convolution has no weight between
   groups.
4. Fractions: the output's fraction is the sum of the input's and the weight's in ``Dense`` and ``Conv``, of both
   inputs' in a product, the largest of the inputs' in other merges and in ``Concatenate``, the input's own in
   ``MaxPool`` and ``Relu``, 0 in ``ArgMax``; ``Reshape`` and ``Rearrange`` keep the type. An input's quantizer
   quantizes to the input's type.
5. Range: no sum reaches 2**62 in magnitude, no shift to the left leaves 64 bits, and every exact layer's output type
   holds every code that its interval reaches, so no exact layer ever overflows.
6. Step functions: thresholds ascend, levels fit the output type; one channel a channel of the input,
   or one for all.
7. Exactness and notes are for people; they are not checked.
"""

from hwgen.errors import NetworkError
from hwgen.ir.check_layers import check_holds, check_layer
from hwgen.ir.interval import Interval
from hwgen.ir.names import valid_identifier
from hwgen.ir.network import Network
from hwgen.ir.ranges import input_interval, layer_interval
from hwgen.ir.tensor import Value

__all__ = ["check_network", "valid_identifier"]


MOST_CODES = 1 << 24  # of a value in one sample, as in the front end: no FPGA streams a larger one


def check_network(network: Network) -> Network:
    """Return the network if it keeps every invariant of this module.

    Raises:
        NetworkError: an invariant is broken; the message names the layer and the invariant.
        TypeRangeError: a sum may reach 2**62, or a shift to the left may leave 64 bits.
    """
    _check_name("network", network.name)
    if not network.inputs or not network.outputs:
        raise NetworkError(f"network {network.name!r}: at least one input and one output are needed.")
    values: dict[str, Value] = {}
    ranges: dict[str, Interval] = {}
    for source in network.inputs:
        value = source.value
        _define(value, values, "input")
        if source.quantizer is not None and source.quantizer.type != value.type:
            raise NetworkError(
                f"input {value.name!r}: its quantizer gives {source.quantizer.type}, its type is {value.type}."
            )
        ranges[value.name] = input_interval(value)
    layer_names: set[str] = set()
    for layer in network.layers:
        _check_name("layer", layer.name)
        if layer.name in layer_names:
            raise NetworkError(f"layer {layer.name!r}: the name is used twice.")
        layer_names.add(layer.name)
        for name in layer.inputs:
            if name not in values:
                raise NetworkError(f"layer {layer.name!r}: reads {name!r}, which no earlier layer defines.")
        given = [values[name] for name in layer.inputs]
        _define(layer.output, values, f"layer {layer.name!r}")
        check_layer(layer, given)
        ranges[layer.output.name] = layer_interval(layer, given, [ranges[name] for name in layer.inputs])
        check_holds(layer, *ranges[layer.output.name].bounds)
    for name in network.outputs:
        if name not in values:
            raise NetworkError(f"network {network.name!r}: output {name!r} is no value of the network.")
    if len(set(network.outputs)) != len(network.outputs):
        raise NetworkError(f"network {network.name!r}: an output is listed twice.")
    return network


def _check_name(kind: str, name: str) -> None:
    if not valid_identifier(name):
        raise NetworkError(
            f"{kind} {name!r}: a name is a letter followed by letters, digits and single underscores, "
            f"and no reserved word of C++, Verilog or Python."
        )


def _define(value: Value, values: dict[str, Value], where: str) -> None:
    _check_name("value", value.name)
    if value.name in values:
        raise NetworkError(f"{where}: value {value.name!r} is defined twice.")
    if not value.shape or any(size < 1 for size in value.shape):
        raise NetworkError(f"{where}: value {value.name!r} has shape {value.shape}; every size is at least 1.")
    if value.size > MOST_CODES:
        raise NetworkError(
            f"{where}: value {value.name!r} has shape {value.shape}; a sample has at most {MOST_CODES} codes."
        )
    values[value.name] = value
