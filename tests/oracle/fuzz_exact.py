"""A drawn model built with Keras, and what it computes in exact arithmetic: the reference of the fuzzer."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from oracle import keras_rational
from oracle.fuzz_code import building_lines
from oracle.fuzz_model import PLAIN, RECURRENT, FuzzLayer, FuzzModel, resolved
from oracle.keras_environment import building, keras, qkeras, sparsity, unwrapped
from oracle.quantizer_rational import Exact, NotExactError, each
from oracle.random_models import save_model, typed_samples
from oracle.random_weights import set_weights
from oracle.rational_curves import curve
from oracle.rational_heads import Rounding, headed
from oracle.rational_layers import merged
from oracle.rational_recurrent import recurrent

_UNCHANGED = ("SpatialDropout1D", "GaussianDropout", "GaussianNoise", "ActivityRegularization")
HEADS = ("softmax", "sigmoid")


@dataclass(frozen=True, slots=True)
class Built:
    """A model, its layers and whatever else its text defines by name, and its weights as they are in the file."""

    drawn: FuzzModel
    model: Any
    layers: Mapping[str, Any]
    names: Mapping[str, Any]
    stored: tuple[NDArray[np.float32], ...]

    def save(self, folder: Path) -> tuple[Path, Path | None]:
        """Write the file; what ``hwgen.load`` takes. Before ``round_given``."""
        return save_model(self.model, folder / f"model_{self.drawn.seed}.{self.drawn.form}", self.drawn.form)

    def round_given(self) -> None:
        """Round the weights for which ``hwgen.load`` is given a type, as it has to."""
        for layer in self.drawn.every_layer():
            if layer.given is not None and layer.shares is None:
                for variable in self.layers[layer.name].weights:
                    variable.assign(_rounded(variable.numpy(), layer.given))


def build(drawn: FuzzModel) -> Built:
    """Build a model and set its weights; those of a layer depend on the seed and its name alone."""
    known: dict[str, Any] = {"keras": keras, "qkeras": qkeras, "sparsity": sparsity, "np": np}
    with building():
        exec("\n".join(building_lines(drawn)), known)
    layers = {}
    for layer in drawn.every_layer():
        if layer.shares is None and layer.body is None:
            layers[layer.name] = known[layer.name]
            _set_weights(layer, known[layer.name], drawn.seed)
    model = known["model"]
    return Built(drawn, model, layers, known, tuple(model.get_weights()))


def _set_weights(drawn: FuzzLayer, layer: Any, seed: int) -> None:
    rng = np.random.default_rng([seed, crc32(drawn.name.encode())])
    if drawn.kind in RECURRENT:
        for variable in layer.weights:
            variable.assign(rng.integers(-12, 13, variable.shape) / 8)
        return
    set_weights(SimpleNamespace(layers=[layer.layer if drawn.wrap == "time" else layer]), rng)


def samples(drawn: FuzzModel, count: int) -> list[NDArray[np.float32]]:
    """For each input the corners of its type and values on its grid, or any floats where it has none."""
    found = []
    for number, source in enumerate(drawn.inputs):
        if source.type is not None:
            found.append(typed_samples(source.type, source.shape, count, drawn.seed + number))
            continue
        rng = np.random.default_rng(drawn.seed + number)
        values = rng.normal(scale=2.0, size=(count, *source.shape))
        values[count // 2 :] = np.round(values[count // 2 :] * 32) / 32  # ties
        values[0], values[1], values[2] = 100.0, -100.0, 0.0
        found.append(values.astype(np.float32))
    return found


def exact_outputs(built: Built, inputs: list[NDArray[np.float32]]) -> list[Exact] | None:
    """What each output is with the model's head; None where the model has no exact meaning in fixed point."""
    exact = [each(Fraction, array.astype(object)) for array in inputs]
    try:
        ends = _run(built, built.drawn, exact)
    except (NotExactError, NotImplementedError):  # the order of two square roots
        return None
    found = [headed(built.drawn.head, end) for end in ends]
    return None if any(end is None for end in found) else [end for end in found if end is not None]


