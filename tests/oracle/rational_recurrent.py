"""QSimpleRNN, QLSTM and QGRU by their definition, on exact numbers, one step after the other.

Written from the source of qkeras 0.9.0. States start at zero and pass the state quantizer before each step.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from oracle.quantizer_rational import Exact, NotExactError, each, exact_activation, exact_parameter

_Sum = Callable[[Exact, Exact, int], Exact]


def recurrent(layer: Any, x: Exact) -> Exact:
    """The last output, or all of them: (samples, units) or (samples, steps, units)."""
    if any(not isinstance(number, Fraction) for number in x.flat):
        raise NotExactError("a recurrent layer reads square roots")
    cell, units = layer.cell, layer.units
    kernel, matrix, bias = _parameters(cell)
    state = carry = np.full((len(x), units), Fraction(0), dtype=object)
    quantized = exact_activation(cell.state_quantizer_internal if cell.state_quantizer is not None else None)
    outputs = []
    steps = range(x.shape[1])
    for at in reversed(steps) if layer.go_backwards else steps:
        h, c = each(quantized, state), each(quantized, carry)

        def part(given: Exact, weights: Exact, gate: int) -> Exact:
            return np.asarray(given @ weights[:, gate * units : (gate + 1) * units], dtype=object)

        now = x[:, at]
        match type(layer).__name__:
            case "QSimpleRNN":
                state = _act(cell.activation, part(now, kernel, 0) + bias[0] + part(h, matrix, 0))
            case "QLSTM":
                enter, forget, tanh, leave = (
                    part(now, kernel, g) + part(h, matrix, g) + bias[0, g * units : (g + 1) * units] for g in range(4)
                )
                gate = cell.recurrent_activation
                carry = _act(gate, forget) * c + _act(gate, enter) * _act(cell.activation, tanh)
                state = _act(gate, leave) * _act(cell.activation, carry)
            case "QGRU":
                state = _gated(cell, part, now, h, (kernel, matrix, bias))
        outputs.append(state)
    return np.stack(outputs, axis=1) if layer.return_sequences else state


def _gated(cell: Any, part: _Sum, x: Exact, h: Exact, parameters: tuple[Exact, Exact, Exact]) -> Exact:
    kernel, matrix, bias = parameters
    units = cell.units
    inner, outer = ([row[g * units : (g + 1) * units] for g in range(3)] for row in bias)
    entered = [part(x, kernel, g) + inner[g] for g in range(3)]
    update, reset = (_act(cell.recurrent_activation, entered[g] + part(h, matrix, g) + outer[g]) for g in range(2))
    remembered = reset * (part(h, matrix, 2) + outer[2]) if cell.reset_after else part(reset * h, matrix, 2)
    candidate = _act(cell.activation, entered[2] + remembered)
    return update * h + (Fraction(1) - update) * candidate


def _act(activation: Any, x: Exact) -> Exact:
    return each(exact_activation(activation), x)


def _parameters(cell: Any) -> tuple[Exact, Exact, Exact]:
    """Kernel, recurrent kernel, and two rows of bias: of the input, and of the state."""
    kernel = exact_parameter(cell.kernel_quantizer_internal, cell.kernel.numpy())
    matrix = exact_parameter(cell.recurrent_quantizer_internal, cell.recurrent_kernel.numpy())
    bias = np.full((2, kernel.shape[1]), Fraction(0), dtype=object)
    if cell.use_bias:
        found = exact_parameter(cell.bias_quantizer_internal, cell.bias.numpy())
        if found.ndim == 2:
            bias = found
        else:
            bias[0] = found
    return kernel, matrix, bias
