"""Makes a failing model smaller while it fails in the same way: fewer layers, options, sizes and bits, greedily."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from oracle.fuzz_draw import without_dead_layers
from oracle.fuzz_model import FuzzInput, FuzzLayer, FuzzModel
from oracle.fuzz_shapes import ImpossibleError, all_shapes

Fails = Callable[[FuzzModel], bool]
_CHEAP_TYPE = "fixed<3,2>"
_SIMPLE = ("quantized_bits(4,1,alpha=1)", "quantized_bits(2,1,alpha=1)")
_ALWAYS = ("filters", "units", "kernel_size", "pool_size", "size", "n", "dims", "target_shape", "padding", "cropping")


def shrink(model: FuzzModel, fails: Fails, seconds: float = 120.0) -> FuzzModel:
    """A smaller model that still fails; the same one where nothing smaller does.

    Args:
        fails: whether a model fails in the way that matters; models that cannot be built do not.
        seconds: after which no smaller one is sought.
    """
    until = time.monotonic() + seconds
    tried: set[str] = set()
    smaller = True
    while smaller:
        smaller = False
        for candidate in candidates(model):
            if time.monotonic() > until:
                return model
            key = repr(candidate)
            if key in tried or not is_sound(candidate):
                continue
            tried.add(key)
            if fails(candidate):
                model, smaller = candidate, True
                break  # and again from the largest steps
    return model


def is_sound(model: FuzzModel) -> bool:
    """Whether its layers fit each other and something remains."""
    if not model.layers or not model.outputs or not model.inputs or (model.sequential and not model.is_chain):
        return False
    names = {layer.name for layer in model.layers}
    if any(layer.shares is not None and layer.shares not in names for layer in model.layers):
        return False
    if not set(model.outputs) <= names:
        return False
    try:
        all_shapes(model)
    except (ImpossibleError, KeyError, ValueError, IndexError, ZeroDivisionError):
        return False
    return all(layer.body is None or is_sound(layer.body) for layer in model.layers)


def candidates(model: FuzzModel) -> Iterator[FuzzModel]:
    """Smaller models, the much smaller ones first."""
    if model.sequential or model.form != "h5" or model.head != "logits":
        yield replace(model, sequential=False, form="h5", head="logits")
        yield replace(model, sequential=False)
        yield replace(model, form="h5")
        yield replace(model, head="logits")
    if len(model.outputs) > 1:
        for output in model.outputs:
            yield without_dead_layers(replace(model, outputs=(output,)))
    yield from _ends(model)
    yield from _starts(model)
    for layer in model.layers:
        yield from _without(model, layer)
    for layer in model.layers:
        yield from _simpler(model, layer)
    for source in model.inputs:
        yield from _smaller_input(model, source)


def _ends(model: FuzzModel) -> Iterator[FuzzModel]:
    """Up to an earlier layer."""
    for layer in model.layers:
        if (layer.name,) != model.outputs:
            yield without_dead_layers(replace(model, outputs=(layer.name,)))


def _starts(model: FuzzModel) -> Iterator[FuzzModel]:
    """With an input in the place of a layer, the last layers first."""
    try:
        shapes = all_shapes(model)
    except ImpossibleError:
        return
    for layer in reversed(model.layers):
        if layer.name in model.outputs or any(other.shares == layer.name for other in model.layers):
            continue
        others = tuple(other for other in model.layers if other is not layer)
        source = FuzzInput(layer.name, shapes[layer.name], _CHEAP_TYPE)
        yield without_dead_layers(replace(model, inputs=(*model.inputs, source), layers=others))


def _without(model: FuzzModel, gone: FuzzLayer) -> Iterator[FuzzModel]:
    """Without one layer: its readers read what it read. A model in the model gives way to its layers."""
    if gone.body is not None and gone.shares is None and not any(o.shares == gone.name for o in model.layers):
        yield _opened(model, gone)
    if any(other.shares == gone.name for other in model.layers):
        return
    for instead in dict.fromkeys(gone.inputs):
        layers = tuple(
            replace(other, inputs=tuple(instead if name == gone.name else name for name in other.inputs))
            for other in model.layers
            if other is not gone
        )
        outputs = tuple(dict.fromkeys(instead if name == gone.name else name for name in model.outputs))
        yield without_dead_layers(replace(model, layers=layers, outputs=outputs))
    if len(gone.inputs) > 2:
        for position in range(len(gone.inputs)):
            fewer = gone.inputs[:position] + gone.inputs[position + 1 :]
            yield without_dead_layers(_with(model, gone, replace(gone, inputs=fewer)))


def _opened(model: FuzzModel, outer: FuzzLayer) -> FuzzModel:
    assert outer.body is not None
    names = dict(zip((source.name for source in outer.body.inputs), outer.inputs, strict=True))
    inner = [replace(layer, inputs=tuple(names.get(n, n) for n in layer.inputs)) for layer in outer.body.layers]
    end = outer.body.outputs[0]
    layers: list[FuzzLayer] = []
    for layer in model.layers:
        if layer is outer:
            layers += inner
        else:
            layers.append(replace(layer, inputs=tuple(end if n == outer.name else n for n in layer.inputs)))
    outputs = tuple(end if name == outer.name else name for name in model.outputs)
    return replace(model, layers=tuple(layers), outputs=outputs, sequential=False)


def _with(model: FuzzModel, old: FuzzLayer, new: FuzzLayer) -> FuzzModel:
    return replace(model, layers=tuple(new if layer is old else layer for layer in model.layers))


def _simpler(model: FuzzModel, layer: FuzzLayer) -> Iterator[FuzzModel]:
    """Options left out, sizes halved, quantizers simpler, wrappers gone; a shared layer once more as its own."""
    if layer.shares is not None:
        original = next(other for other in model.layers if other.name == layer.shares)
        yield _with(model, layer, replace(original, name=layer.name, inputs=layer.inputs))
        return
    if layer.wrap is not None:
        yield _with(model, layer, replace(layer, wrap=None))
    if layer.objects:
        yield _with(model, layer, replace(layer, objects=False))
    if layer.given is not None and layer.given_result is not None:
        yield _with(model, layer, replace(layer, given=layer.given.partition(":")[0]))
    if layer.body is not None:
        if layer.body.sequential:
            yield _with(model, layer, replace(layer, body=replace(layer.body, sequential=False)))
        for inner in layer.body.layers:
            for body in (*_without(layer.body, inner), *_simpler(layer.body, inner)):
                if len(body.inputs) == len(layer.inputs):
                    yield _with(model, layer, replace(layer, body=body))
        return
    for key, value in layer.options.items():
        if key not in _ALWAYS and not key.endswith("_quantizer") and not (key == "activation" and "Act" in layer.kind):
            yield _with(model, layer, replace(layer, options={k: v for k, v in layer.options.items() if k != key}))
        for simple in _simpler_values(value):
            yield _with(model, layer, replace(layer, options={**layer.options, key: simple}))
    if "bias_quantizer" in layer.options:
        options = {k: v for k, v in layer.options.items() if k != "bias_quantizer"}
        yield _with(model, layer, replace(layer, options=options | {"use_bias": False}))


def _simpler_values(value: Any) -> Iterator[Any]:
    if isinstance(value, bool) or value is None or isinstance(value, float):
        return
    if isinstance(value, str):
        if "(" in value and value not in _SIMPLE:
            yield from _SIMPLE
            first = re.search(r"\((\d+)", value)
            if first is not None and int(first[1]) > 2:
                yield f"{value[: first.start(1)]}{int(first[1]) - 1}{value[first.end(1) :]}"
            # One option at a time, the last first.
            name, _, rest = value.partition("(")
            parts = rest.removesuffix(")").split(",")
            for position in reversed(range(1, len(parts))):
                yield f"{name}({','.join(parts[:position] + parts[position + 1 :])})"
        return
    if isinstance(value, int):
        if value > 1:
            yield 1
            yield value - 1
        return
    if isinstance(value, list | tuple):
        for position, entry in enumerate(value):
            for simple in (0, *_simpler_values(entry)) if entry == 1 else _simpler_values(entry):
                yield [*value[:position], simple, *value[position + 1 :]]


def _smaller_input(model: FuzzModel, source: FuzzInput) -> Iterator[FuzzModel]:
    """Fewer positions and channels, in all inputs of the shape alike; a small type."""

    def changed(new: FuzzInput) -> FuzzModel:
        return replace(
            model,
            inputs=tuple(
                replace(other, shape=new.shape) if other.shape == source.shape and other is not source else other
                for other in (new if other is source else other for other in model.inputs)
            ),
        )

    if source.type != _CHEAP_TYPE:
        yield changed(replace(source, type=_CHEAP_TYPE))
    for axis, size in enumerate(source.shape):
        for smaller in dict.fromkeys([1, size // 2, size - 1]):
            if 1 <= smaller < size:
                yield changed(replace(source, shape=(*source.shape[:axis], smaller, *source.shape[axis + 1 :])))
