"""The shape of a layer's output, from its options alone: no model needs to be built to draw or to shrink one."""

from math import prod
from typing import Any

from oracle.fuzz_model import MERGES, RECURRENT, FuzzLayer, FuzzModel, Options, resolved

Shape = tuple[int, ...]
MOST_CODES = 500  # of one tensor: the exact evaluator is slow

_SAME = (
    *("QActivation", "Activation", "ReLU", "LeakyReLU", "ELU", "Softmax", "BatchNormalization", "QBatchNormalization"),
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "ActivityRegularization"),
)


class ImpossibleError(Exception):
    """Keras does not build such a layer on such shapes, or it is too large for the exact evaluator."""


def output_shape(layer: FuzzLayer, shapes: list[Shape]) -> Shape:
    """The shape without samples.

    Raises:
        ImpossibleError: there is none.
    """
    if layer.wrap == "time":
        steps, *inner = shapes[0]
        if not inner:
            raise ImpossibleError("no axis of steps")
        shape = (steps, *_shape(layer, [tuple(inner)]))
    else:
        shape = _shape(layer, shapes)
    if not 1 <= prod(shape) <= MOST_CODES or min(shape, default=1) < 1:
        raise ImpossibleError(f"shape {shape}")
    return shape


def all_shapes(model: FuzzModel) -> dict[str, Shape]:
    """Of every input and layer.

    Raises:
        ImpossibleError: a layer does not fit.
    """
    known = {source.name: source.shape for source in model.inputs}
    layers = {layer.name: layer for layer in model.layers}
    for call in model.layers:
        layer, shapes = resolved(call, layers), [known[name] for name in call.inputs]
        if call.shares is not None and shapes != [known[name] for name in layer.inputs]:
            raise ImpossibleError("a shared layer reads another shape")
        known[call.name] = output_shape(layer, shapes)
    return known


def _shape(layer: FuzzLayer, shapes: list[Shape]) -> Shape:
    kind, options = layer.kind, layer.options
    if layer.body is not None:
        if shapes != [source.shape for source in layer.body.inputs]:
            raise ImpossibleError("a model reads another shape")
        return all_shapes(layer.body)[layer.body.outputs[0]]
    if kind in MERGES:
        return _merged(kind, options, shapes)
    (shape,) = shapes
    rank = len(shape) - 1
    if kind in _SAME:
        if kind.startswith("SpatialDropout") and f"{rank}D" not in kind:
            raise ImpossibleError("rank")
        return shape
    if kind in ("QDense", "Dense"):
        return (*shape[:-1], options["units"])
    if kind in RECURRENT:
        _need(rank == 1)
        return (shape[0], options["units"]) if options.get("return_sequences") else (options["units"],)
    if kind in ("Flatten", "Reshape", "Permute", "RepeatVector"):
        return _rearranged(kind, options, shape)
    _need(rank == int(kind.removesuffix("Batchnorm").removesuffix("Transpose").removesuffix("D")[-1]))
    return _windowed(kind, options, shape, rank)


def _need(holds: bool) -> None:
    if not holds:
        raise ImpossibleError("does not fit")


def _merged(kind: str, options: Options, shapes: list[Shape]) -> Shape:
    _need(len(shapes) >= 2 and (kind != "Subtract" or len(shapes) == 2))
    if kind == "Concatenate":
        axis = options.get("axis", -1)
        at = axis - 1 if axis > 0 else len(shapes[0]) + axis
        _need(0 <= at < len(shapes[0]))
        _need(len({(*s[:at], *s[at + 1 :]) for s in shapes}) == 1 and len({len(s) for s in shapes}) == 1)
        return (*shapes[0][:at], sum(s[at] for s in shapes), *shapes[0][at + 1 :])
    largest = max(shapes, key=len)
    _need(all(s in (largest, largest[-1:]) for s in shapes) and shapes[0] == largest)
    return largest


def _rearranged(kind: str, options: Options, shape: Shape) -> Shape:
    match kind:
        case "Flatten":
            return (prod(shape),)
        case "Reshape":
            _need(prod(options["target_shape"]) == prod(shape))
            return tuple(options["target_shape"])
        case "Permute":
            _need(sorted(options["dims"]) == list(range(1, len(shape) + 1)))
            return tuple(shape[axis - 1] for axis in options["dims"])
        case _:
            _need(len(shape) == 1)
            return (options["n"], *shape)


def _windowed(kind: str, options: Options, shape: Shape, rank: int) -> Shape:
    *spatial, channels = shape
    if kind.startswith("Global") or kind.startswith("QGlobal"):
        return (*[1] * rank, channels) if options.get("keepdims") else (channels,)
    if kind.startswith(("ZeroPadding", "Cropping")):
        sign, key = (1, "padding") if kind.startswith("Zero") else (-1, "cropping")
        pairs = [options[key]] if rank == 1 else options[key]
        return (*(n + sign * sum(pair) for n, pair in zip(spatial, pairs, strict=True)), channels)
    if kind.startswith("UpSampling"):
        return (*(n * k for n, k in zip(spatial, _each(options["size"], rank), strict=True)), channels)
    pool = "Pooling" in kind
    window = _each(options["pool_size" if pool else "kernel_size"], rank)
    strides = _each(options.get("strides") or (window if pool else 1), rank)
    dilation = _each(options.get("dilation_rate", 1), rank)
    padding = options.get("padding", "valid")
    _need(max(strides) == 1 or max(dilation) == 1)
    if pool:
        filters = channels
    elif "Depthwise" in kind:
        filters = channels * options.get("depth_multiplier", 1)
    else:
        filters, groups = options["filters"], options.get("groups", 1)
        _need(channels % groups == 0 and filters % groups == 0)
    if ("Depthwise" in kind or "Separable" in kind) and rank == 2:
        _need(len(set(strides)) == 1)  # TensorFlow's depthwise convolution
    if kind.endswith("Transpose"):
        more = options.get("output_padding")
        extra = [None] * rank if more is None else _each(more, rank)
        _need(more is None or all(e < s for e, s in zip(extra, strides, strict=True)))  # type: ignore[operator]
        sizes = zip(spatial, window, strides, dilation, extra, strict=True)
        return (*(_transposed(n, k, s, d, padding, e) for n, k, s, d, e in sizes), filters)
    found = []
    for n, k, s, d in zip(spatial, window, strides, dilation, strict=True):
        reach = (k - 1) * d + 1
        found.append((n - reach) // s + 1 if padding == "valid" else -(-n // s))
    return (*found, filters)


def _transposed(n: int, k: int, s: int, d: int, padding: str, extra: Any) -> int:
    reach = (k - 1) * d + 1
    if extra is None:
        return n * s if padding == "same" else n * s + max(reach - s, 0)
    return (n - 1) * s + reach - (2 * (reach // 2) if padding == "same" else 0) + extra


def _each(sizes: Any, rank: int) -> tuple[int, ...]:
    given = tuple(sizes) if isinstance(sizes, tuple | list) else (int(sizes),)
    return given * rank if len(given) == 1 else given
