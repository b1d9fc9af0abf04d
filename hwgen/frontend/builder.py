"""The Network while it grows: its layers so far, and what stands between two Keras layers.

Between two layers stands a ``Signal``: a value of the network, or a sum that is not built yet, with what has still to
be computed from it (scales, batch norms, a relu). A quantizer turns all of that into one integer step function; a layer
that needs the numbers themselves has the signal settled, if a fixed-point grid holds them.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

from hwgen.errors import UnsupportedError
from hwgen.fixed import FixedType, Quantizer
from hwgen.frontend.affine import Affine
from hwgen.frontend.channel_products import NEUTRAL, Factor, multiply_channels
from hwgen.frontend.curves import Curve
from hwgen.frontend.names import Names
from hwgen.frontend.sums import WeightedSum, is_dyadic
from hwgen.ir import Concatenate, Exactness, Input, Interval, Layer, Merge, Network, Relu, Value, check_network
from hwgen.ir.ranges import input_interval, layer_interval


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """What flows between two Keras layers.

    Attributes:
        base: a value of the network, or a sum that is not built yet.
        shape: of the Keras tensor, without the batch axis.
        pending: what is computed from the base's exact real value, one function a channel; None: nothing.
        relu: whether a plain relu comes after that.
        curve: an activation function that comes after the relu; only a quantizer can follow it.
        scale: what the base's real value is multiplied by first, positive; 1 unless an activation's scale is no power
            of two.
        flat: whether the base is the signal as one vector, and ``pending`` holds a function for each of its numbers.
    """

    base: Value | WeightedSum
    shape: tuple[int, ...]
    pending: tuple[Affine, ...] | None = None
    relu: bool = False
    scale: Fraction = Fraction(1)
    flat: bool = False
    curve: Curve | None = None

    @property
    def plain(self) -> bool:
        """Whether the base's codes mean the signal's values, but for a relu and an activation function."""
        settled = isinstance(self.base, Value) or self.base.plain
        return self.pending is None and self.scale == 1 and settled

    def functions(self) -> tuple[Affine, ...]:
        """What is computed from the base's exact real value, one function a channel, before the relu."""
        return self.pending or (Affine.linear(self.scale),) * self.shape[-1]


