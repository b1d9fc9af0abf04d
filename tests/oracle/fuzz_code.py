"""A drawn model as Python that builds it: the fuzzer runs this text, and a program that shows a failure has it."""

from collections.abc import Mapping
from typing import Any

from oracle.fuzz_model import FuzzLayer, FuzzModel

_INDENT = "    "


def building_lines(model: FuzzModel) -> list[str]:
    """Lines that need keras, qkeras, sparsity and np, and define each layer by its name and ``model``.

    A layer's output is called ``t_NAME``, but in a Sequential model.
    """
    lines = _definitions(model)
    lines.append(f"model = {_whole(model, None)}")
    return lines


def _definitions(model: FuzzModel) -> list[str]:
    lines = [f"t_{i.name} = keras.layers.Input({i.shape!r}, name={i.name!r})" for i in model.inputs]
    for layer in model.layers:
        if layer.shares is None:
            if layer.body is not None:
                lines += [*_definitions(layer.body), f"{layer.name} = {_whole(layer.body, layer.name)}"]
            else:
                lines.append(f"{layer.name} = {layer_text(layer)}")
        if not model.sequential:
            given = [f"t_{name}" for name in layer.inputs]
            read = given[0] if len(given) == 1 else f"[{', '.join(given)}]"
            lines.append(f"t_{layer.name} = {layer.shares or layer.name}({read})")
    return lines


def _whole(model: FuzzModel, name: str | None) -> str:
    named = "" if name is None else f", name={name!r}"
    if model.sequential:
        parts = [f"t_{model.inputs[0].name}", *(layer.name for layer in model.layers)]
        return f"keras.Sequential([{', '.join(parts)}]{named})"
    ends = [", ".join(f"t_{part}" for part in parts) for parts in ([i.name for i in model.inputs], model.outputs)]
    return f"keras.Model([{ends[0]}], [{ends[1]}]{named})"


def layer_text(layer: FuzzLayer) -> str:
    """What makes the layer, wrapper included."""
    owner = "qkeras" if layer.kind.startswith("Q") else "keras.layers"
    own_name = "" if layer.wrap == "time" else f"name={layer.name!r}"
    options = [f"{key}={_value(key, value, layer.objects)}" for key, value in layer.options.items()]
    text = f"{owner}.{layer.kind}({', '.join([*options, *([own_name] if own_name else [])])})"
    match layer.wrap:
        case "time":
            return f"keras.layers.TimeDistributed({text}, name={layer.name!r})"
        case "prune":
            return f"sparsity.prune_low_magnitude({text})"
    return text


def _value(key: str, value: Any, objects: bool) -> str:
    """Quantizers as text or as objects, lists as tuples. QKeras reads no arrays in text."""
    is_quantizer = isinstance(value, str) and "(" in value
    if is_quantizer and (objects or "np.array" in value):
        return f"qkeras.quantizers.{value}"
    return repr(_tuples(value))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(entry) for entry in value) if isinstance(value, list | tuple) else value


