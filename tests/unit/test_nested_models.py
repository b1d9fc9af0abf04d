"""Models inside models, layers that are called several times, and wrappers: read from every form of file."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.file_forms import FORMS, Write
from oracle.keras_files import (
    KerasLayer,
    Source,
    activation,
    batch_norm,
    conv_batchnorm,
    dense,
    each_step,
    functional,
    input_layer,
    layer,
    model,
    pruned,
    quantized_bits,
    sequential,
    write_h5,
    write_keras,
)

import hwgen
from hwgen.errors import HwgenError
from hwgen.frontend.files import read_keras_file
from hwgen.frontend.graph import Graph, read_graph
from hwgen.ir import Dense, network_to_json

TYPE = "fixed<8,3>"
RELU = "quantized_relu(6,2)"


def kernel(*shape: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).integers(-31, 32, shape) / 32


def norm(channels: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(channels)
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    return {name: random.uniform(0.5, 2, channels).astype(np.float32) for name in names}


def reading(made: KerasLayer, *sources: Source) -> KerasLayer:
    """The same layer, reading these."""
    return replace(made, sources=sources)


def named(made: KerasLayer, name: str, *sources: Source) -> KerasLayer:
    """The same layer with the same weights under another name."""
    return reading(made.changed(name=name), *sources)


def graph(write: Write, folder: Path, layers: Sequence[KerasLayer], ends: Sequence[Source] | None) -> Graph:
    return read_graph(read_keras_file(*write(folder, layers, ends)))


def network(write: Write, folder: Path, layers: Sequence[KerasLayer], ends: Sequence[Source] | None) -> str:
    """The network as text, without notes, which speak of the file."""
    folder.mkdir()
    path, weights = write(folder, layers, ends)
    found = hwgen.load(path, weights, input_type=TYPE).network
    return network_to_json(replace(found, notes=()))


@pytest.fixture(params=FORMS.values(), ids=list(FORMS))
def write(request: pytest.FixtureRequest) -> Write:
    return request.param  # type: ignore[no-any-return]


# ---- models inside the model


def test_models_in_a_sequential_model_are_their_layers(write: Write, tmp_path: Path) -> None:
    """Three deep, two layers of one name, and a batch norm, whose weights a group of Keras 2 tears apart."""
    first, second, last = (dense(name, kernel(4, 4, seed=i), kernel(4)) for i, name in enumerate(("fc", "fc", "out")))
    innermost = model("core", [input_layer("core_input", (4,)), first, activation("bits", RELU)], sequential=True)
    named_norm = batch_norm("norm", norm(4))
    block = model("block", [innermost, named_norm, activation("bits", RELU), second], sequential=True)
    if write is FORMS["h5"] or write is FORMS["json and h5"]:  # where Keras 2 would store two weights under one name
        second = second.changed(name="fc2")
        block = replace(block, inside=(*block.inside[:3], second))
    nested = [input_layer("data", (4,)), block, activation("end", RELU), last]
    flat = [
        input_layer("data", (4,)),
        first.changed(name="block_core_fc"),
        activation("block_core_bits", RELU),
        named_norm.changed(name="block_norm"),
        activation("block_bits", RELU),
        second.changed(name=f"block_{second.name}"),
        activation("end", RELU),
        last,
    ]
    expected = network(FORMS["h5"], tmp_path / "flat", flat, None)
    assert network(write, tmp_path / "nested", nested, None) == expected


def test_a_model_with_several_inputs_and_outputs_is_its_layers(write: Write, tmp_path: Path) -> None:
    left, right, head = (dense(name, kernel(4, 4, seed=i), None) for i, name in enumerate(("left", "right", "head")))
    inside = [
        input_layer("one", (4,)),
        input_layer("two", (4,)),
        reading(left, "one"),
        reading(activation("bits", RELU), "left"),
        reading(right, "two"),
    ]
    body = model("body", inside, ["right", "bits"], sources=("second", "first"))
    data = [input_layer("first", (4,)), input_layer("second", (4,))]
    nested = [*data, body, reading(head, ("body", 0, 1))]
    flat = [
        *data,
        named(left, "body_left", "second"),
        named(activation("bits", RELU), "body_bits", "body_left"),
        named(right, "body_right", "first"),
        reading(head, "body_bits"),
    ]
    expected = network(FORMS["h5"], tmp_path / "flat", flat, ["body_right", "head"])
    assert network(write, tmp_path / "nested", nested, [("body", 0, 0), "head"]) == expected


def test_a_model_that_returns_what_it_reads_is_nothing(write: Write, tmp_path: Path) -> None:
    through = model("through", [input_layer("in", (4,))], ["in"], sources=("data",))
    head = reading(dense("head", kernel(4, 3), None), "through")
    found = graph(write, tmp_path, [input_layer("data", (4,)), through, head], ["head"])
    assert [(node.name, node.inputs) for node in found.nodes] == [("data", ()), ("head", ("data",))]


def test_a_sequential_model_that_starts_with_a_model_takes_its_input(tmp_path: Path) -> None:
    body = model("body", [input_layer("in", (5,)), dense("fc", kernel(5, 3), None)], sequential=True)
    write_h5(tmp_path / "model.h5", sequential([body]), [body])
    (source,) = hwgen.load(tmp_path / "model.h5", input_type=TYPE).network.inputs
    assert (source.value.name, source.value.shape) == ("body_input", (5,))


def test_a_model_in_a_model_of_keras_2_2_is_a_list_of_layers(tmp_path: Path) -> None:
    """Its configuration has no name; that stands beside it."""
    body = model("body", [input_layer("in", (5,)), dense("fc", kernel(5, 3), None)], sequential=True, sources=("data",))
    architecture = functional([input_layer("data", (5,)), body])
    entry = architecture["config"]["layers"][1]
    entry["config"] = entry["config"]["layers"]
    write_h5(tmp_path / "model.h5", architecture, [input_layer("data", (5,)), body])
    found = read_graph(read_keras_file(tmp_path / "model.h5"))
    assert [node.name for node in found.nodes] == ["data", "body_fc"]
    assert found.nodes[1].weights["kernel"].shape == (5, 3)


def test_pruned_layers_in_a_model_go_by_the_names_that_stripping_gives_them(tmp_path: Path) -> None:
    keep = np.arange(20).reshape(5, 4) % 3 > 0
    inside = pruned([input_layer("in", (5,)), dense("fc", np.full((5, 4), 0.5), None)], {"fc": keep})
    layers = [input_layer("data", (5,)), model("body", inside, sequential=True)]
    (found,) = [node for node in graph(FORMS["h5"], tmp_path, layers, None).nodes if node.class_name == "QDense"]
    assert (found.name, found.masked) == ("body_fc", int((~keep).sum()))
    assert ((found.weights["kernel"] != 0) == keep).all()


def test_a_batch_norm_inside_a_layer_is_not_taken_for_the_layer_of_its_name(tmp_path: Path) -> None:
    """``conv/batch_normalization/gamma`` belongs to the layer ``conv``, though there is a ``batch_normalization``."""
    folded = conv_batchnorm("conv", kernel(2, 2, 2, 3), kernel(3), norm(3))
    own = batch_norm("batch_normalization", {key: array + 1 for key, array in norm(3).items()})
    inside = [input_layer("in", (4, 4, 2)), folded, own]
    found = graph(FORMS["h5"], tmp_path, [input_layer("data", (4, 4, 2)), model("body", inside, sequential=True)], None)
    for name, expected in (("body_conv", folded), ("body_batch_normalization", own)):
        weights = found.node(name).weights
        assert all((weights[key] == expected.weights[key]).all() for key in norm(3))


# ---- layers and models that are called several times


def test_each_call_of_a_shared_layer_is_a_layer_with_its_weights(write: Write, tmp_path: Path) -> None:
    shared, head = dense("fc", kernel(4, 4), kernel(4)), dense("fc_1", kernel(4, 3), None)
    bits = activation("bits", RELU)
    data = [input_layer("a", (4,)), input_layer("b", (4,))]
    calls: Any = (("a",), ("b",), (("bits", 0, 0),))
    layers = [*data, replace(shared, calls=calls), reading(bits, ("fc", 0, 0)), reading(head, ("fc", 1, 0))]
    flat = [
        *data,
        named(shared, "fc", "a"),
        named(shared, "fc_2", "b"),
        named(shared, "fc_3", "bits"),
        reading(bits, "fc"),
        reading(head, "fc_2"),
    ]
    expected = network(FORMS["h5"], tmp_path / "flat", flat, ["fc_1", "fc_3"])
    assert network(write, tmp_path / "shared", layers, ["fc_1", ("fc", 2, 0)]) == expected


def test_each_call_of_a_shared_model_is_its_layers(write: Write, tmp_path: Path) -> None:
    shared, bits = dense("fc", kernel(4, 4), kernel(4)), activation("bits", RELU)
    inside = [input_layer("in", (4,)), shared, bits]
    data = [input_layer("a", (4,)), input_layer("b", (4,))]
    layers = [*data, model("body", inside, calls=(("a",), ("b",), (("body", 0, 0),)))]
    flat = [*data]
    for prefix, source in (("body", "a"), ("body_1", "b"), ("body_2", "body_bits")):
        flat += [named(shared, f"{prefix}_fc", source), named(bits, f"{prefix}_bits", f"{prefix}_fc")]
    expected = network(FORMS["h5"], tmp_path / "flat", flat, ["body_1_bits", "body_2_bits"])
    assert network(write, tmp_path / "shared", layers, [("body", 1, 0), ("body", 2, 0)]) == expected


def test_shared_layers_are_noted_with_the_names_of_their_calls(tmp_path: Path) -> None:
    shared = replace(dense("fc", kernel(4, 4), None), calls=(("data",), (("fc", 0, 0),)))
    path, _ = FORMS["h5"](tmp_path, [input_layer("data", (4,)), shared], [("fc", 1, 0)])
    assert hwgen.load(path, input_type=TYPE).network.notes == (
        "layer 'fc': is called 2 times; each call is hardware of its own with the same weights: fc, fc_1.",
    )
    assert hwgen.inspect(path, input_type=TYPE).network == hwgen.load(path, input_type=TYPE).network


def test_a_mask_of_a_shared_layer_acts_in_each_of_its_calls(tmp_path: Path) -> None:
    shared = replace(dense("fc", np.full((4, 4), 0.5), None), calls=(("data",), (("fc", 0, 0),)))
    path, _ = FORMS["h5"](tmp_path, [input_layer("data", (4,)), shared], [("fc", 1, 0)])
    keep = np.eye(4, dtype=bool)
    np.savez(tmp_path / "masks.npz", fc=keep)
    made = hwgen.load(path, input_type=TYPE).network.layers
    assert [(entry.weight.dense() != 0).tolist() for entry in made if isinstance(entry, Dense)] == [keep.tolist()] * 2


def test_names_that_meet_are_told_apart_by_numbers(tmp_path: Path) -> None:
    inner = model("b", [input_layer("in", (4,)), activation("c", RELU)], sequential=True)
    layers = [
        input_layer("a_b_c", (4,)),
        model("a", [inner, activation("b_c", RELU)], sequential=True),
        activation("a_b_c_1", RELU),
    ]
    found = graph(FORMS["h5"], tmp_path, layers, None)
    assert [node.name for node in found.nodes] == ["a_b_c", "a_b_c_2", "a_b_c_3", "a_b_c_1"]


# ---- wrappers and parts


def test_a_layer_for_each_time_step_has_the_options_and_weights_of_the_layer_inside(
    write: Write, tmp_path: Path
) -> None:
    inner = dense("fc", kernel(4, 3), kernel(3))
    found = graph(write, tmp_path, [input_layer("data", (5, 4)), each_step("steps", inner)], None)
    node = found.node("steps")
    assert (node.class_name, node.time_distributed, node.config["units"]) == ("QDense", True, 3)
    assert node.weights.keys() == {"kernel", "bias"}
    assert (node.weights["kernel"] == inner.weights["kernel"]).all()


def test_a_model_for_each_time_step_is_its_layers_for_each_time_step(write: Write, tmp_path: Path) -> None:
    inner = dense("fc", kernel(4, 3), kernel(3))
    body = model("body", [input_layer("in", (4,)), inner, activation("bits", RELU)], sequential=True)
    found = graph(write, tmp_path, [input_layer("data", (5, 4)), each_step("steps", body)], None)
    assert [(node.name, node.class_name, node.time_distributed) for node in found.nodes] == [
        ("data", "InputLayer", False),
        ("steps_fc", "QDense", True),
        ("steps_bits", "QActivation", True),
    ]
    assert (found.node("steps_fc").weights["kernel"] == inner.weights["kernel"]).all()


PARTS: dict[str, dict[str, tuple[int, ...]]] = {
    "QSimpleRNN": {"kernel": (4, 3), "recurrent_kernel": (3, 3), "bias": (3,)},
    "QLSTM": {"kernel": (4, 12), "recurrent_kernel": (3, 12), "bias": (12,)},
    "QGRU": {"kernel": (4, 9), "recurrent_kernel": (3, 9), "bias": (9,)},
    "QSeparableConv1D": {"depthwise_kernel": (2, 4, 1), "pointwise_kernel": (1, 4, 3), "bias": (3,)},
    "QSeparableConv2D": {"depthwise_kernel": (2, 2, 4, 1), "pointwise_kernel": (1, 1, 4, 3)},
    "QDepthwiseConv2D": {"depthwise_kernel": (2, 2, 4, 1), "bias": (4,)},
    "QConv2DTranspose": {"kernel": (2, 2, 3, 4), "bias": (3,)},
    "Dense": {"kernel": (4, 3), "bias": (3,)},
}


@pytest.mark.parametrize("nested", [False, True], ids=["alone", "in a model"])
@pytest.mark.parametrize("class_name", PARTS)
def test_weights_of_parts_are_found_by_their_own_names(
    class_name: str, nested: bool, write: Write, tmp_path: Path
) -> None:
    weights = {name: kernel(*shape).astype(np.float32) for name, shape in PARTS[class_name].items()}
    it = replace(layer(class_name, "it", use_bias="bias" in weights), weights=weights)
    inside = [model("body", [input_layer("in", (4,)), it], sequential=True)] if nested else [it]
    found = graph(write, tmp_path, [input_layer("data", (4,)), *inside], None).nodes[-1].weights
    assert found.keys() == weights.keys()
    assert all((found[name] == weights[name]).all() for name in weights)


@pytest.mark.parametrize("keras3", [False, True])
def test_what_a_merge_reads_keeps_its_order_and_its_repetitions(keras3: bool, tmp_path: Path) -> None:
    layers = [
        input_layer("b", (4,)),
        input_layer("a", (4,)),
        reading(layer("Subtract", "less"), "a", "b"),
        reading(layer("Multiply", "square"), "less", "less"),
        reading(layer("Concatenate", "all", axis=-1), "square", "b", "a", "b"),
    ]
    found = graph(FORMS["keras of Keras 3" if keras3 else "h5"], tmp_path, layers, ["all"])
    assert [node.inputs for node in found.nodes[2:]] == [("a", "b"), ("less", "less"), ("square", "b", "a", "b")]
    assert found.consumers["less"] == ("square",)


# ---- refusals


def refusal(path: Path, weights: Path | None = None) -> str:
    with pytest.raises(HwgenError) as caught:
        hwgen.load(path, weights, input_type=TYPE)
    return str(caught.value)


BODY = model("body", [input_layer("in", (4,)), dense("fc", kernel(4, 4), None)], sources=("data",))
DATA = input_layer("data", (4,))


def _changed(change: Callable[[Any], None], layers: Sequence[KerasLayer] = (DATA, BODY)) -> Any:
    architecture = json.loads(json.dumps(functional(layers)))
    change(architecture["config"])
    return architecture


def _two_inputs(config: Any) -> None:
    config["layers"][1]["inbound_nodes"][0].append(["data", 0, 0, {}])


def _second_call(config: Any) -> None:
    config["output_layers"] = [["body", 2, 0]]


def _second_output(config: Any) -> None:
    config["output_layers"] = [["body", 1, 1]]


def _second_output_of_a_layer(config: Any) -> None:
    config["layers"][1]["config"]["output_layers"] = [["fc", 0, 1]]


def _hidden_input(config: Any) -> None:
    config["layers"][1]["config"]["layers"].append(
        {"class_name": "InputLayer", "config": {"name": "more", "batch_input_shape": [None, 4]}, "inbound_nodes": []}
    )


def _no_input(config: Any) -> None:
    config["layers"][1]["config"]["input_layers"] = [["fc", 0, 0]]


def _no_layers(config: Any) -> None:
    config["layers"][1]["config"]["layers"] = []


def _whole_numbers(config: Any) -> None:
    config["layers"][1]["config"]["layers"][0]["config"]["dtype"] = "int32"


def _ragged(config: Any) -> None:
    config["layers"][1]["config"]["layers"][0]["config"]["ragged"] = True


def _other_shape(config: Any) -> None:
    config["layers"][1]["config"]["layers"][0]["config"]["batch_input_shape"] = [None, 4, 1]


def _itself(config: Any) -> None:
    config["layers"][1]["inbound_nodes"] = [[["body", 1, 0, {}]]]
    config["layers"][1]["config"]["output_layers"] = [["in", 0, 0]]


def _no_number(config: Any) -> None:
    config["output_layers"] = [["body", True, 0]]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_two_inputs, "{path}: layer 'body' is a model with 1 inputs, but is called with 2."),
        (_second_call, "{path}: the model reads call 2 of 'body', which has 1 call, counted from 0."),
        (_second_output, "the model: reads output 1 of 'body'; hwgen knows 1 output of it, counted from 0."),
        (_second_output_of_a_layer, "the model: reads output 1 of 'fc'; hwgen knows 1 output of it, counted from 0."),
        (_hidden_input, "{path}: layer 'more' of the model 'body' is an input that nothing feeds."),
        (_no_input, "{path}: layer 'in' of the model 'body' is an input that nothing feeds."),
        (_no_layers, "{path}: layer 'body': a Functional model with a list of layers was expected, it has none."),
        (
            _whole_numbers,
            "layer 'in', an input of the model 'body': dtype='int32' is not supported; only 'float32' is.",
        ),
        (_ragged, "layer 'in', an input of the model 'body': ragged=True is not supported; only False is."),
        (
            _other_shape,
            "layer 'body_fc' (QDense): the model that it is in states an input of shape (4, 1), and reads 'data' of "
            "shape (4,); give it that shape.",
        ),
        (_itself, "{path}: the layers that layer 'fc' reads form a loop."),
        (_no_number, "{path}: output_layers names [True, 0] of 'body'; two numbers were expected."),
    ],
)
def test_a_model_inside_the_model_that_does_not_fit_is_refused(
    change: Callable[[Any], None], says: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.h5"
    write_h5(path, _changed(change), [DATA, BODY])
    assert refusal(path) == says.format(path=path)


def test_models_that_multiply_beyond_reason_are_refused(tmp_path: Path) -> None:
    """Twelve models around each other, each with two calls of the next, are a file of a few kilobytes."""
    made = activation("bits", RELU)
    for depth in range(13):
        calls: Any = (("in",), ((made.name, 0, 0),))
        made = model(f"m{depth}", [input_layer("in", (4,)), replace(made, calls=calls)], [(made.name, 1, 0)])
    layers = [DATA, reading(made, "data")]
    path = tmp_path / "model.h5"
    write_h5(path, functional(layers), layers)
    assert refusal(path) == f"{path}: the model has more than 5000 layers once the models in it are flattened."


def test_several_outputs_within_a_sequential_model_are_refused(tmp_path: Path) -> None:
    body = model("body", [input_layer("in", (4,)), activation("bits", RELU)], ["in", "bits"])
    layers = [DATA, body]
    path = tmp_path / "model.h5"
    write_h5(path, sequential(layers), layers)
    assert refusal(path) == (f"{path}: layer 'body' of a Sequential model is a model with 2 outputs; one was expected.")


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (
            each_step("steps", each_step("inner", dense("fc", kernel(4, 3), None))),
            "layer 'steps': a TimeDistributed around another wrapper, or inside one, is not supported.",
        ),
        (
            each_step("steps", model("body", [input_layer("in", (4,)), each_step("inner", activation("bits", RELU))])),
            "layer 'steps_inner': a TimeDistributed around another wrapper, or inside one, is not supported.",
        ),
    ],
)
def test_wrappers_that_are_not_computed_are_refused(made: KerasLayer, says: str, tmp_path: Path) -> None:
    layers = [input_layer("data", (5, 4)), made]
    write_keras(tmp_path / "model.keras", sequential(layers), layers, named=False)
    assert refusal(tmp_path / "model.keras") == says


def test_a_pruning_wrapper_around_another_wrapper_is_refused(tmp_path: Path) -> None:
    steps = each_step("steps", dense("fc", kernel(4, 3), None))
    architecture = sequential([input_layer("data", (5, 4)), steps])
    entry = architecture["config"]["layers"][1]
    architecture["config"]["layers"][1] = {
        "class_name": "PruneLowMagnitude",
        "config": {"name": "pruned", "layer": entry},
    }
    write_h5(tmp_path / "model.h5", architecture, [])
    assert refusal(tmp_path / "model.h5") == (
        "layer 'pruned': a PruneLowMagnitude around a TimeDistributed is not supported; strip it."
    )


def test_weights_that_name_no_layer_of_the_model_are_another_models(tmp_path: Path) -> None:
    other = replace(BODY, inside=(BODY.inside[0], BODY.inside[1].changed(name="other")))
    path = tmp_path / "model.h5"
    write_h5(path, functional([DATA, BODY]), [DATA, other])
    assert refusal(path) == (
        f"{path}: weight 'other/kernel:0' of the model 'body' names none of its layers, or more than one; "
        f"are they another model's?"
    )


def test_weights_of_layers_that_a_model_does_not_have_are_another_models(tmp_path: Path) -> None:
    other = replace(BODY, inside=(*BODY.inside, dense("more", kernel(4, 4), None)))
    path = tmp_path / "model.keras"
    write_keras(path, functional([DATA, BODY]), [DATA, other], named=False)
    assert refusal(path) == (
        f"{path}: holds weights of 'q_dense_1', which is no layer of the architecture; are they another model's?"
    )


def test_a_model_inside_the_model_without_weights_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "model.h5", tmp_path / "model.keras"):
        if path.suffix == ".h5":
            write_h5(path, functional([DATA, BODY]), [DATA])
        else:
            write_keras(path, functional([DATA, BODY]), [DATA], named=False)
        assert refusal(path) == (
            "layer 'body_fc' (QDense), kernel: the file holds no such weight; save the whole model again."
        )


def test_a_merge_is_still_refused(tmp_path: Path) -> None:
    layers = [DATA, reading(activation("it", quantized_bits(4)), "data", "data")]
    write_h5(tmp_path / "model.h5", functional(layers), layers)
    assert refusal(tmp_path / "model.h5") == "layer 'it' (QActivation): one input is supported, got 2."