def _run(built: Built, model: FuzzModel, inputs: list[Exact]) -> list[Exact]:
    known = {source.name: given for source, given in zip(model.inputs, inputs, strict=True)}
    layers = {layer.name: layer for layer in model.layers}
    read = {name for call in model.layers for name in call.inputs}
    for call in model.layers:
        layer, sources = resolved(call, layers), [known[name] for name in call.inputs]
        last = call.name in model.outputs and call.name not in read
        if layer.body is not None:
            (known[call.name],) = _run(built, layer.body, sources)
        else:
            known[call.name] = _layer(layer, built.layers[layer.name], sources, last)
    return [known[name] for name in model.outputs]


def _layer(drawn: FuzzLayer, layer: Any, sources: list[Exact], last: bool) -> Exact:
    if len(sources) > 1:
        return merged(layer, sources)
    (x,) = sources
    if drawn.wrap == "time":
        steps = _plain_layer(drawn, layer.layer, x.reshape(-1, *x.shape[2:]), last)
        return steps.reshape(*x.shape[:2], *steps.shape[1:])
    y = _plain_layer(drawn, unwrapped(layer), x, last)
    return y if drawn.given_result is None else each(Rounding.read(drawn.given_result).value, y)


def _plain_layer(drawn: FuzzLayer, layer: Any, x: Exact, last: bool) -> Exact:
    activation = drawn.options.get("activation")
    if drawn.kind in RECURRENT:
        return recurrent(layer, x)
    if drawn.kind in _UNCHANGED:
        return x
    if is_head(drawn) and last:
        return x
    if drawn.kind == "Softmax" or (drawn.kind == "Activation" and activation == "softmax"):
        raise NotExactError("a softmax inside the model")
    if drawn.kind in ("LeakyReLU", "ELU") or (drawn.kind == "ReLU" and drawn.options):
        return each(curve(layer, None), x)
    if drawn.kind == "Activation" and activation not in ("relu", "linear"):
        return each(curve(layer, activation), x)
    if drawn.kind in PLAIN and activation not in (None, "relu", "linear"):
        own, layer.activation = layer.activation, keras.activations.linear
        try:
            return each(curve(layer, activation), keras_rational.evaluate_layer(layer, x, last))
        finally:
            layer.activation = own
    return keras_rational.evaluate_layer(layer, x, last)


def is_head(layer: FuzzLayer) -> bool:
    """Whether hwgen leaves the layer out where it is the last."""
    return layer.kind == "Softmax" or (layer.kind == "Activation" and layer.options["activation"] in HEADS)


def without_heads(drawn: FuzzModel) -> str | None:
    """The model without its heads, as Python; None where a head is inside a layer."""
    layers = {layer.name: layer for layer in drawn.layers}
    read = {name for call in drawn.layers for name in call.inputs}
    found = []
    for name in drawn.outputs:
        call = layers[name]
        layer = resolved(call, layers)
        head = name not in read and is_head(layer)
        if name not in read and not head and layer.options.get("activation") in HEADS:
            return None
        found.append(call.inputs[0] if head else name)
    if tuple(found) == drawn.outputs:
        return "model"
    if drawn.sequential:
        return "keras.Sequential(model.layers[:-1])"
    return f"keras.Model(model.inputs, [{', '.join(f't_{name}' for name in found)}])"


def _rounded(weights: NDArray[np.float32], given: str) -> NDArray[np.float32]:
    """Weights in the first type of such as "fixed<6,3,RND_CONV,SAT>" or "fixed<6,3,RND,SAT>:ufixed<4,2,TRN,SAT>"."""
    to = Rounding.read(given.partition(":")[0])
    return (
        np.vectorize(lambda w: float(to.value(Fraction(float(w)))), otypes=[np.float32])(weights)
        if weights.size
        else weights
    )
