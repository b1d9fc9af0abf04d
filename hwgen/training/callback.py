"""A Keras callback that prunes during training. Importing this module imports TensorFlow."""

from typing import Any

import numpy as np

from hwgen.training.masked import apply_masks, prunable_layers
from hwgen.training.plan import PruningPlan
from hwgen.training.selection import BoolArray, Granularity
from hwgen.training.tensorflow import load


class PruningCallback(load().keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no stubs: its class is Any
    """Chooses masks on the plan's schedule and holds them after every batch.

    Masks act after the quantizers (see ``hwgen.training.masked``). After every optimizer step pruned weights are set
    to zero again, whatever momentum did to them. Where whole neurons are pruned, their biases are held at zero, so
    that a pruned neuron adds nothing; a filter with folded batch normalization keeps the constant of its shift.
    A neuron that only happens to lose all of its single weights keeps its bias.

    The masks stay on the model after training: evaluate it as it is, and save it with ``save_pruned``.

    Attributes:
        masks: by layer name, True where kept.
        steps: training steps seen.
    """

    def __init__(self, plan: PruningPlan) -> None:
        super().__init__()
        self.plan = plan
        self.masks: dict[str, BoolArray] = {}
        self.steps = 0
        self._layers: dict[str, Any] = {}

    @property
    def finished(self) -> bool:
        """Whether the final sparsity has been reached."""
        return self.steps >= self.plan.schedule.end

    def set_model(self, model: Any) -> None:
        """Put masks that keep everything on the model, before Keras traces its training step."""
        super().set_model(model)
        self._layers = {name: layer for name, layer in prunable_layers(model).items() if name not in self.plan.skip}
        if not self.masks:
            self.masks = {name: np.ones(tuple(layer.kernel.shape), np.bool_) for name, layer in self._layers.items()}
        apply_masks(model, self.masks)

    def on_train_begin(self, logs: Any = None) -> None:
        """Prune at step 0 where the schedule begins there."""
        if self.plan.schedule.updates_at(self.steps):
            self._update()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Choose masks if the schedule says so; hold them in any case."""
        self.steps += 1
        if self.plan.schedule.updates_at(self.steps):
            self._update()
        else:
            self._hold()

    def _update(self) -> None:
        weights = {name: layer.kernel.numpy() for name, layer in prunable_layers(self.model).items()}
        self.masks = self.plan.masks_at(self.steps, weights, self.masks)
        apply_masks(self.model, self.masks)
        self._hold()

    def _hold(self) -> None:
        neurons = self.plan.granularity is Granularity.NEURON
        for name, layer in self._layers.items():
            mask = self.masks[name]
            layer.kernel.assign(layer.kernel * mask.astype(np.float32))
            if neurons and layer.use_bias:
                alive = mask.reshape(-1, mask.shape[-1]).any(axis=0)
                layer.bias.assign(layer.bias * alive.astype(np.float32))
