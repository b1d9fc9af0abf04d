"""How C++ computes a ``StepFunction``: all its channels in one way, the one that costs least over all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from hwgen.emit.cpp import integer_type, literal
from hwgen.emit.names import Names
from hwgen.fixed.step import MultiplyAddShift, multiply_add_shift
from hwgen.fixed.step_form import MOST_TABLE_BITS, StepForm, Steps, form_cost, steps_within, table_of
from hwgen.fixed.step_form import Comparators as ComparatorForm
from hwgen.fixed.step_form import Table as TableForm
from hwgen.ir import Interval, StepFunction

_LITERAL_BITS = 62  # a long long has one bit more, and a sign


@dataclass(frozen=True, slots=True)
class Table:
    """A constant array; ``rows`` are the finished text between its braces, a line each."""

    name: str
    type: str
    size: str
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScaledSteps:
    """``clip((x * multiplier + addend) >> shift, low, high)``.

    Attributes:
        low: None where no channel falls below its lowest level; ``high`` the same.
        index: C++ expression of the row of the tables; "0" where all channels share one form.
        forms: of each channel, as written.
        scaled_type: holds ``x * multiplier + addend``; ``level_type`` holds it shifted.
    """

    multiplier: Table
    addend: Table
    low: Table | None
    high: Table | None
    index: str
    shift: int
    scaled_type: str
    level_type: str
    forms: tuple[StepForm, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(table for table in (self.multiplier, self.addend, self.low, self.high) if table is not None)


@dataclass(frozen=True, slots=True)
class Comparators:
    """The level behind the last threshold that the input reaches."""

    threshold: Table
    level: Table
    index: str
    steps: int
    forms: tuple[StepForm, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        return (self.threshold, self.level)


@dataclass(frozen=True, slots=True)
class Lookup:
    """The entry of a table at the code's lowest ``bits`` bits."""

    level: Table
    index: str
    bits: int
    forms: tuple[StepForm, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        return (self.level,)


def step_form(layer: StepFunction, given: Interval, channel: str, names: Names) -> ScaledSteps | Comparators | Lookup:
    """Choose how to compute a step function.

    Args:
        given: interval of the value that it reads.
        channel: C++ name of the channel's number.
    """
    channels = channel_steps(layer, given)
    index = channel if len(channels) > 1 else "0"
    for forms in _by_cost(layer, channels):
        match forms[0]:
            case MultiplyAddShift():
                scaled = _scaled(
                    layer.name, channels, [f for f in forms if isinstance(f, MultiplyAddShift)], index, names
                )
                if scaled is not None:
                    return scaled
            case ComparatorForm():
                return _comparators(layer.name, channels, forms, index, names)
            case _:
                rows = [f.levels for f in forms if isinstance(f, TableForm)]
                level = _rows(names.take(f"{layer.name}_level"), rows)
                return Lookup(level, index, forms[0].bits, tuple(forms))
    raise AssertionError("comparators compute every step function")


def channel_steps(layer: StepFunction, given: Interval) -> list[Steps]:
    """One for each channel, or one for all that share their thresholds."""
    shared = layer.thresholds.shape[0] == 1
    ends = [given.bounds] if shared else list(zip(given.low.tolist(), given.high.tolist(), strict=True))
    return [
        steps_within(layer.thresholds[c].tolist(), layer.levels[c].tolist(), low, high)
        for c, (low, high) in enumerate(ends)
    ]


def _by_cost(layer: StepFunction, channels: Sequence[Steps]) -> list[list[StepForm]]:
    """Every way to compute all channels alike, the cheapest first."""
    ways: list[list[StepForm]] = []
    scaled = [_line(layer, c, steps) for c, steps in enumerate(channels)]
    found = [form for form in scaled if form is not None]
    if len(found) == len(channels):
        ways.append([*found])
    if any(steps.thresholds for steps in channels):
        ways.append([ComparatorForm(steps.thresholds, steps.levels) for steps in channels])
    bits = max(steps.table_bits for steps in channels)
    if bits <= MOST_TABLE_BITS:
        ways.append([table_of(steps, bits) for steps in channels])

    def cost(forms: list[StepForm]) -> int:
        return sum(form_cost(form, steps) for form, steps in zip(forms, channels, strict=True))

    return sorted(ways, key=cost)


def _line(layer: StepFunction, channel: int, steps: Steps) -> MultiplyAddShift | None:
    thresholds, levels = layer.thresholds[channel].tolist(), layer.levels[channel].tolist()
    return multiply_add_shift(thresholds, levels, steps.low, steps.high)


def _scaled(
    layer: str, channels: Sequence[Steps], forms: Sequence[MultiplyAddShift], index: str, names: Names
) -> ScaledSteps | None:
    """The tables of a multiply-add-shift; None where a number in it would not fit a C++ integer literal."""
    # The same shift in all channels, so that it is a constant of the loop: trailing zeros cost nothing.
    shift = max(form.shift for form in forms)
    multipliers = [form.multiplier << (shift - form.shift) for form in forms]
    addends = [form.addend << (shift - form.shift) for form in forms]
    ends = [
        sorted((c.low * multiplier + addend, c.high * multiplier + addend, addend))  # codes that nothing reads are 0
        for c, multiplier, addend in zip(channels, multipliers, addends, strict=True)
    ]
    least, most = min(low for low, _, _ in ends), max(high for _, _, high in ends)
    if max(most, -least).bit_length() > _LITERAL_BITS:
        return None
    lows, highs = [form.low for form in forms], [form.high for form in forms]
    below = any(end[0] >> shift < low for end, low in zip(ends, lows, strict=True))
    above = any(end[-1] >> shift > high for end, high in zip(ends, highs, strict=True))
    return ScaledSteps(
        multiplier=_row(names.take(f"{layer}_multiplier"), multipliers),
        addend=_row(names.take(f"{layer}_addend"), addends),
        low=_row(names.take(f"{layer}_low"), lows) if below else None,
        high=_row(names.take(f"{layer}_high"), highs) if above else None,
        index=index,
        shift=shift,
        scaled_type=integer_type(least, most),
        level_type=integer_type(min(least >> shift, *lows), max(most >> shift, *highs)),
        forms=tuple(
            MultiplyAddShift(multiplier, addend, shift, form.low, form.high)
            for multiplier, addend, form in zip(multipliers, addends, forms, strict=True)
        ),
    )


def _comparators(
    layer: str, channels: Sequence[Steps], forms: Sequence[StepForm], index: str, names: Names
) -> Comparators:
    steps = max(len(c.thresholds) for c in channels)
    # Beyond the interval of its channel a threshold is never reached.
    thresholds = [[*c.thresholds, *[c.high + 1] * (steps - len(c.thresholds))] for c in channels]
    levels = [[*c.levels, *[c.levels[-1]] * (steps + 1 - len(c.levels))] for c in channels]
    return Comparators(
        threshold=_rows(names.take(f"{layer}_threshold"), thresholds),
        level=_rows(names.take(f"{layer}_level"), levels),
        index=index,
        steps=steps,
        forms=tuple(forms),
    )


def index_table(name: str, numbers: Sequence[int]) -> Table:
    """Places in an array, -1 for none."""
    rows = [_comma(numbers[start : start + 16]) + "," for start in range(0, len(numbers), 16)]
    return Table(name, "int", f"[{len(numbers)}]", tuple(rows))


def _row(name: str, numbers: Sequence[int]) -> Table:
    kind = integer_type(min(0, *numbers), max(0, *numbers))
    return Table(name, kind, f"[{len(numbers)}]", (_comma(numbers),))


def _rows(name: str, numbers: Sequence[Sequence[int]]) -> Table:
    flat = [number for row in numbers for number in row]
    kind = integer_type(min(0, *flat), max(0, *flat))
    return Table(name, kind, f"[{len(numbers)}][{len(numbers[0])}]", tuple(f"{{{_comma(row)}}}," for row in numbers))


def _comma(numbers: Sequence[int]) -> str:
    return ", ".join(literal(number) for number in numbers)
