"""``Figures``: counts of a network or a circuit, layer by layer; the stage ``estimate``."""

from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.circuit import Circuit
from hwgen.circuit.operations import Sum
from hwgen.circuit.rows import Row
from hwgen.ir import Conv, Dense, Network, network_complexity

# What each figure counts, for people; a smaller one is always better.
FIGURES: Mapping[str, str] = {
    "weights": "weights that are left",
    "products": "constant products",
    "adders": "adders",
    "latency_cycles": "latency in cycles",
    "initiation_interval": "cycles from a sample to the next",
}


@dataclass(frozen=True, slots=True)
class LayerFigures:
    """Counts of one layer.

    Attributes:
        layer: its name.
        counts: by the names in ``FIGURES``.
    """

    layer: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of a design.

    Attributes:
        layers: those that take something, in network order.
        totals: sums over the layers, and what only the whole has, such as its latency.
    """

    layers: tuple[LayerFigures, ...]
    totals: Mapping[str, int]


def network_figures(network: Network, *, adders: bool) -> Figures:
    """What HLS C++ for a network holds.

    Args:
        adders: of shifts and additions, not of constant products.
    """
    rows = []
    for layer in network_complexity(network):
        products, sums = (0, layer.adders) if adders else (layer.nonzeros, layer.sums)
        rows.append(LayerFigures(layer.layer, {"weights": layer.nonzeros, "products": products, "adders": sums}))
    return Figures(tuple(rows), _totals(rows))


def circuit_figures(network: Network, circuit: Circuit) -> Figures:
    """What a circuit holds, which was made of ``network``."""
    rows = []
    for layer in network.layers:
        counts = {"weights": layer.weight.nonzeros} if isinstance(layer, Dense | Conv) else {}
        sums = sum(isinstance(word.operation, Sum | Row) and word.layer == layer.name for word in circuit.words)
        counts |= {"adders": sums} if sums else {}
        if counts:
            rows.append(LayerFigures(layer.name, counts))
    whole = {"latency_cycles": circuit.latency_cycles, "initiation_interval": circuit.initiation_interval}
    return Figures(tuple(rows), _totals(rows) | whole)


def _totals(rows: list[LayerFigures]) -> dict[str, int]:
    return {
        name: sum(row.counts.get(name, 0) for row in rows)
        for name in FIGURES
        if any(name in row.counts for row in rows)
    }
