"""The check that a form of a step function is right: at every threshold, just below it, and at both ends of its range.

That is everywhere. Between two thresholds the step function is constant. So are comparators between theirs, which are
looked at as well. A line that is shifted and clipped is monotone, so it cannot leave a level and come back to it. A
table is looked at for every code.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import assert_never

from hwgen.fixed.step import MultiplyAddShift
from hwgen.fixed.step_form import Comparators, StepForm, Table


def codes_to_check(form: StepForm, thresholds: Sequence[int], low: int, high: int) -> list[int]:
    """Codes from ``low`` to ``high`` that decide whether the form is right for all of them, ascending."""
    match form:
        case MultiplyAddShift():
            steps = list(thresholds)
        case Comparators():
            steps = [*thresholds, *form.thresholds]
        case Table():
            return list(range(low, high + 1))
        case _:
            assert_never(form)
    around = {code for threshold in steps for code in (threshold - 1, threshold) if low <= code <= high}
    return sorted(around | {low, high})


def form_level(form: StepForm, code: int) -> int:
    """What a form computes, in integers without bounds."""
    match form:
        case MultiplyAddShift():
            return min(max((code * form.multiplier + form.addend) >> form.shift, form.low), form.high)
        case Comparators():
            return form.levels[bisect_right(form.thresholds, code)]
        case Table():
            return form.levels[code % (1 << form.bits)]
        case _:
            assert_never(form)


def first_wrong(form: StepForm, thresholds: Sequence[int], levels: Sequence[int], low: int, high: int) -> int | None:
    """The smallest checked code for which a form is not ``levels[k]``, k thresholds being at most the code."""
    for code in codes_to_check(form, thresholds, low, high):
        if form_level(form, code) != levels[bisect_right(thresholds, code)]:
            return code
    return None