class Builder:
    """Collects layers, their intervals, and what is to be said about them."""

    def __init__(self, name: str) -> None:
        self.names = Names()
        self.network_name = self.names.unique(name)
        self.inputs: list[Input] = []
        self.layers: list[Layer] = []
        self.values: dict[str, Value] = {}
        self.ranges: dict[str, Interval] = {}
        self._relus: dict[str, Value] = {}
        self._products: dict[tuple[str, tuple[Factor, ...]], Value] = {}
        self.exactness: list[Exactness] = []
        self.notes: list[str] = []

    def network(self, outputs: list[str]) -> Network:
        """What was collected, checked."""
        return check_network(
            Network(
                self.network_name,
                tuple(self.inputs),
                tuple(self.layers),
                tuple(outputs),
                tuple(self.exactness),
                tuple(self.notes),
            )
        )

    def input(self, name: str, shape: tuple[int, ...], kind: FixedType, quantizer: Quantizer | None) -> Value:
        value = Value(self.names.unique(name), shape, kind)
        self.inputs.append(Input(value, quantizer))
        self.values[value.name] = value
        self.ranges[value.name] = input_interval(value)
        bits = kind.width - int(kind.signed)
        if bits > 24:
            self.exactness.append(Exactness(name, False, bits, f"inputs of {bits} bits, float32 holds 24"))
        return value

    def add(self, layer: Layer) -> Value:
        self.layers.append(layer)
        self.values[layer.output.name] = layer.output
        sources = [self.values[name] for name in layer.inputs]
        intervals = [self.ranges[name] for name in layer.inputs]
        self.ranges[layer.output.name] = layer_interval(layer, sources, intervals)
        return layer.output

    def add_narrowed(self, layer: Merge | Concatenate) -> Value:
        """Add a layer with the narrowest output type that holds its interval, whatever type it states."""
        sources = [self.values[name] for name in layer.inputs]
        interval = layer_interval(layer, sources, [self.ranges[name] for name in layer.inputs])
        kind = FixedType.holding(*interval.bounds, layer.output.type.fraction)
        return self.add(replace(layer, output=replace(layer.output, type=kind)))

    def settled(self, signal: Signal, where: str) -> Value:
        """A value of the network whose codes are the signal's exact values.

        Raises:
            UnsupportedError: no fixed-point grid holds them.
        """
        if signal.curve is not None and signal.curve.straight:
            raise UnsupportedError(
                f"{where}: reads the values of the activation {signal.curve.name!r}, which hwgen builds only together "
                f"with a quantizer; put a QActivation with one, such as quantized_bits(bits, integer), directly after "
                f"it."
            )
        if signal.curve is not None:
            raise UnsupportedError(
                f"{where}: reads the values of the activation {signal.curve.name!r}, which are on no fixed-point grid; "
                f"put a QActivation with a quantizer, such as quantized_bits(bits, integer), directly after it."
            )
        unchanged = signal.pending is None and signal.scale == 1
        factors = [NEUTRAL] if unchanged else _on_a_grid(signal)
        if factors is None:
            raise UnsupportedError(
                f"{where}: reads values that are on no fixed-point grid (a batch norm, an average or a scale that is "
                f"no power of two comes before it); put a QActivation in between."
            )
        base = signal.base
        value = base.emit_exact() if isinstance(base, WeightedSum) else base
        if any(factor != NEUTRAL for factor in factors):
            value = self._multiplied(value, factors, where)
        return self._relu(value) if signal.relu else value

    def operand(self, signal: Signal, where: str) -> tuple[Value, Fraction]:
        """A value to multiply by weights, and a positive factor that its values are still to be multiplied by."""
        if signal.pending is not None or signal.curve is not None:
            return self.settled(signal, where), Fraction(1)
        value, factor = (signal.base, Fraction(1)) if isinstance(signal.base, Value) else signal.base.emit_unscaled()
        return (self._relu(value) if signal.relu else value), factor * signal.scale

    def built(self, signal: Signal, where: str) -> Signal:
        """The signal over a value of the network, whatever is pending still pending.

        Raises:
            UnsupportedError: averages with different divisors at different places are pending.
        """
        if signal.flat:
            raise UnsupportedError(
                f"{where}: reads averages whose divisors differ from place to place (padding='same'); "
                f"put a QActivation in between."
            )
        base = signal.base
        if isinstance(base, Value):
            return signal
        if signal.plain:
            return replace(signal, base=base.emit_exact())
        if signal.pending is None and base.uniform:
            value, factor = base.emit_unscaled()
            return replace(signal, base=value, scale=factor * signal.scale)
        value, functions = base.emit_raw(list(signal.functions()))
        # Functions of a signal take the value's real number, not its code.
        pending = tuple(f.scaled_input(1 / value.type.lsb) for f in functions)
        return replace(signal, base=value, pending=pending, scale=Fraction(1))

    def ascending(self, signal: Signal, where: str) -> tuple[Value, Signal]:
        """The signal over a built value, with functions that keep order, so that a maximum may be taken before them.

        Raises:
            UnsupportedError: an activation function is pending that does not keep order.
        """
        if signal.curve is not None and not signal.curve.ascending:
            raise UnsupportedError(
                f"{where}: takes a maximum after the activation {signal.curve.name!r}, which does not keep order; "
                f"put a QActivation in between."
            )
        ready = self.built(signal, where)
        assert isinstance(ready.base, Value)
        if ready.pending is None or all(f.slope >= 0 for f in ready.pending):
            return ready.base, ready
        signs = [-1 if f.slope < 0 else 1 for f in ready.pending]
        value = self._multiplied(ready.base, [(Fraction(sign), Fraction(0)) for sign in signs], where)
        pending = tuple(f.scaled_input(Fraction(sign)) for f, sign in zip(ready.pending, signs, strict=True))
        return value, replace(ready, base=value, pending=pending)

    def _relu(self, value: Value) -> Value:
        if value.name not in self._relus:
            highest = self.ranges[value.name].bounds[1]
            kind = FixedType.holding(0, max(highest, 0), value.type.fraction)
            name = self.names.unique(f"{value.name}_relu")
            self._relus[value.name] = self.add(Relu(name, value.name, Value(name, value.shape, kind)))
        return self._relus[value.name]

    def _multiplied(self, value: Value, factors: list[Factor], where: str) -> Value:
        """Multiply each channel by a binary fraction and add another.

        Raises:
            UnsupportedError: they need too many bits.
        """
        key = value.name, tuple(factors)
        if key not in self._products:
            layers = multiply_channels(value, factors, self.ranges[value.name], self.names, where)
            self._products[key] = [self.add(layer) for layer in layers][-1]
        return self._products[key]


def _on_a_grid(signal: Signal) -> list[Factor] | None:
    """What is pending as a slope and an offset for each channel, binary fractions all of them; None where it is not."""
    if signal.pending is None:
        factors = [(signal.scale, Fraction(0))] * signal.shape[-1]
    elif signal.flat or not all(f.rational for f in signal.pending):
        return None
    else:
        factors = [(f.slope, f.shift + f.offset) for f in signal.pending]
    return factors if all(is_dyadic(number) for factor in factors for number in factor) else None
