"""``Circuit``: words and the operations between them, each in its pipeline stage."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hwgen.circuit.bounds import Bounds
from hwgen.circuit.operations import Operation, Range, Sum, evaluate, sources
from hwgen.circuit.target import Target
from hwgen.errors import CircuitError
from hwgen.fixed import FixedType, IntArray

_WIDEST = FixedType(True, 64, 0)  # NumPy evaluates in int64


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of the circuit: codes of one type.

    Attributes:
        name: of the network's value.
        shape: of one sample.
        type: of each code.
    """

    name: str
    shape: tuple[int, ...]
    type: FixedType

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))


@dataclass(frozen=True, slots=True)
class Word:
    """One integer of the circuit.

    Attributes:
        name: unique; says layer, neuron and step.
        layer: of the network.
        operation: what computes it.
        stage: pipeline stage in which it is valid; inputs are valid in stage 0.
        low, high: what it can reach.
    """

    name: str
    layer: str
    operation: Operation
    stage: int
    low: int
    high: int

    @property
    def signed(self) -> bool:
        return self.low < 0

    @property
    def width(self) -> int:
        """Bits that hold every value from low to high."""
        return FixedType.holding(self.low, self.high, 0).width


@dataclass(frozen=True, slots=True)
class Circuit:
    """A fully parallel datapath, one sample a cycle.

    Attributes:
        name: of the network.
        target: the FPGA family that its sums are made for.
        inputs: in the network's order; a code may be no lower than the word's interval says.
        words: each reads earlier ones only.
        outputs: in the network's order.
        results: for each output, the words of its codes.
        values: for each layer of the network, the words of its codes: for tracing.
        latency_cycles: cycles from an input to its outputs.
    """

    name: str
    target: Target
    inputs: tuple[Port, ...]
    words: tuple[Word, ...]
    outputs: tuple[Port, ...]
    results: tuple[tuple[int, ...], ...]
    values: tuple[tuple[str, tuple[int, ...]], ...]
    latency_cycles: int

    initiation_interval = 1

    def codes(self, inputs: Sequence[IntArray]) -> tuple[IntArray, ...]:
        """Outputs for input codes.

        Args:
            inputs: (samples, *shape) int64, one array an input.
        Returns:
            (samples, *shape) int64, one array an output.
        """
        words = self._evaluate(inputs)
        samples = len(inputs[0])
        return tuple(
            np.stack([words[w] for w in result], axis=1).reshape(samples, *port.shape)
            for port, result in zip(self.outputs, self.results, strict=True)
        )

    def trace(self, inputs: Sequence[IntArray]) -> dict[str, IntArray]:
        """Codes of every layer, (samples, size) int64, by the name of its value."""
        words = self._evaluate(inputs)
        return {name: np.stack([words[w] for w in indices], axis=1) for name, indices in self.values}

    def _evaluate(self, inputs: Sequence[IntArray]) -> list[IntArray]:
        flat = tuple(codes.reshape(len(codes), -1) for codes in inputs)
        words: list[IntArray] = []
        for word in self.words:
            words.append(evaluate(word.operation, words, flat))
        return words

    def check(self) -> "Circuit":
        """Return the circuit if every invariant holds.

        A word reads earlier words, valid no later than itself; its interval is what its operation gives, and fits 64
        bits with a sign; outputs are valid by the last stage and fit their type.

        Raises:
            CircuitError: one does not; the message names the word.
        """
        ports: tuple[Range, ...] = tuple((port.type.min_code, port.type.max_code) for port in self.inputs)
        bounds = Bounds(ports)
        for number, word in enumerate(self.words):
            for source in sources(word.operation):
                if not 0 <= source < number:
                    raise CircuitError(f"word {word.name!r} reads word {source}, which is not an earlier one.")
                if self.words[source].stage > word.stage:
                    raise CircuitError(
                        f"word {word.name!r} of stage {word.stage} reads {self.words[source].name!r} too early."
                    )
            low, high = bounds.add(word.operation)
            if (low, high) != (word.low, word.high):
                raise CircuitError(f"word {word.name!r} reaches {low} to {high}, not {word.low} to {word.high}.")
            if not _WIDEST.holds(low, high):
                raise CircuitError(
                    f"word {word.name!r} reaches {low} to {high}, more than the 64 bits of a circuit's words."
                )
        for port, result in zip(self.outputs, self.results, strict=True):
            if len(result) != port.size:
                raise CircuitError(f"output {port.name!r} needs {port.size} words, has {len(result)}.")
            for index in result:
                word = self.words[index]
                if word.stage > self.latency_cycles or not port.type.holds(word.low, word.high):
                    raise CircuitError(
                        f"output {port.name!r}: word {word.name!r} comes late or does not fit {port.type}."
                    )
        return self

    @property
    def adders(self) -> int:
        """Rows of carry logic that add."""
        return sum(isinstance(word.operation, Sum) for word in self.words)
