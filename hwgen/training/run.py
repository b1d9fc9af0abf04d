"""One training, from a configuration to a folder: load, train float, train quantized and pruned, write, measure."""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwgen.errors import ConfigError, ToolFailedError
from hwgen.training.config import PruningConfig, TrainConfig, TrainingConfig
from hwgen.training.config_file import config_text
from hwgen.training.data import DataSet, Float32Array, load_data
from hwgen.training.files import (
    CONFIG_FILE,
    DATA_FILE,
    MASKS_FILE,
    MODEL_FILE,
    REPORT_FILE,
    appearing_folder,
    check_replaceable,
    load_pruned,
    save_pruned,
    write_json,
)
from hwgen.training.masked import quantized_kernels
from hwgen.training.model_config import OUTPUT_LAYER, ModelConfig
from hwgen.training.network import float_model, logits_model, quantized_model
from hwgen.training.plan import PruningPlan
from hwgen.training.progress import Report, TrainProgress
from hwgen.training.quantizers import WEIGHT_QUANTIZERS, read_quantizer
from hwgen.training.schedule import PolynomialSchedule
from hwgen.training.selection import BoolArray, Granularity
from hwgen.training.tensorflow import load, quiet


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One layer's weights after training.

    Attributes:
        name: of the Keras layer.
        weight_bits: width of a weight's code.
        weights: entries of the kernel.
        pruned: entries that the mask takes away.
        zeros: entries that are zero in hardware: pruned, or rounded to zero by the quantizer.
    """

    name: str
    weight_bits: int
    weights: int
    pruned: int
    zeros: int

    @property
    def sparsity(self) -> float:
        """Share of the weights that the mask takes away, 0 to 1."""
        return self.pruned / self.weights


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a training left.

    Attributes:
        folder: holds the files below, ``config.toml`` (the configuration, defaults written out) and
            ``training.json`` (these figures without ``seconds``).
        model_path: ``model.h5``, plain QKeras, pruned weights stored as 0.
        masks_path: ``masks.npz``, boolean arrays by layer name, True where kept.
        test_data_path: ``test_data.npz``: ``x`` (samples, ...) float32 on the input type's grid, ``y`` (samples,) int64
            labels, ``logits`` (samples, classes) float32, the saved model's outputs before the softmax.
        input_type: such as ``ufixed<5,1>``.
        accuracy_qkeras: of the saved model with its masks on the test samples, 0 to 1.
        accuracy_float: of the float network of the same shape; None if it was not asked for.
        layers: in the model's order.
        seconds: wall time, TensorFlow's import included.
    """

    folder: Path
    model_path: Path
    masks_path: Path
    test_data_path: Path
    input_type: str
    accuracy_qkeras: float
    accuracy_float: float | None
    layers: tuple[LayerSummary, ...]
    seconds: float

    @property
    def sparsity(self) -> float:
        """Share of all weights that masks take away, 0 to 1."""
        return sum(layer.pruned for layer in self.layers) / sum(layer.weights for layer in self.layers)


def train(config: TrainConfig, progress: Report | None = None) -> TrainResult:
    """Train what ``config`` says and write its folder, replacing an earlier training's.

    Switches TensorFlow's deterministic operations on for the rest of the process.

    Args:
        progress: called as stages advance; see ``progress_bars``.
    Raises:
        ConfigError, InputError: the configuration does not fit the data, or the output folder is not free.
        ToolMissingError: TensorFlow, QKeras or the package of the data set is not installed.
        ToolFailedError: the training diverged.
    """
    began = time.perf_counter()
    report = progress or (lambda event: None)
    folder = Path(config.output.folder)
    check_replaceable(folder)
    data = load_data(config.data, config.model.layers)
    plan = _plan(config, len(data.x_train))
    report(TrainProgress("TensorFlow", 0, 1, "importing"))
    stack = load()
    stack.tf.config.experimental.enable_op_determinism()
    report(TrainProgress("TensorFlow", 1, 1, stack.versions()["tensorflow"]))
    with appearing_folder(folder) as partial:
        with quiet(), _seeded(config.training.seed):
            accuracy_float = _train_float(config, data, report) if config.training.float_baseline else None
            model, masks = _train_quantized(config, data, plan, report)
            save_pruned(model, masks, partial)
            saved = load_pruned(partial / MODEL_FILE)
            logits = _predict(saved, data.x_test)
            layers = _summaries(config.model, quantized_kernels(saved), masks)
        np.savez_compressed(partial / DATA_FILE, x=data.x_test, y=data.y_test, logits=logits)
        (partial / CONFIG_FILE).write_text(config_text(config), encoding="utf-8")
        result = TrainResult(
            folder=folder,
            model_path=folder / MODEL_FILE,
            masks_path=folder / MASKS_FILE,
            test_data_path=folder / DATA_FILE,
            input_type=config.data.input_type,
            accuracy_qkeras=_accuracy(logits, data),
            accuracy_float=accuracy_float,
            layers=layers,
            seconds=time.perf_counter() - began,
        )
        write_json(partial / REPORT_FILE, _figures(config, data, result, stack.versions()))
    return result


