"""Names of an adder graph's nodes: the layer, the first output that they serve, and a number."""

from hwgen.circuit.adder_graph import AdderGraph, reads


def adder_names(graph: AdderGraph, layer: str) -> list[str]:
    """``layer_3`` for the node that is output 3 itself, ``layer_3_sum0`` and so on for those below it."""
    names: dict[int, str] = {}
    for j, output in enumerate(graph.results):
        if output.node is None or output.node < graph.inputs:
            continue
        if output.shift == 0:
            names.setdefault(output.node, f"{layer}_{j}")
        below: list[int] = []
        waiting = [output.node]
        seen = {output.node}
        while waiting:
            node = waiting.pop()
            if node not in names:
                below.append(node)
            elif node != output.node:
                continue  # named for an earlier output, with everything below it
            reached = set(reads(graph.nodes[node - graph.inputs])) - seen
            seen |= reached
            waiting += [node for node in reached if node >= graph.inputs]
        for number, node in enumerate(sorted(below)):
            names[node] = f"{layer}_{j}_sum{number}"
    return [names.get(graph.inputs + k, f"{layer}_sum{k}") for k in range(len(graph.nodes))]
