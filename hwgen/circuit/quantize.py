"""Layers that quantize, word by word: rounding, overflow, step functions."""

from typing import assert_never

import numpy as np

from hwgen.circuit.adder_graph import Term
from hwgen.circuit.builder import Builder
from hwgen.circuit.operations import Clip, Lookup, Shift, Sign, Step, Sum, Wrap, ZeroOutside
from hwgen.fixed import FixedType, Overflow, Quantizer, Rounding, requantize
from hwgen.fixed.step import MultiplyAddShift
from hwgen.fixed.step_form import Comparators, StepForm, Table, cheapest_form
from hwgen.ir import Requantize, StepFunction

MOST_SHIFT = 60  # bits that a constant for rounding may have


def requantize_word(build: Builder, layer: Requantize, shift: int, word: int, name: str) -> int:
    """Round by adding and dropping bits, then resolve overflow."""
    if shift < 0:
        word = build.add(Sum((Term(word, -shift),)), layer.name, f"{name}_shift")
    elif shift > 0:
        word = _round(build, layer, shift, word, name)
    low, high = build.ranges[word]
    quantizer = layer.quantizer
    if quantizer.low <= low and high <= quantizer.high:
        return word
    match layer.overflow:
        case Overflow.SAT | Overflow.SAT_SYM:
            return build.add(Clip(word, quantizer.low, quantizer.high), layer.name, name)
        case Overflow.SAT_ZERO:
            kind = quantizer.type
            return build.add(ZeroOutside(word, kind.min_code, kind.max_code), layer.name, name)
        case Overflow.WRAP:
            return build.add(Wrap(word, quantizer.type.signed, quantizer.type.width), layer.name, name)
        case _:
            assert_never(layer.overflow)


def _round(build: Builder, layer: Requantize, shift: int, word: int, name: str) -> int:
    if shift > MOST_SHIFT:
        return _far_round(build, layer, shift, word, f"{name}_round")
    half = 1 << (shift - 1)
    terms, constant, even = [Term(word, 0)], 0, False
    match layer.rounding:
        case Rounding.TRN:
            pass
        case Rounding.RND:
            constant = half
        case Rounding.RND_MIN_INF:
            constant = half - 1
        case Rounding.RND_CONV:
            constant, even = half, True
        case Rounding.RND_INF:  # a negative tie goes down
            constant = half
            terms.append(Term(build.add(Sign(word), layer.name, f"{name}_negative"), 0, negative=True))
        case Rounding.RND_ZERO:  # a negative tie goes up
            constant = half - 1
            terms.append(Term(build.add(Sign(word), layer.name, f"{name}_negative"), 0))
        case Rounding.TRN_ZERO:  # a negative number goes up: add 2**shift - 1
            negative = build.add(Sign(word), layer.name, f"{name}_negative")
            terms += [Term(negative, shift), Term(negative, 0, negative=True)]
        case _:
            assert_never(layer.rounding)
    if len(terms) > 1 or constant:
        word = build.add(Sum(tuple(terms), constant), layer.name, f"{name}_round")
    return build.add(Shift(word, shift, even), layer.name, f"{name}_shift")


def _far_round(build: Builder, layer: Requantize, shift: int, word: int, name: str) -> int:
    """Shifts so far that hardly a bit is left: at most three levels, found by bisection."""
    grid = Quantizer(FixedType(True, 64, -shift), layer.rounding, Overflow.SAT)

    def rounded(code: int) -> int:
        return int(requantize(np.array([code]), FixedType(True, 64, 0), grid)[0])

    low, high = build.ranges[word]
    thresholds: list[int] = []
    levels = [rounded(low)]
    while levels[-1] < rounded(high):
        start, end = (thresholds[-1] if thresholds else low), high
        while start < end:
            middle = (start + end) // 2
            start, end = (start, middle) if rounded(middle) > levels[-1] else (middle + 1, end)
        thresholds.append(start)
        levels.append(rounded(start))
    return build.add(Step(word, tuple(thresholds), tuple(levels)), layer.name, name)


def step_form(layer: StepFunction, channel: int, low: int, high: int) -> StepForm:
    """How a channel is computed where its codes go from ``low`` to ``high``."""
    row = min(channel, layer.thresholds.shape[0] - 1)
    return cheapest_form(layer.thresholds[row].tolist(), layer.levels[row].tolist(), low, high)


def step_word(build: Builder, layer: StepFunction, channel: int, word: int, name: str) -> int:
    """The cheapest form of a step function, as words."""
    low, high = build.ranges[word]
    form = step_form(layer, channel, low, high)
    match form:
        case Comparators():
            return build.add(Step(word, form.thresholds, form.levels), layer.name, name)
        case Table():
            return build.add(Lookup(word, form.levels), layer.name, name)
        case MultiplyAddShift():
            return _scaled_word(build, layer, form, word, name)
        case _:
            assert_never(form)


def _scaled_word(build: Builder, layer: StepFunction, form: MultiplyAddShift, word: int, name: str) -> int:
    (line,) = build.sums(layer.name, np.array([[form.multiplier]]), [form.addend], [word], f"{name}_scale")
    line = build.add(Shift(line, form.shift), layer.name, f"{name}_shift")
    reach = build.ranges[line]
    if reach[0] < form.low or reach[1] > form.high:
        line = build.add(Clip(line, form.low, form.high), layer.name, name)
    return line
