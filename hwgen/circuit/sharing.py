"""What the columns of a constant matrix have in common, as an integer factorization scored in LUTs.

Every column is a sum of sources; a source is an input, or a node: a sum of sources that several sums use, times some
power of two or a few. The search starts from what two sums have in common, and betters in turn which sums use a
candidate how many times, and which candidate suits them. Coefficients count by the fewest signed digits that they can
have, so that no form is preferred before rows are planned.
"""

from dataclasses import dataclass

import numpy as np

from hwgen.circuit.shared_search import SharedSearch
from hwgen.circuit.target import Target
from hwgen.fixed import IntArray


@dataclass(frozen=True, slots=True)
class Sharing:
    """Sums over sources: inputs, then nodes, each reading earlier ones only.

    Attributes:
        nodes: (nodes, sources) int64.
        columns: (outputs, sources) int64.
    """

    nodes: IntArray
    columns: IntArray

    @property
    def levels(self) -> int:
        """Nodes on the longest path."""
        return max(self._level_of(), default=0)

    def flattened(self, most: int) -> "Sharing":
        """The same with at most so many nodes on a path: deeper ones are put into the sums that use them."""
        level = self._level_of()
        inputs = self.nodes.shape[1] - len(self.nodes)
        matrix = np.concatenate([self.nodes, self.columns])
        for node in reversed(range(len(self.nodes))):
            if level[node] > most:
                matrix += np.outer(matrix[:, inputs + node], matrix[node])
                matrix[:, inputs + node] = 0
        kept = [node for node in range(len(self.nodes)) if level[node] <= most]
        columns = [*range(inputs), *(inputs + node for node in kept)]
        return Sharing(
            np.ascontiguousarray(matrix[kept][:, columns]),
            np.ascontiguousarray(matrix[len(self.nodes) :][:, columns]),
        )

    def _level_of(self) -> list[int]:
        inputs = self.nodes.shape[1] - len(self.nodes)
        level: list[int] = []
        for row in self.nodes:
            level.append(1 + max((level[node] for node in np.flatnonzero(row[inputs:]).tolist()), default=0))
        return level


TRIES = 16
BLOCK = 64  # columns that are searched together: the search grows with the square of their number


def shared_sums(weight: IntArray, spans: IntArray, target: Target, tries: int = TRIES) -> Sharing:
    """Nodes that make the columns of a matrix cheaper.

    Args:
        weight: (inputs, outputs) int64.
        spans: highest less lowest code of each input.
        tries: pairs of sums that are looked at for each node; none is made without.
    """
    inputs, outputs = weight.shape
    if not tries:
        return Sharing(np.zeros((0, inputs), dtype=np.int64), np.ascontiguousarray(weight.T))
    slope = 0.5 if target.operands >= 3 else 1.0
    blocks: list[Sharing] = []
    for start in range(0, outputs, BLOCK):
        columns = np.ascontiguousarray(weight[:, start : start + BLOCK].T)
        search = SharedSearch(columns, spans, slope)
        search.run(tries)
        blocks.append(_ordered(search.matrix, inputs, len(columns), search.sums))
    return _side_by_side(blocks, inputs)


def _side_by_side(blocks: list[Sharing], inputs: int) -> Sharing:
    """Sums over the same inputs, each block with nodes of its own."""
    if len(blocks) == 1:
        return blocks[0]
    count = sum(len(block.nodes) for block in blocks)
    nodes = np.zeros((count, inputs + count), dtype=np.int64)
    columns = np.zeros((sum(len(block.columns) for block in blocks), inputs + count), dtype=np.int64)
    node = column = 0
    for block in blocks:
        own = slice(inputs + node, inputs + node + len(block.nodes))
        for made, given, row in ((nodes, block.nodes, node), (columns, block.columns, column)):
            rows = slice(row, row + len(given))
            made[rows, :inputs], made[rows, own] = given[:, :inputs], given[:, inputs:]
        node, column = node + len(block.nodes), column + len(block.columns)
    return Sharing(nodes, columns)


def _ordered(matrix: IntArray, inputs: int, outputs: int, sums: int) -> Sharing:
    """Only nodes that something uses, each after those that it reads."""
    order: list[int] = []
    state: dict[int, bool] = {}

    def visit(row: int) -> None:
        for x in np.flatnonzero(matrix[row, inputs : inputs + sums - outputs]).tolist():
            if x not in state:
                state[x] = True
                visit(outputs + x)
                order.append(x)

    for j in range(outputs):
        visit(j)
    # A node that an output is the negative of becomes that output.
    for node in order:
        x, own = inputs + node, outputs + node
        alone = matrix[:outputs][np.count_nonzero(matrix[:outputs], axis=1) == 1, x]
        if (alone == -1).sum() > (alone == 1).sum():
            matrix[own] *= -1
            matrix[:sums, x] *= -1
    columns = [*range(inputs), *(inputs + node for node in order)]
    return Sharing(
        np.ascontiguousarray(matrix[[outputs + node for node in order]][:, columns]),
        np.ascontiguousarray(matrix[:outputs][:, columns]),
    )
