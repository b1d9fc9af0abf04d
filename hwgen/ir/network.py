"""The Network: inputs, layers in topological order, outputs, and what is known about its exactness."""

from collections.abc import Mapping
from dataclasses import dataclass

from hwgen.errors import NetworkError
from hwgen.fixed import Quantizer
from hwgen.ir.layers import Layer
from hwgen.ir.tensor import Value


@dataclass(frozen=True, slots=True)
class Input:
    """Where data enters.

    Attributes:
        value: shape and type of the codes.
        quantizer: how real data becomes codes before the hardware; None where data must lie on the type's grid.
    """

    value: Value
    quantizer: Quantizer | None

    @property
    def low(self) -> int:
        """Lowest code that can enter: a symmetric quantizer never gives the type's lowest."""
        return self.value.type.min_code if self.quantizer is None else self.quantizer.low

    @property
    def high(self) -> int:
        """Highest code that can enter."""
        return self.value.type.max_code


@dataclass(frozen=True, slots=True)
class Exactness:
    """What is known about one source layer in float32, as Keras computes it.

    Attributes:
        layer: the source layer's name.
        float32_exact: whether float32 arithmetic, in any order, cannot round in this layer.
        bits: bits that its largest intermediate result needs; float32 holds 24 exactly.
        reason: for people; where not exact, what Keras itself rounds.
    """

    layer: str
    float32_exact: bool
    bits: int
    reason: str


@dataclass(frozen=True, slots=True)
class Network:
    """A network of exact integer layers.

    Attributes:
        name: a C identifier; names the top function and module.
        inputs: at least one.
        layers: in topological order.
        outputs: names of values.
        exactness: one a source layer that computes, in order.
        notes: sentences on what the front end did that a user should know (a softmax dropped, for example).
    """

    name: str
    inputs: tuple[Input, ...]
    layers: tuple[Layer, ...]
    outputs: tuple[str, ...]
    exactness: tuple[Exactness, ...] = ()
    notes: tuple[str, ...] = ()

    def values(self) -> Mapping[str, Value]:
        """Every value by name, inputs first, then outputs of layers in order."""
        found = {source.value.name: source.value for source in self.inputs}
        found.update({layer.output.name: layer.output for layer in self.layers})
        return found

    def value(self, name: str) -> Value:
        """The value of that name.

        Raises:
            NetworkError: there is none.
        """
        values = self.values()
        if name not in values:
            raise NetworkError(f"network {self.name!r} has no value {name!r}; it has {', '.join(values)}.")
        return values[name]

    @property
    def float32_exact(self) -> bool:
        """Whether Keras in float32 computes exactly this network's outputs."""
        return all(entry.float32_exact for entry in self.exactness)
