"""What to prune and when: the pure part of pruning during training, from weights and a step to masks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import InputError
from hwgen.training.schedule import PolynomialSchedule
from hwgen.training.selection import BoolArray, Granularity, Method, Scope, select_globally, select_per_layer


@dataclass(frozen=True, slots=True)
class PruningPlan:
    """How a network is pruned.

    Attributes:
        sparsity: share of groups to prune in the end, 0 to 1.
        layers: other final sparsities for single layers, by name; only with ``Scope.LAYER``.
        skip: layers that keep all their weights.
    """

    method: Method
    granularity: Granularity
    scope: Scope
    sparsity: float
    schedule: PolynomialSchedule
    layers: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    skip: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name, share in {"the plan": self.sparsity, **self.layers}.items():
            if not 0.0 <= share <= 1.0:
                raise InputError(f"a sparsity is a share between 0 and 1; {name} asks for {share}.")
        if self.layers and self.scope is Scope.GLOBAL:
            raise InputError("sparsities of single layers need Scope.LAYER; a global plan has one for all.")

    def masks_at(
        self, step: int, weights: Mapping[str, NDArray[np.floating]], previous: Mapping[str, BoolArray]
    ) -> dict[str, BoolArray]:
        """Choose the masks after ``step`` training steps.

        Args:
            weights: kernels (..., outputs) by layer name; those of ``skip`` are passed over.
            previous: masks so far; what they prune stays pruned, so that masks nest over time.
        Returns:
            Masks by layer name, True where kept.
        Raises:
            InputError: the plan names a layer that ``weights`` has not; a weight is not finite.
        """
        for name in (*self.layers, *sorted(self.skip)):
            if name not in weights:
                raise InputError(f"the plan names layer {name!r}; the model can prune {', '.join(weights) or 'none'}.")
        chosen = {name: kernel for name, kernel in weights.items() if name not in self.skip}
        if self.scope is Scope.GLOBAL:
            share = self.schedule.sparsity(step, self.sparsity)
            return select_globally(chosen, share, self.method, self.granularity, previous)
        shares = {name: self.schedule.sparsity(step, self.layers.get(name, self.sparsity)) for name in chosen}
        return select_per_layer(chosen, shares, self.method, self.granularity, previous)
