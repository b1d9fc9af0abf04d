"""``Builder``: the words of a circuit as they grow, and the sums among them."""

from collections.abc import Sequence

import numpy as np

from hwgen.circuit.adder_graph import Adder, AdderGraph, Node, Term
from hwgen.circuit.bounds import Bounds
from hwgen.circuit.names import adder_names
from hwgen.circuit.operations import Constant, Operation, Range, Sum
from hwgen.circuit.rows import renumbered
from hwgen.circuit.solver import adder_graph
from hwgen.circuit.streams import Stream
from hwgen.circuit.target import Target
from hwgen.fixed import IntArray


class Builder:
    """Words so far, by number: operation, name, layer and stream of each; and the streams.

    Attributes:
        stream: to which added words belong.
    """

    def __init__(self, ports: Sequence[Range], target: Target, inputs: Stream, effort: str = "normal") -> None:
        """``ports``: lowest and highest code of each input."""
        self.target = target
        self.effort = effort
        self.bounds = Bounds(tuple(ports))
        self.operations: list[Operation] = []
        self.names: list[str] = []
        self.layers: list[str] = []
        self.streams = [inputs]
        self.stream_of: list[int] = []
        self.stream = 0
        self._graphs: dict[object, AdderGraph] = {}

    @property
    def ranges(self) -> list[Range]:
        """Lowest and highest value of each word."""
        return self.bounds.ranges

    def add(self, operation: Operation, layer: str, name: str) -> int:
        """A word of the present stream; its number."""
        self.bounds.add(operation)
        self.operations.append(operation)
        self.names.append(name)
        self.layers.append(layer)
        self.stream_of.append(self.stream)
        return len(self.operations) - 1

    def start(self, stream: Stream) -> None:
        """Let the words that follow belong to a new stream."""
        self.streams.append(stream)
        self.stream = len(self.streams) - 1

    def sums(self, layer: str, weight: IntArray, bias: Sequence[int], given: Sequence[int], name: str) -> list[int]:
        """A proven adder graph over words.

        Args:
            weight: (given words, sums) int64.
            bias: one integer a sum.
            name: of sum j is ``{name}_{j}``.
        """
        weight, bias, given = self._varying(weight, bias, given)
        graph = self._graph(weight, bias, given)
        nodes = list(given)
        for node_name, node in zip(adder_names(graph, name), graph.nodes, strict=True):
            nodes.append(self.add(_operation(node, nodes), layer, node_name))
        words = []
        for j, output in enumerate(graph.results):
            if output.node is None:
                words.append(self.add(Constant(output.constant), layer, f"{name}_{j}"))
            elif output.shift:
                words.append(self.add(Sum((Term(nodes[output.node], output.shift),)), layer, f"{name}_{j}"))
            else:
                words.append(nodes[output.node])
        return words

    def _varying(
        self, weight: IntArray, bias: Sequence[int], given: Sequence[int]
    ) -> tuple[IntArray, list[int], list[int]]:
        """The same sums over each word once, and without those that never change: what they add goes into the bias."""
        words, at = np.unique(np.array(given, dtype=np.int64), return_inverse=True)
        together = np.zeros((len(words), weight.shape[1]), dtype=np.int64)
        np.add.at(together, at, weight)
        weight, given = together, words.tolist()
        constant = [low == high for low, high in (self.ranges[word] for word in given)]
        total = list(bias)
        for row in np.flatnonzero(constant).tolist():
            value = self.ranges[given[row]][0]
            total = [b + value * w for b, w in zip(total, weight[row].tolist(), strict=True)]
        left = [word for word, fixed in zip(given, constant, strict=True) if not fixed]
        return weight[~np.array(constant, dtype=bool)], total, left

    def _graph(self, weight: IntArray, bias: Sequence[int], given: Sequence[int]) -> AdderGraph:
        """Solved once for the same matrix over the same ranges: an unrolled convolution repeats itself."""
        low, high = zip(*(self.ranges[word] for word in given), strict=True) if given else ((), ())
        key = (weight.shape, np.ascontiguousarray(weight).tobytes(), tuple(bias), low, high)
        if key not in self._graphs:
            self._graphs[key] = adder_graph(weight, low, high, list(bias), self.target, effort=self.effort)
        return self._graphs[key]


def _operation(node: Node, words: Sequence[int]) -> Operation:
    """A graph's node over words."""
    if isinstance(node, Adder):
        return Sum(tuple(Term(words[t.node], t.shift, t.negative) for t in node.terms), node.constant)
    return renumbered(node, words)
