"""C++ text of the sums of a ``Dense`` or ``Conv``: one function a neuron, in groups that compile by themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

from hwgen.emit.cpp import integer_type, literal, weight_literal
from hwgen.emit.names import Names
from hwgen.emit.strategy import Strategy
from hwgen.emit.sums import Sum, Term
from hwgen.fixed.digits import signed_digits

LINES_A_FUNCTION = 256  # compilers slow down on longer straight-line functions
LINES_A_FILE = 9000  # two to three seconds of g++; larger layers go to files that compile in parallel


@dataclass(frozen=True, slots=True)
class Function:
    """A neuron, or a piece of one: a start value and one line a term; ``type`` is that of its result and its sum."""

    comment: str
    name: str
    type: str
    start: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Neurons that are compiled together, and the assignments of their results."""

    name: str
    functions: tuple[Function, ...]
    assignments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kernel:
    """All sums of a layer.

    Attributes:
        parts: several where the layer is too large for one file, none where every result is constant or unread.
        unused: functions of neurons that nothing reads, compiled only when every value is traced.
        unused_assignments: and where their results go.
        constants: assignments of results that never change.
        unread: results that nothing reads, set to zero.
    """

    parts: tuple[Part, ...]
    unused: tuple[Function, ...]
    unused_assignments: tuple[str, ...]
    constants: tuple[str, ...]
    unread: tuple[str, ...]

    @property
    def split(self) -> bool:
        """Whether the neurons are in files of their own."""
        return len(self.parts) > 1


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a sum, with the interval that it adds."""

    text: str
    low: int
    high: int


def kernel(layer: str, sums: Sequence[Sum], strategy: Strategy, names: Names) -> Kernel:
    """Write a layer's sums.

    Args:
        layer: the layer's name, which every function's name starts with.
    """
    writer = _Writer(layer, strategy, names)
    live = [s for s in sums if s.live and not s.constant]
    unused = [s for s in sums if not s.live and not s.constant]
    neurons = [writer.neuron(s) for s in live]
    unused_neurons = [writer.neuron(s) for s in unused]
    return Kernel(
        parts=tuple(_part(names.take(f"{layer}_part{k}"), group) for k, group in enumerate(_groups(neurons))),
        unused=tuple(function for neuron in unused_neurons for function in neuron.functions),
        unused_assignments=tuple(neuron.assignment for neuron in unused_neurons),
        constants=tuple(f"y[{s.index}] = {literal(s.bias)};" for s in sums if s.constant),
        unread=tuple(f"y[{s.index}] = 0;" for s in unused),
    )


@dataclass(frozen=True, slots=True)
class _Neuron:
    functions: tuple[Function, ...]
    assignment: str
    lines: int


def _groups(neurons: Sequence[_Neuron]) -> list[list[_Neuron]]:
    """Neurons file by file: as many as fit."""
    groups: list[list[_Neuron]] = []
    filled = LINES_A_FILE
    for neuron in neurons:
        if filled + neuron.lines > LINES_A_FILE:
            groups.append([])
            filled = 0
        groups[-1].append(neuron)
        filled += neuron.lines
    return groups


def _part(name: str, neurons: Sequence[_Neuron]) -> Part:
    return Part(
        name=name,
        functions=tuple(function for neuron in neurons for function in neuron.functions),
        assignments=tuple(neuron.assignment for neuron in neurons),
    )


class _Writer:
    """Writes neurons of one layer."""

    def __init__(self, layer: str, strategy: Strategy, names: Names) -> None:
        self._layer, self._strategy, self._names = layer, strategy, names

    def neuron(self, neuron: Sum) -> _Neuron:
        lines = _lines(neuron.terms, self._strategy)
        name = self._names.take(f"{self._layer}_n{neuron.index}")
        what = f"{self._layer}[{neuron.index}]"
        pieces, rest = self._pieces(name, what, lines)
        weights = f"{len(neuron.terms)} weight{'' if len(neuron.terms) == 1 else 's'}"
        functions = (*pieces, _function(f"{what}: {weights}", name, neuron.bias, rest))
        return _Neuron(functions, f"y[{neuron.index}] = {name}(x);", len(lines))

    def _pieces(self, name: str, what: str, lines: Sequence[_Line]) -> tuple[list[Function], Sequence[_Line]]:
        """Move the lines of a very long sum into functions of their own, and return the calls in their place."""
        if len(lines) <= LINES_A_FUNCTION:
            return [], lines
        pieces: list[Function] = []
        calls: list[_Line] = []
        for start in range(0, len(lines), LINES_A_FUNCTION):
            piece = lines[start : start + LINES_A_FUNCTION]
            piece_name = self._names.take(f"{name}_{len(pieces)}")
            pieces.append(_function(f"{what}, piece {len(pieces)}", piece_name, 0, piece))
            calls.append(_Line(f"sum += {piece_name}(x);", sum(p.low for p in piece), sum(p.high for p in piece)))
        return pieces, calls


def _lines(terms: Sequence[Term], strategy: Strategy) -> list[_Line]:
    match strategy:
        case Strategy.MULTIPLIERS:
            return [_product(term) for term in terms]
        case Strategy.ADDERS:
            return [line for term in terms for line in _shifts(term)]


def _product(term: Term) -> _Line:
    ends = sorted((term.weight * term.low, term.weight * term.high))
    return _Line(f"sum += {weight_literal(term.weight)} * x[{term.row}];", ends[0], ends[1])


def _shifts(term: Term) -> list[_Line]:
    lines = []
    for sign, exponent in signed_digits(term.weight):
        operand = f"shifted<{exponent}>(x[{term.row}])" if exponent else f"x[{term.row}]"
        ends = sorted((sign * term.low << exponent, sign * term.high << exponent))
        lines.append(_Line(f"sum {'+' if sign > 0 else '-'}= {operand};", ends[0], ends[1]))
    return lines


def _function(comment: str, name: str, start: int, lines: Sequence[_Line]) -> Function:
    """Give the sum the width that holds it after every line, so that nothing ever wraps."""
    low = high = least = most = start
    for line in lines:
        low, high = low + line.low, high + line.high
        least, most = min(least, low), max(most, high)
    kind = integer_type(least, most)
    return Function(f"{comment}, {low} to {high}", name, kind, literal(start), tuple(line.text for line in lines))
