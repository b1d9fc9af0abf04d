"""How much arithmetic a Network holds, layer by layer: weights, non-zeros, signed digits, bits."""

from dataclasses import dataclass

import numpy as np

from hwgen.fixed import IntArray
from hwgen.ir.layers import Conv, Dense
from hwgen.ir.network import Network


@dataclass(frozen=True, slots=True)
class LayerComplexity:
    """One layer with weights.

    Attributes:
        layer: its name.
        kind: "Dense" or "Conv".
        weights: entries of the weight tensor; of a grouped convolution, those within groups.
        nonzeros: entries left: constant multiplications in hardware.
        sums: two-operand additions of those products and the biases.
        digits: non-zero canonical signed digits of all entries: shifted terms in hardware.
        adders: two-operand additions of those terms and the biases, output by output, without sharing.
        weight_bits: width of the widest weight code.
        input_bits: width of an input code.
        positions: how often a sample uses the same hardware: 1 for Dense, output positions for Conv.
    """

    layer: str
    kind: str
    weights: int
    nonzeros: int
    sums: int
    digits: int
    adders: int
    weight_bits: int
    input_bits: int
    positions: int


def signed_digits(code: IntArray) -> IntArray:
    """Number of non-zero digits of the canonical signed-digit form of each code.

    Source: Reitwiesner 1960; digit k of c is non-zero exactly where c and 3c differ in bit k + 1.
    """
    # As unsigned, the magnitude of every int64 fits, and so does 3c shifted right by one.
    half = np.abs(code).astype(np.uint64) >> np.uint64(1)
    differing = half ^ (half + np.abs(code).astype(np.uint64))
    count = np.zeros(code.shape, dtype=np.int64)
    while differing.any():
        count += (differing & np.uint64(1)).astype(np.int64)
        differing >>= np.uint64(1)
    return count


def network_complexity(network: Network) -> tuple[LayerComplexity, ...]:
    """Figures of every layer with weights, in order."""
    values = network.values()
    rows = []
    for layer in network.layers:
        if not isinstance(layer, Dense | Conv):
            continue
        outputs = layer.weight.shape[-1]
        digits = signed_digits(layer.weight.code)
        column = layer.weight.index % outputs
        biased = layer.bias != 0
        products = np.bincount(column, minlength=outputs) + biased
        terms = np.bincount(column, weights=digits, minlength=outputs).astype(np.int64) + biased
        rows.append(
            LayerComplexity(
                layer.name,
                type(layer).__name__,
                layer.entries,
                layer.weight.nonzeros,
                int(np.maximum(products - 1, 0).sum()),
                int(digits.sum()),
                int(np.maximum(terms - 1, 0).sum()),
                layer.weight.type.width,
                values[layer.input].type.width,
                layer.output.size // outputs,
            )
        )
    return tuple(rows)
