"""Checks a project's step functions again: the recorded form of each against the network, at every threshold."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hwgen.emit.certificate import CERTIFICATE_FILE, FORMAT, steps_digest
from hwgen.errors import ProjectError
from hwgen.fixed.step import MultiplyAddShift
from hwgen.fixed.step_check import codes_to_check, first_wrong, form_level
from hwgen.fixed.step_form import MOST_TABLE_BITS, Comparators, StepForm, Table
from hwgen.ir import Network, StepFunction, value_ranges
from hwgen.verify.project_files import read_json


@dataclass(frozen=True, slots=True)
class StepChecks:
    """What was checked.

    Attributes:
        forms: of a channel in a range.
        codes: at which they were compared.
    """

    forms: int
    codes: int


Ranges = Mapping[str, Sequence[tuple[int, int]]]  # by value: lowest and highest code of each channel, or code


def network_ranges(network: Network) -> Ranges:
    """What each channel can reach, by interval arithmetic."""
    return {
        name: list(zip(interval.low.tolist(), interval.high.tolist(), strict=True))
        for name, interval in value_ranges(network).items()
    }


def check_step_functions(files: Mapping[str, bytes], network: Network, ranges: Ranges, where: str) -> StepChecks:
    """Check every recorded form, and that there is one for every code that can come in every channel.

    Args:
        files: of the project.
        ranges: of the values that step functions read, in the hardware.
        where: the project, for messages.
    Raises:
        ProjectError: a form is wrong for some code, is of other thresholds, or is missing; the message names layer,
            channel and threshold.
    """
    layers = {layer.name: layer for layer in network.layers if isinstance(layer, StepFunction)}
    if not layers:
        return StepChecks(0, 0)
    what = f"project {where!r}: {CERTIFICATE_FILE}"
    if CERTIFICATE_FILE not in files:
        raise ProjectError(f"{what} is missing, so its step functions cannot be checked; build the project again.")
    try:
        document = read_json(files[CERTIFICATE_FILE])
        entries = document["step_functions"]
        if document["format"] != FORMAT or not isinstance(entries, list):
            raise ValueError(f"format {FORMAT} was expected")
        read = [_read(entry) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProjectError(f"{what} is damaged ({type(error).__name__}: {error}); build the project again.") from error
    missing = {
        (name, number % len(layer.thresholds), low, high)
        for name, layer in layers.items()
        for number, (low, high) in enumerate(ranges[layer.input])
    }
    codes = 0
    for entry in read:
        found = layers.get(entry.layer)
        if found is None or not 0 <= entry.row < len(found.thresholds):
            raise ProjectError(f"{what}: {entry} is no step function of the network; build the project again.")
        codes += _check(entry, found, what)
        covered = {(name, row, low, high) for name, row, low, high in missing if entry.covers(name, row, low, high)}
        missing -= covered
    if missing:
        name, row, low, high = min(missing)
        raise ProjectError(
            f"{what} says nothing of layer {name!r}, channel {row}, codes {low} to {high}; build the project again."
        )
    return StepChecks(len(read), codes)


@dataclass(frozen=True, slots=True)
class _Entry:
    layer: str
    row: int
    low: int
    high: int
    form: StepForm
    digest: str

    def __str__(self) -> str:
        return f"layer {self.layer!r}, channel {self.row}"

    def covers(self, layer: str, row: int, low: int, high: int) -> bool:
        """Whether it was checked for these codes."""
        return (self.layer, self.row) == (layer, row) and self.low <= low and high <= self.high


def _read(entry: dict[str, Any]) -> _Entry:
    low, high = _integers([entry["low"], entry["high"]])
    if low > high:
        raise ValueError(f"codes from {low} to {high}")
    row = 0 if entry["channel"] is None else _integers([entry["channel"]])[0]
    return _Entry(str(entry["layer"]), row, low, high, _read_form(entry, low, high), str(entry["sha256"]))


def _read_form(entry: dict[str, Any], low: int, high: int) -> StepForm:
    match entry["form"]:
        case "multiply_add_shift":
            multiplier, addend, shift = _integers([entry["multiplier"], entry["addend"], entry["shift"]])
            bottom, top = _integers(entry["clip"])
            if not 0 <= shift < 64:
                raise ValueError(f"a shift by {shift}")
            return MultiplyAddShift(multiplier, addend, shift, bottom, top)
        case "comparators":
            thresholds, levels = _integers(entry["thresholds"]), _integers(entry["levels"])
            if len(levels) != len(thresholds) + 1 or list(thresholds) != sorted(thresholds):
                raise ValueError("thresholds ascend, and there is one level more")
            return Comparators(thresholds, levels)
        case "table":
            (bits,), levels = _integers([entry["bits"]]), _integers(entry["levels"])
            if not 1 <= bits <= MOST_TABLE_BITS or len(levels) != 1 << bits or high - low >= 1 << bits:
                raise ValueError("a table has an entry for each code")
            return Table(bits, levels)
        case other:
            raise ValueError(f"a form {other!r}")


def _integers(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or not all(isinstance(v, int) and not isinstance(v, bool) for v in values):
        raise ValueError("integers were expected")
    return tuple(values)


def _check(entry: _Entry, layer: StepFunction, what: str) -> int:
    """How many codes were compared."""
    thresholds, levels = layer.thresholds[entry.row].tolist(), layer.levels[entry.row].tolist()
    if entry.digest != steps_digest(thresholds, levels):
        raise ProjectError(
            f"{what}: {entry} was checked with other thresholds than the network's; build the project again."
        )
    wrong = first_wrong(entry.form, thresholds, levels, entry.low, entry.high)
    if wrong is not None:
        passed = bisect_right(thresholds, wrong)
        threshold = thresholds[passed] if passed < len(thresholds) and thresholds[passed] == wrong + 1 else None
        side = "just below" if threshold is not None else "from"
        if threshold is None and passed:
            threshold = thresholds[passed - 1]
        place = "where no threshold is reached" if threshold is None else f"{side} threshold {threshold}"
        raise ProjectError(
            f"{what}: {entry}: its form gives {form_level(entry.form, wrong)} at code {wrong}, {place}, where the step "
            f"function is {levels[passed]}; build the project again."
        )
    return len(codes_to_check(entry.form, thresholds, entry.low, entry.high))
