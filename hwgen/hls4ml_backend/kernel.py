"""The C++ of one zero-elided layer: for every output, its bias and one product for each weight that is not zero."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.emit.render import render_hls4ml
from hwgen.hls4ml_backend.weights import literal, weight_values


@dataclass(frozen=True, slots=True)
class Term:
    """One product: which input, and the weight as a C++ literal."""

    input: int
    weight: str


@dataclass(frozen=True, slots=True)
class Output:
    """One sum, in hls4ml's order: the bias first, then the inputs as they are numbered.

    The order matters where the accumulator saturates. A zero product adds nothing in any rounding and overflow mode,
    for the accumulator already holds a value of its own type; that is why leaving it out changes no bit.
    """

    index: int
    bias: str
    terms: tuple[Term, ...]


def kernel_name(node: Any) -> str:
    return f"zero_elided_{node.index}"


def kernel_code(node: Any) -> str:
    """The class that computes one sum for each output of ``node``, with hls4ml's types of that layer."""
    shape = node.get_weights("weight").data.shape
    weights = weight_values(node, "weight").reshape(-1, shape[-1])
    outputs = _outputs(weights, weight_values(node, "bias"))
    return render_hls4ml(
        "kernel.h.jinja",
        layer=node.name,
        name=kernel_name(node),
        inputs=weights.shape[0],
        weights=weights.size,
        terms=sum(len(output.terms) for output in outputs),
        outputs=outputs,
    )


def _outputs(weights: NDArray[np.float64], biases: NDArray[np.float64]) -> tuple[Output, ...]:
    return tuple(
        Output(
            index=number,
            bias=literal(biases[number]) if biases[number] else "0",
            terms=tuple(Term(int(row), literal(column[row])) for row in np.flatnonzero(column)),
        )
        for number, column in enumerate(weights.T)
    )
