"""Layers that read several values, and the index of the largest, word by word."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from hwgen.circuit.adder_graph import Term
from hwgen.circuit.builder import Builder
from hwgen.circuit.operations import AtLeast, Constant, Maximum, Minimum, Product, Select, Sum
from hwgen.ir import ArgMax, Concatenate, Merge, MergeOperation, Value


def join_words(
    build: Builder,
    layer: Merge | Concatenate,
    sources: Sequence[Value],
    given: Sequence[Sequence[int]],
) -> list[int]:
    """Words of a merge or a concatenation.

    Args:
        sources: the values that it reads; ``given`` the words of a beat of each, all of one stream.
    """
    shifts = [layer.output.type.fraction - source.type.fraction for source in sources]
    if isinstance(layer, Concatenate):
        return _concatenated(build, layer, sources, shifts, given)
    words = []
    for number, group in enumerate(zip(*given, strict=True)):
        words.append(_merged(build, layer, shifts, group, f"{layer.name}_{number}"))
    return words


def _merged(build: Builder, layer: Merge, shifts: Sequence[int], given: Sequence[int], name: str) -> int:
    match layer.operation:
        case MergeOperation.ADD:
            terms = [Term(w, _steps(build, w, s)) for w, s in zip(given, shifts, strict=True)]
            return _sum(build, layer.name, terms, name)
        case MergeOperation.SUBTRACT:
            one, two = (Term(w, _steps(build, w, s)) for w, s in zip(given, shifts, strict=True))
            return _sum(build, layer.name, [one, replace(two, negative=True)], name)
        case MergeOperation.MULTIPLY:
            return build.add(Product(given[0], given[1]), layer.name, name)
        case MergeOperation.MAXIMUM | MergeOperation.MINIMUM:
            kind = Maximum if layer.operation is MergeOperation.MAXIMUM else Minimum
            words = [
                _shifted(build, layer.name, word, shift, f"{name}_in{i}")
                for i, (word, shift) in enumerate(zip(given, shifts, strict=True))
            ]
            best = words[0]
            for number, word in enumerate(words[1:], start=2):
                best = build.add(kind(best, word), layer.name, name if number == len(words) else f"{name}_of{number}")
            return best
        case _:
            assert_never(layer.operation)


def _sum(build: Builder, layer: str, terms: list[Term], name: str) -> int:
    """As many terms at a time as an adder of the target takes, level by level."""
    number = 0
    while len(terms) > build.target.operands:
        groups = [terms[i : i + build.target.operands] for i in range(0, len(terms), build.target.operands)]
        terms = []
        for group in groups:
            if len(group) > 1:
                group = [Term(build.add(Sum(tuple(group)), layer, f"{name}_part{number}"), 0)]
                number += 1
            terms += group
    return build.add(Sum(tuple(terms)), layer, name)


def _shifted(build: Builder, layer: str, word: int, shift: int, name: str) -> int:
    steps = _steps(build, word, shift)
    return build.add(Sum((Term(word, steps),)), layer, name) if steps else word


def _steps(build: Builder, word: int, shift: int) -> int:
    """The shift of a word; one that is always zero needs none, however far it is away."""
    return 0 if build.ranges[word] == (0, 0) else shift


def _concatenated(
    build: Builder,
    layer: Concatenate,
    sources: Sequence[Value],
    shifts: Sequence[int],
    given: Sequence[Sequence[int]],
) -> list[int]:
    """Words in the order of the output's codes: row by row of what lies before the axis."""
    shifted = [
        [_shifted(build, layer.name, word, shift, f"{layer.name}_in{number}_{i}") for i, word in enumerate(words)]
        for number, (words, shift) in enumerate(zip(given, shifts, strict=True))
    ]
    runs = [_run(source, layer.axis, len(words)) for source, words in zip(sources, shifted, strict=True)]
    rows = len(shifted[0]) // runs[0]
    return [
        word
        for row in range(rows)
        for words, run in zip(shifted, runs, strict=True)
        for word in words[row * run : (row + 1) * run]
    ]


def _run(source: Value, axis: int, words: int) -> int:
    """Codes of a source that stay side by side: those from the axis on; in a stream, all of a beat."""
    run = 1
    for size in source.shape[axis:]:
        run *= size
    return min(run, words)


def argmax_words(build: Builder, layer: ArgMax, given: Sequence[int], channels: int) -> list[int]:
    """A tree of comparisons for each position that keeps the index of the larger word, of equal ones the first."""
    indices = [build.add(Constant(i), layer.name, f"{layer.name}_index{i}") for i in range(channels)]
    found = []
    for position in range(len(given) // channels):
        best = list(zip(given[position * channels : (position + 1) * channels], indices, strict=True))
        number = 0
        while len(best) > 1:
            left = []
            for i in range(0, len(best) - 1, 2):
                (one, at_one), (two, at_two) = best[i], best[i + 1]
                name = f"{layer.name}_{position}_{number}"
                wins = build.add(AtLeast(one, two), layer.name, f"{name}_wins")
                index = build.add(Select(wins, at_one, at_two), layer.name, f"{name}_index")
                left.append((build.add(Maximum(one, two), layer.name, f"{name}_max"), index))
                number += 1
            best = left + best[len(best) - len(best) % 2 :]
        found.append(best[0][1])
    return found
