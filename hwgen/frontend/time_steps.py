"""TimeDistributed: layers that are applied to each step of the first axis.

Those that work on every position alike are applied to all steps at once. Of the others there is a copy for each step:
the network is a circuit, in which the same layer at another step is another place.
"""

from collections.abc import Iterator
from dataclasses import replace

from hwgen.errors import UnsupportedError
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.graph import Node
from hwgen.frontend.merging_layers import lower_concatenate
from hwgen.frontend.moving_data import lower_reshape
from hwgen.frontend.rearranging import positions, rearranged
from hwgen.frontend.specs import (
    ActivationSpec,
    BatchNormSpec,
    ConcatenateSpec,
    DenseSpec,
    IdentitySpec,
    MergingSpec,
    ReshapeSpec,
    SingleInputSpec,
)

_MOST_AXES = 3  # of what a dense layer reads


def at_all_steps(node: Node, spec: SingleInputSpec, signal: Signal) -> SingleInputSpec | None:
    """What the layer is when it is applied to all steps at once, or None where it needs each by itself."""
    if len(signal.shape) < 2:
        raise UnsupportedError(
            f"layer {node.name!r} ({node.class_name} in TimeDistributed): an input with an axis of steps is needed, "
            f"got shape {signal.shape}."
        )
    last = len(signal.shape) - 1  # what a step's layer calls its last axis, the samples' being 0
    match spec:
        case ActivationSpec() | IdentitySpec():
            return spec
        case BatchNormSpec() if spec.axis in (-1, last):
            return replace(spec, axis=-1)
        case DenseSpec(batch_norm=None) if len(signal.shape) <= _MOST_AXES:
            return spec
        case _:
            return None


def of_all_steps(node: Node, spec: MergingSpec, signals: list[Signal]) -> MergingSpec:
    """What a layer with several inputs is when it is applied to all steps at once."""
    if len({len(signal.shape) for signal in signals}) > 1:
        raise UnsupportedError(
            f"layer {node.name!r} ({node.class_name} in TimeDistributed): inputs with equally many axes are needed, "
            f"got shapes {' and '.join(str(signal.shape) for signal in signals)}."
        )
    if isinstance(spec, ConcatenateSpec) and spec.axis > 0:
        return ConcatenateSpec(spec.axis + 1)
    return spec


def steps(builder: Builder, node: Node, signal: Signal) -> Iterator[Signal]:
    """The signal at each step."""
    where = f"layer {node.name!r} ({node.class_name} in TimeDistributed)"
    index = positions(signal.shape)
    ready = builder.built(signal, where)  # once for all steps
    for number in range(signal.shape[0]):
        yield rearranged(builder, f"{node.name}_at_{number}", where, index[number], ready)


def behind_each_other(builder: Builder, node: Node, results: list[Signal]) -> Signal:
    """The results of all steps along a first axis."""
    rows = [
        lower_reshape(builder, replace(node, name=f"{node.name}_of_{number}"), ReshapeSpec((1, *result.shape)), result)
        for number, result in enumerate(results)
    ]
    return lower_concatenate(builder, node, ConcatenateSpec(1), rows)