_SCRIPT = '''"""hwgen differs: {title}"""

import os
import tempfile
from fractions import Fraction
from pathlib import Path

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import qkeras
import tensorflow as tf
import tf_keras as keras
from tensorflow.python.ops import array_ops
from tensorflow.python.util import nest
from tensorflow_model_optimization.sparsity import keras as sparsity

import hwgen
from hwgen import reference
from hwgen.circuit import TARGETS, ClockPlan, Interface, lower
from hwgen.emit import Strategy
from hwgen.verify import BatchOptions, VerifyReport, verify_networks

for gone in ("stack", "unstack"):  # TensorFlow has moved what qkeras calls
    setattr(array_ops, gone, getattr(tf, gone))
nest.is_sequence = nest.is_nested
tf.config.optimizer.set_experimental_options({{"remapping": False}})

# The model.
{model}
weights = [
{weights}
]
shapes = [array.shape for array in model.get_weights()]
model.set_weights([np.array(values, dtype=np.float32).reshape(shape) for values, shape in zip(weights, shapes)])

# What goes in, and what has to come out: exact values of each output.
data = [
{data}
]
expected = [
{expected}
]

folder = Path(tempfile.mkdtemp())
path, stored = folder / "model.{form}", {stored}
{save}
loaded = hwgen.load(path, {load})
print(loaded)
network = loaded.network
codes = loaded.codes(data[0] if len(data) == 1 else data)
codes = codes if isinstance(codes, tuple) else (codes,)
wrong = []
for number, (name, found, values) in enumerate(zip(network.outputs, codes, expected)):
    fraction = network.value(name).type.fraction
    exact = [Fraction(int(code)) / Fraction(2) ** fraction for code in found.ravel()]
    different = [n for n, (a, b) in enumerate(zip(exact, values)) if a != Fraction(b)]
    if different or len(exact) != len(values):
        wrong.append(f"output {{number}} has wrong codes at {{different[:5]}} of {{len(values)}}")
given = reference.encode(network, data[0] if len(data) == 1 else data)
for interface in Interface:
    try:
        circuit = lower(network, TARGETS["amd"], ClockPlan(2), interface)
    except hwgen.HwgenError as refusal:
        print(f"{{interface.value}}: {{refusal}}")
        continue
    if any((a != b).any() for a, b in zip(circuit.codes(given), codes)):
        wrong.append(f"the {{interface.value}} circuit differs from the reference")
{extra}
if wrong:
    raise SystemExit("; ".join(wrong))
print("equal")
'''

_KERAS = """if network.float32_exact:
    by_keras = {raw}(data[0] if len(data) == 1 else data, training=False)
    by_keras = by_keras if isinstance(by_keras, list) else [by_keras]
    for number, (found, values) in enumerate(zip(by_keras, expected)):
        if [Fraction(float(v)) for v in np.asarray(found).ravel()] != [Fraction(v) for v in values]:
            wrong.append(f"Keras differs in output {{number}}")"""

_CSIM = """for strategy in Strategy:
    for interface in Interface:
        (report,) = verify_networks([network], strategy, BatchOptions(samples=100, interface=interface))
        if not isinstance(report, VerifyReport) or not report.equal:
            wrong.append(f"{{strategy.value}} {{interface.value}}: {{report}}")"""


def script(
    model: FuzzModel,
    title: str,
    weights: list[Any],
    data: list[Any],
    expected: list[list[str]],
    given: Mapping[str, str],
    raw: str | None,
    csim: bool,
) -> str:
    """A program without imports of tests that ends with an error where hwgen and the exact values differ.

    Args:
        weights: of the model, in Keras's order, as lists.
        data: for each input, as lists.
        expected: for each output, exact numbers as text; none where the model has no exact meaning.
        given: types for the weights of layers, by name.
        raw: the model that Keras's predictions are of, as Python; None where hwgen computes another.
        csim: whether to compile the C++ too.
    """
    if model.form == "json":
        save = "path.write_text(model.to_json())\nmodel.save_weights(stored)"
    else:
        save = "model.save(path)"
    types = {i.name: i.type for i in model.inputs if i.type is not None}
    load = f"weights=stored, input_type={types or None!r}, quantize={dict(given) or None!r}, head={model.head!r}"
    # Weights that hwgen.load rounds are in the model as they were, so Keras does not predict the same.
    keras_too = not given and model.head == "logits" and expected and raw is not None
    extra = [_KERAS.format(raw=raw)] if keras_too else []
    return _SCRIPT.format(
        title=title.replace('"', "'").replace("\\", "/"),
        model="\n".join(building_lines(model)),
        weights="\n".join(f"{_INDENT}{values!r}," for values in weights),
        data="\n".join(f"{_INDENT}np.array({values!r}, dtype=np.float32)," for values in data),
        expected="\n".join(f"{_INDENT}{values!r}," for values in expected),
        form=model.form,
        stored='folder / "weights.h5"' if model.form == "json" else "None",
        save=save,
        load=load,
        extra="\n".join([*extra, *([_CSIM.format()] if csim else [])]),
    )