def _plan(config: TrainConfig, samples: int) -> PruningPlan | None:
    """The pruning section with its schedule in training steps."""
    pruning = config.pruning
    if pruning is None:
        return None
    steps = -(-samples // config.training.batch)
    unit = steps if pruning.schedule.unit == "epochs" else 1
    end = round(pruning.schedule.end * unit)
    if end > steps * config.training.epochs:
        raise ConfigError(
            f"[pruning.schedule] end: pruning ends after {end} steps and training after "
            f"{steps * config.training.epochs}, {steps} an epoch; give it fewer or train longer."
        )
    schedule = PolynomialSchedule(
        begin=round(pruning.schedule.begin * unit),
        end=end,
        every=max(1, round(pruning.schedule.every * unit)),
        initial=pruning.schedule.initial,
        power=pruning.schedule.power,
    )
    return PruningPlan(
        method=pruning.method,
        granularity=pruning.granularity,
        scope=pruning.scope,
        sparsity=pruning.sparsity,
        schedule=schedule,
        layers=dict(pruning.layers),
        skip=_skipped(pruning),
    )


def _skipped(pruning: PruningConfig) -> frozenset[str]:
    """A neuron of the output layer is an answer: it is never pruned as a whole."""
    answers = {OUTPUT_LAYER} if pruning.granularity is Granularity.NEURON else set()
    return frozenset(pruning.skip) | answers


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed Keras; the caller's Python and NumPy generators are as before at the end."""
    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002  # Keras seeds NumPy's global generator
    try:
        load().keras.utils.set_random_seed(seed)
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002


def _train_float(config: TrainConfig, data: DataSet, report: Report) -> float:
    model = float_model(config.model, data.sample_shape, data.classes)
    _fit(model, config.training, data, [], lambda done, note: report(_epoch("float network", config, done, note)))
    return _accuracy(_predict(model, data.x_test), data)


def _train_quantized(
    config: TrainConfig, data: DataSet, plan: PruningPlan | None, report: Report
) -> tuple[Any, Mapping[str, BoolArray]]:
    model = quantized_model(config.model, data.sample_shape, data.classes)
    if plan is None:
        _fit(
            model, config.training, data, [], lambda done, note: report(_epoch("quantized network", config, done, note))
        )
        return model, {}
    from hwgen.training.callback import PruningCallback  # its class derives from Keras's

    pruning = PruningCallback(plan)

    def epoch(done: int, note: str) -> None:
        kept = np.concatenate([mask.ravel() for mask in pruning.masks.values()]) if pruning.masks else np.ones(1)
        report(_epoch("quantized network", config, done, f"{1 - kept.mean():.0%} pruned, {note}" if note else ""))

    _fit(model, config.training, data, [pruning], epoch)
    return model, pruning.masks


def _epoch(stage: str, config: TrainConfig, done: int, note: str) -> TrainProgress:
    return TrainProgress(stage, done, config.training.epochs, note)


def _fit(
    model: Any, config: TrainingConfig, data: DataSet, callbacks: list[Any], epoch: Callable[[int, str], None]
) -> None:
    keras = load().keras
    rate = config.learning_rate
    if config.decay == "cosine":
        steps = config.epochs * -(-len(data.x_train) // config.batch)
        rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=model.layers[-1].name == OUTPUT_LAYER)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])

    def report(number: int, logs: Mapping[str, float]) -> None:
        if not np.isfinite(logs["loss"]):
            raise ToolFailedError(
                f"the training diverged: the loss of epoch {number + 1} is {logs['loss']}; lower [training] "
                f"learning_rate, {config.learning_rate}."
            )
        epoch(number + 1, f"training accuracy {logs['accuracy']:.3f}")

    epoch(0, "")
    reporter = keras.callbacks.LambdaCallback(on_epoch_end=report)
    model.fit(data.x_train, data.y_train, config.batch, config.epochs, verbose=0, callbacks=[*callbacks, reporter])


def _predict(model: Any, x: Float32Array) -> Float32Array:
    """Logits, (samples, classes)."""
    return np.asarray(logits_model(model).predict(x, batch_size=1024, verbose=0), dtype=np.float32)


def _accuracy(logits: Float32Array, data: DataSet) -> float:
    """Share of test samples whose first largest logit is their label."""
    return int((logits.argmax(axis=1) == data.y_test).sum()) / len(data.y_test)


def _summaries(
    config: ModelConfig, kernels: Mapping[str, NDArray[np.float32]], masks: Mapping[str, BoolArray]
) -> tuple[LayerSummary, ...]:
    texts = {OUTPUT_LAYER: config.quantizer(config.output, "weights", OUTPUT_LAYER)}
    for name, layer in zip(config.layer_names(), config.layers, strict=True):
        if layer.kind != "maxpool":
            texts[name] = config.quantizer(layer, "weights", name)
    return tuple(
        LayerSummary(
            name=name,
            weight_bits=read_quantizer(texts[name], WEIGHT_QUANTIZERS).bits,
            weights=kernel.size,
            pruned=int((~masks[name]).sum()) if name in masks else 0,
            zeros=int((kernel == 0).sum()),
        )
        for name, kernel in kernels.items()
    )


def _figures(config: TrainConfig, data: DataSet, result: TrainResult, versions: Mapping[str, str]) -> dict[str, Any]:
    """``training.json``: what the same run on the same machine repeats, so no times and no folders."""
    return {
        "input_type": result.input_type,
        "accuracy_qkeras": result.accuracy_qkeras,
        "accuracy_float": result.accuracy_float,
        "train_samples": len(data.y_train),
        "test_samples": len(data.y_test),
        "classes": data.classes,
        "saturated_inputs": data.saturated,
        "sparsity": result.sparsity,
        "layers": [{**asdict(layer), "sparsity": layer.sparsity} for layer in result.layers],
        "seed": config.training.seed,
        "versions": dict(versions),
    }
