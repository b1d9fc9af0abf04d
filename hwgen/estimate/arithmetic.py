"""``arithmetic``: what the layers with weights of a network hold and compute, counted from its integers alone."""

from dataclasses import dataclass, fields

import numpy as np

from hwgen.fixed import IntArray
from hwgen.ir import Conv, Dense, Network
from hwgen.ir.complexity import signed_digits


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Of a layer, or of several.

    Products are those of a sample: a convolution has its weights at every position of its output.

    Attributes:
        weights: before pruning.
        weights_left: that are not zero.
        dense_bits: to store every weight with the width of its type.
        sparse_bits: to store those that are left, each with its position in the tensor.
        products: of weights that are left.
        shifts: of these, by plus or minus a power of two: wires, and a sign.
        one_adder: by a sum or difference of two powers of two.
        multipliers: the other ones; of a project that multiplies, those that may take a DSP, one each at most.
        bit_operations: weight bits times input bits, of every product.
        ebops: the same with effective bits of the weight, those from its lowest one to its highest (EBOPs).
            Source: C. Sun et al., arXiv 2405.00645 (2024), equation 5.
    """

    weights: int = 0
    weights_left: int = 0
    dense_bits: int = 0
    sparse_bits: int = 0
    products: int = 0
    shifts: int = 0
    one_adder: int = 0
    multipliers: int = 0
    bit_operations: int = 0
    ebops: int = 0

    def __add__(self, other: "Arithmetic") -> "Arithmetic":
        return Arithmetic(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def document(self) -> dict[str, int]:
        """For JSON."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def arithmetic(network: Network) -> dict[str, Arithmetic]:
    """Of each layer with weights, in the network's order."""
    values = network.values()
    return {
        layer.name: _layer(layer, values[layer.input].type.width)
        for layer in network.layers
        if isinstance(layer, Dense | Conv)
    }


def _layer(layer: Dense | Conv, input_bits: int) -> Arithmetic:
    weight = layer.weight
    positions = layer.output.size // weight.shape[-1]
    digits = signed_digits(weight.code)
    left = weight.nonzeros
    return Arithmetic(
        weights=layer.entries,
        weights_left=left,
        dense_bits=layer.entries * weight.type.width,
        sparse_bits=left * (weight.type.width + (layer.entries - 1).bit_length()),
        products=left * positions,
        shifts=int((digits == 1).sum()) * positions,
        one_adder=int((digits == 2).sum()) * positions,
        multipliers=int((digits > 2).sum()) * positions,
        bit_operations=left * weight.type.width * input_bits * positions,
        ebops=int(effective_bits(weight.code).sum()) * input_bits * positions,
    )


def effective_bits(code: IntArray) -> IntArray:
    """Bits of each code's magnitude from its lowest one to its highest; none of a zero."""
    size = np.abs(code)
    odd = size // np.maximum(size & -size, 1)
    return np.array([int(value).bit_length() for value in odd.ravel()], dtype=np.int64).reshape(code.shape)
