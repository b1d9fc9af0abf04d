"""``compare``: a rebuilt project against what was frozen; what changed, in which layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from hwgen.estimate import FIGURES
from hwgen.reference import trace
from hwgen.regression.golden import FrozenPort, Golden, digests, ports
from hwgen.regression.project import BuiltProject
from hwgen.verify import VerifyReport

ALL_LAYERS = "all"


@dataclass(frozen=True, slots=True)
class LayerChange:
    """A layer whose codes are not those that were frozen.

    Attributes:
        layer: name of its value.
        samples: in how many samples.
        first: of these.
    """

    layer: str
    samples: int
    first: int


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """A figure that is not what it was.

    Attributes:
        layer: its name; ``ALL_LAYERS`` for the whole design.
        figure: one of ``hwgen.estimate.FIGURES``.
        frozen, now: the two counts.
        allowed: whether it grew by no more than the tolerance.
    """

    layer: str
    figure: str
    frozen: int
    now: int
    allowed: bool

    def __str__(self) -> str:
        where = "the design" if self.layer == ALL_LAYERS else f"layer {self.layer!r}"
        return f"{where}: {FIGURES[self.figure]}: {self.frozen} frozen, {self.now} now"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Whether a project still is what was frozen.

    Attributes:
        network: its name.
        samples: that were replayed; 0 where ports changed and no sample fits.
        ports: sentences about inputs and outputs that are not those that were frozen.
        codes: output codes that were compared.
        changed_codes: those that differ.
        layers: that compute other codes, in network order; the first is where it begins.
        unknown: layers of which nothing was frozen, and those that are gone.
        resources: figures that differ.
        figures_compared: whether what was frozen is of the same target, C++ or Verilog, whose figures mean the same.
        verified: whether the project computes what its own network says; None where it was not run.
    """

    network: str
    samples: int
    ports: tuple[str, ...]
    codes: int
    changed_codes: int
    layers: tuple[LayerChange, ...]
    unknown: tuple[str, ...]
    resources: tuple[ResourceChange, ...]
    figures_compared: bool
    verified: VerifyReport | None

    @property
    def bit_exact(self) -> bool:
        """Whether every output code is the one that was frozen, in the network and, where it was run, the project."""
        return not self.ports and not self.changed_codes and (self.verified is None or self.verified.equal)

    @property
    def within_tolerance(self) -> bool:
        """Whether no figure grew past the tolerance."""
        return all(change.allowed for change in self.resources)

    @property
    def passed(self) -> bool:
        return self.bit_exact and self.within_tolerance

    @property
    def exit_code(self) -> int:
        """What the command line returns: 0 where it passed, else 1."""
        return 0 if self.passed else 1

    def summary(self) -> str:
        """The verdict, and what changed, in a few lines."""
        lines = list(self.ports)
        if not self.ports:
            lines.append(self._codes_line())
        if self.layers:
            first = self.layers[0]
            others = f"; after it {', '.join(repr(each.layer) for each in self.layers[1:])}" if self.layers[1:] else ""
            lines.append(
                f"The first layer that changed is {first.layer!r}: in {first.samples} of {self.samples} samples, first "
                f"in sample {first.first}{others}."
            )
        if self.unknown:
            lines.append(f"Layers that are new or gone: {', '.join(map(repr, self.unknown))}.")
        if self.verified is not None and not self.verified.equal:
            lines.append(self.verified.summary())
        lines += [f"{change}{'' if change.allowed else ': more than the tolerance'}." for change in self.resources]
        if not self.figures_compared:
            lines.append("Codes were compared only: figures of C++ and of Verilog are not of the same things.")
        return "\n".join(lines)

    def _codes_line(self) -> str:
        if self.changed_codes:
            return (
                f"{self.network}: CHANGED. {self.changed_codes} of {self.codes} output codes are not those that were "
                f"frozen."
            )
        return f"{self.network}: unchanged. {self.samples} frozen samples, {self.codes} output codes, every bit."


def compare(
    golden: Golden, project: BuiltProject, verified: VerifyReport | None, tolerance_percent: Fraction = Fraction(0)
) -> CheckReport:
    """Hold a project against what was frozen.

    Args:
        verified: of the project, run on the frozen samples; None where it was not run.
        tolerance_percent: by which a figure may grow.
    """
    network = project.network
    values = network.values()
    problems = [
        *_port_changes("inputs", golden.inputs, ports([source.value for source in network.inputs])),
        *_port_changes("outputs", golden.outputs, ports([values[name] for name in network.outputs])),
    ]
    comparable = golden.target == project.target
    resources = tuple(_resource_changes(golden, project, tolerance_percent)) if comparable else ()
    if problems:
        return CheckReport(network.name, 0, tuple(problems), 0, 0, (), (), resources, comparable, None)
    traced = trace(network, golden.input_codes)
    layers = []
    for layer in network.layers:
        name = layer.output.name
        if name in golden.layers:
            differing = np.flatnonzero(digests(traced[name]) != golden.layers[name])
            if differing.size:
                layers.append(LayerChange(name, int(differing.size), int(differing[0])))
    now = [layer.output.name for layer in network.layers]
    results = [traced[name] for name in network.outputs]
    changed = sum(int((a != b).sum()) for a, b in zip(results, golden.output_codes, strict=True))
    return CheckReport(
        network=network.name,
        samples=golden.samples,
        ports=(),
        codes=sum(codes.size for codes in results),
        changed_codes=changed,
        layers=tuple(layers),
        unknown=tuple(sorted(set(now) ^ set(golden.layers))),
        resources=resources,
        figures_compared=comparable,
        verified=verified,
    )


def fits(golden: Golden, project: BuiltProject) -> bool:
    """Whether the frozen samples can be replayed on a project."""
    return golden.inputs == ports([source.value for source in project.network.inputs])


def _port_changes(side: str, frozen: tuple[FrozenPort, ...], now: tuple[FrozenPort, ...]) -> list[str]:
    if frozen == now:
        return []
    was, has = (", ".join(map(str, each)) for each in (frozen, now))
    return [
        f"The {side} were {was}, and are {has}: the frozen codes mean something else; freeze again if that is right."
    ]


def _resource_changes(golden: Golden, project: BuiltProject, tolerance_percent: Fraction) -> list[ResourceChange]:
    def rows(totals: Mapping[str, int], layers: Any) -> dict[str, Mapping[str, int]]:
        return {row.layer: row.counts for row in layers} | {ALL_LAYERS: totals}

    was, has = (rows(f.totals, f.layers) for f in (golden.figures, project.figures))
    changes = []
    for layer in dict.fromkeys([*has, *was]):
        for figure in golden.figures.totals:  # a later hwgen counts more than was frozen
            frozen, now = (each.get(layer, {}).get(figure, 0) for each in (was, has))
            if frozen != now:
                allowed = now <= frozen * (1 + tolerance_percent / 100)
                changes.append(ResourceChange(layer, figure, frozen, now, allowed))
    return changes
