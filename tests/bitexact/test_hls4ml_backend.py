"""hls4ml with hwgen's backend predicts what hls4ml's Vitis backend does, bit for bit, without the zero weights.

CI runs this file twice: with current TensorFlow, and in the environment that hls4ml documents, TensorFlow 2.14.
"""

import os
import re
import stat
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from oracle.hls4ml_projects import (
    HAS_KERAS_2,
    Accumulator,
    Config,
    configuration,
    converted,
    hls4ml,
    hls4ml_from_keras,
    keras,
    predictions,
    pruned,
    qkeras,
    samples_for,
)

from hwgen.errors import InputError, UnsupportedError
from hwgen.hls4ml_backend.layers import refuse_what_cannot_be_honoured

FUZZ = -(-int(os.environ.get("HWGEN_FUZZ", "300")) // 30)

pytestmark = [
    # What Keras, QKeras and hls4ml warn of while they build, read and compile models.
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(os.name != "posix", reason="hls4ml compiles with a shell script"),
]

NARROW = {
    "truncated": Accumulator(8, 3, "TRN", "WRAP"),
    "saturated": Accumulator(8, 3, "RND", "SAT"),
    "symmetric": Accumulator(9, 3, "RND_CONV", "SAT_SYM"),
    "cleared": Accumulator(9, 4, "TRN_ZERO", "SAT_ZERO"),
}


def bits(width: int, integer: int = 0) -> Any:
    return qkeras.quantized_bits(width, integer, alpha=1)


def with_narrow_accumulators(config: Config) -> None:
    for name, accumulator in NARROW.items():
        config["LayerName"][name]["Precision"]["accum"] = str(accumulator)


def with_a_narrow_convolution(config: Config) -> None:
    for name in ("conv", "pointwise"):
        config["LayerName"][name]["Precision"]["accum"] = "fixed<9,3,RND,SAT>"
        config["LayerName"][name]["Precision"]["result"] = "fixed<8,3,RND_CONV,SAT>"


def with_two_pixels_at_a_time(config: Config) -> None:
    config["LayerName"]["conv"]["ParallelizationFactor"] = 2


def branches() -> Any:
    """Four dense layers on one input, each of whose accumulators rounds and overflows in another way."""
    source = keras.layers.Input((12,))
    return keras.Model(
        source,
        [qkeras.QDense(5, kernel_quantizer=bits(6), bias_quantizer=bits(6), name=name)(source) for name in NARROW],
    )


def images() -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((6, 5, 2)),
            qkeras.QConv2D(
                3, 3, strides=(2, 1), padding="same", kernel_quantizer=bits(6), bias_quantizer=bits(6), name="conv"
            ),
            qkeras.QActivation(qkeras.quantized_relu(6, 2)),
            qkeras.QConv2D(2, 1, kernel_quantizer=bits(6), bias_quantizer=bits(6), name="pointwise"),
            layers.MaxPooling2D((1, 2)),
            layers.Flatten(),
            qkeras.QDense(4, kernel_quantizer=bits(6), bias_quantizer=bits(6), name="dense"),
        ]
    )


def series() -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((8, 3)),
            qkeras.QConv1D(
                4, 3, strides=2, padding="same", kernel_quantizer=bits(6), bias_quantizer=bits(6), name="conv"
            ),
            layers.Activation("relu"),
            layers.Conv1D(4, 1, name="pointwise"),
            layers.Dense(3, name="each_step"),
            layers.Flatten(),
            layers.Dense(3, use_bias=False, name="dense"),
        ]
    )


def inherited() -> Any:
    """What hwgen leaves to hls4ml, around what it does not."""
    layers = keras.layers
    source = layers.Input((6, 6, 2))
    x = layers.Conv2D(2, 3, padding="same")(source)
    x = layers.Add()([source, x])
    x = layers.DepthwiseConv2D(3)(x)
    x = layers.SeparableConv2D(3, 2)(x)
    x = layers.AveragePooling2D()(x)
    x = layers.Flatten()(x)
    return keras.Model(source, layers.Dense(4, activation="tanh")(x))


def one_and_two_bits() -> Any:
    """Binary weights have no zero and keep hls4ml's kernel; ternary ones and binary data do not."""
    return keras.Sequential(
        [
            keras.layers.Input((10,)),
            qkeras.QDense(10, kernel_quantizer=qkeras.binary(alpha=1), bias_quantizer=bits(5, 2), name="binary"),
            qkeras.QActivation(qkeras.binary(alpha=1)),
            qkeras.QDense(6, kernel_quantizer=bits(4), bias_quantizer=bits(5, 2), name="binary_data"),
            qkeras.QActivation(qkeras.ternary(alpha=1)),
            qkeras.QDense(6, kernel_quantizer=qkeras.ternary(alpha=1), bias_quantizer=bits(5, 2), name="ternary"),
            qkeras.QActivation(qkeras.binary(alpha=1)),
            qkeras.QDense(4, kernel_quantizer=qkeras.binary(alpha=1), use_bias=False, name="xnor"),
        ]
    )


def normalized() -> Any:
    return keras.Sequential(
        [
            keras.layers.Input((6, 6, 2)),
            qkeras.QConv2DBatchnorm(3, 3, kernel_quantizer=bits(8), bias_quantizer=bits(8), name="conv"),
            qkeras.QActivation(qkeras.quantized_relu(8, 2)),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )


def recurrent() -> Any:
    layers = keras.layers
    return keras.Sequential(
        [layers.Input((4, 3)), layers.TimeDistributed(layers.Dense(4)), layers.LSTM(3), layers.Dense(2)]
    )


def equal_to_vitis(
    model: Any, folder: Path, change: Callable[[Config], None] | None = None, **options: Any
) -> list[np.ndarray[Any, Any]]:
    """Predict with both backends, assert that they agree, and return what they predict."""
    samples = samples_for(model, 60, seed=1)
    theirs = predictions(model, samples, folder, "Vitis", change, **options)
    ours = predictions(model, samples, folder, "hwgen", change, **options)
    for expected, found in zip(theirs, ours, strict=True):
        assert np.array_equal(expected, found)
        assert np.unique(found).size > 1
    return ours


def generated_code(folder: Path) -> str:
    return (folder / "firmware" / "nnet_utils" / "nnet_code_gen.h").read_text()


def terms_of(folder: Path, index: int) -> list[tuple[int, int, Fraction]]:
    """(output, input, weight) of every product in the kernel of the layer that hls4ml numbers ``index``."""
    code = generated_code(folder).partition(f"class zero_elided_{index} ")[2].partition("\n};")[0]
    assert code
    found = re.findall(r"add\(sum_(\d+), data\[(\d+)\], weight_t\((.+?)\)\);", code)
    return [(int(output), int(source), Fraction(float(weight))) for output, source, weight in found]


@pytest.mark.slow
def test_dense_layers_equal_vitis_and_the_definition_of_ap_fixed(tmp_path: Path) -> None:
    """Products and sums that wrap, saturate and round at each addition: the rationals say where."""
    model = pruned(branches(), seed=3)
    found = equal_to_vitis(model, tmp_path, with_narrow_accumulators)

    samples = samples_for(model, 60, seed=1)
    for name, values in zip(NARROW, found, strict=True):
        kernel, bias = model.get_layer(name).get_weights()
        expected = NARROW[name].dense(samples, kernel, bias)
        assert [[Fraction(float(value)) for value in row] for row in values] == expected
        exact = samples.astype(np.float64) @ kernel.astype(np.float64) + bias
        assert not np.array_equal(exact, values)  # so the accumulator did round or overflow


@pytest.mark.fuzz
@pytest.mark.parametrize("io_type", ["io_parallel", "io_stream"])
@pytest.mark.parametrize(
    ("make", "change"),
    [
        (images, with_a_narrow_convolution),
        (series, with_a_narrow_convolution),
        (inherited, None),
        (one_and_two_bits, None),
        (normalized, None),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_predictions_equal_vitis(
    make: Callable[[], Any], change: Callable[[Config], None] | None, io_type: str, tmp_path: Path
) -> None:
    equal_to_vitis(pruned(make(), seed=5), tmp_path, change, io_type=io_type)


@pytest.mark.fuzz
def test_recurrent_layers_are_those_of_vitis(tmp_path: Path) -> None:
    """Over arrays only: hls4ml's own TimeDistributed does not compile between streams."""
    equal_to_vitis(pruned(recurrent(), seed=5), tmp_path)


@pytest.mark.fuzz
def test_two_pixels_at_a_time_equal_vitis(tmp_path: Path) -> None:
    equal_to_vitis(pruned(series(), seed=6), tmp_path, with_two_pixels_at_a_time)
    parameters = (tmp_path / "hwgen" / "firmware" / "parameters.h").read_text()
    assert "static const unsigned n_partitions = 2;" in parameters


@pytest.mark.fuzz
def test_a_namespace_changes_no_prediction(tmp_path: Path) -> None:
    equal_to_vitis(pruned(series(), seed=7), tmp_path, namespace="network")
    assert "network::zero_elided_" in (tmp_path / "hwgen" / "firmware" / "parameters.h").read_text()


@pytest.mark.fuzz
@pytest.mark.parametrize("seed", range(FUZZ))
def test_random_types_equal_vitis(seed: int, tmp_path: Path) -> None:
    """Six dense layers and two convolutions on one input, every type of theirs drawn at random."""
    rng = np.random.default_rng(seed)
    layers = keras.layers
    source = layers.Input((3, 4))
    flat = layers.Flatten()(source)
    ends = [layers.Dense(int(rng.integers(1, 5)), name=f"dense{number}")(flat) for number in range(6)]
    ends += [
        layers.Conv1D(2, int(rng.integers(1, 4)), padding="same", name=f"conv{number}")(source) for number in range(2)
    ]
    model = pruned(keras.Model(source, ends), seed, kept=float(rng.random()))

    def draw(signed_too: bool = True) -> str:
        rounding = rng.choice(["TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV"])
        overflow = rng.choice(["WRAP", "SAT", "SAT_ZERO", "SAT_SYM"])
        # ap_types itself aborts, with the Vitis backend too, on some types whose binary point lies outside their bits.
        width = int(rng.integers(3, 14))
        kind = "ufixed" if signed_too and rng.random() < 0.2 else "fixed"
        return f"{kind}<{width},{int(rng.integers(0, width + 1))},{rounding},{overflow}>"

    chosen = {
        name: {kind: draw() for kind in ("weight", "bias", "accum", "result")}
        for name in (*(f"dense{number}" for number in range(6)), "conv0", "conv1")
    }

    def change(config: Config) -> None:
        for name, types in chosen.items():
            config["LayerName"][name]["Precision"].update(types)
            config["LayerName"][f"{name}_linear"]["Precision"]["result"] = types["result"]

    samples = samples_for(model, 60, seed)
    theirs = predictions(model, samples, tmp_path, "Vitis", change)
    ours = predictions(model, samples, tmp_path, "hwgen", change)
    for end, expected, found in zip(model.output_names, theirs, ours, strict=True):
        assert np.array_equal(expected, found), (end, chosen[end])


def test_every_term_is_a_weight_that_is_not_zero(tmp_path: Path) -> None:
    model = pruned(images(), seed=9)
    project = converted(model, configuration(model), tmp_path)
    project.write()
    for layer in project.get_layers():
        if layer.name not in ("conv", "pointwise", "dense"):
            continue
        kernel = model.get_layer(layer.name).get_weights()[0]
        matrix = kernel.reshape(-1, kernel.shape[-1])
        expected = [
            (output, source, Fraction(float(matrix[source, output])))
            for output in range(matrix.shape[1])
            for source in range(matrix.shape[0])
            if matrix[source, output]
        ]
        assert 0 < len(expected) < matrix.size
        assert terms_of(tmp_path, layer.index) == expected
        assert f"// Layer {layer.name}: {len(expected)} of {matrix.size} products" in generated_code(tmp_path)


def test_a_weight_below_the_step_of_its_type_is_a_zero(tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1, name="dense")])
    model.set_weights([np.array([[0.24], [0.25], [-0.24], [0.6]], np.float32), np.zeros(1, np.float32)])

    def quarters(config: Config) -> None:
        config["LayerName"]["dense"]["Precision"]["weight"] = "fixed<4,2>"

    project = converted(model, configuration(model, quarters), tmp_path)
    project.write()
    (layer,) = (layer for layer in project.get_layers() if layer.name == "dense")
    # hls4ml writes 0.24, 0.25, -0.24 and 0.60; ap_fixed<4,2> truncates towards minus infinity.
    assert terms_of(tmp_path, layer.index) == [
        (0, 1, Fraction(1, 4)),
        (0, 2, Fraction(-1, 4)),
        (0, 3, Fraction(1, 2)),
    ]


def test_a_layer_without_weights_left_is_its_biases(tmp_path: Path) -> None:
    model = pruned(keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2, name="dense")]), 1, kept=0.0)
    project = converted(model, configuration(model), tmp_path)
    project.write()
    (layer,) = (layer for layer in project.get_layers() if layer.name == "dense")
    assert terms_of(tmp_path, layer.index) == []
    assert "// Layer dense: 0 of 8 products" in generated_code(tmp_path)


def test_binary_weights_keep_the_kernel_of_vitis(tmp_path: Path) -> None:
    model = pruned(one_and_two_bits(), seed=2)
    converted(model, configuration(model), tmp_path).write()
    code = generated_code(tmp_path)
    assert [name for name in ("binary", "binary_data", "ternary", "xnor") if f"// Layer {name}:" in code] == [
        "binary_data",
        "ternary",
    ]


def test_hls4ml_knows_the_backend_by_name() -> None:
    assert "hwgen" in hls4ml.backends.get_available_backends()
    assert hls4ml.backends.get_backend("hwgen").name == "hwgen"


@pytest.mark.parametrize("keywords", [True, False])
def test_registration_takes_what_hls4ml_hands_over(keywords: bool) -> None:
    from hls4ml.writer.vitis_writer import VitisWriter

    from hwgen.hls4ml_backend import register
    from hwgen.hls4ml_backend.backend import HwgenBackend

    found: list[tuple[str, Any]] = []

    def note(name: str, value: Any) -> None:
        found.append((name, value))

    if keywords:
        register(register_backend=note, register_writer=note)
    else:
        register(note, note)
    assert found == [("hwgen", VitisWriter), ("hwgen", HwgenBackend)]


def test_build_calls_vitis_as_the_vitis_backend_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = pruned(series(), seed=4)
    program = tmp_path / "bin" / "vitis-run"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$(pwd) $*" >> "$0.calls"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    for backend in ("Vitis", "hwgen"):
        project = converted(model, configuration(model, backend=backend), tmp_path / backend, backend)
        project.write()
        project.build(csim=False)
    calls = (tmp_path / "bin" / "vitis-run.calls").read_text().splitlines()
    assert calls == [f"{tmp_path / backend} --tcl build_prj.tcl --mode hls" for backend in ("Vitis", "hwgen")]
    for name in ("build_prj.tcl", "build_opt.tcl", "project.tcl"):
        assert (tmp_path / "Vitis" / name).read_text() == (tmp_path / "hwgen" / name).read_text()


def everywhere(key: str, value: Any) -> Callable[[Config], None]:
    def change(config: Config) -> None:
        config["Model"][key] = value
        for layer in config["LayerName"].values():
            if key in layer:
                layer[key] = value

    return change


def of_weights(text: str) -> Callable[[Config], None]:
    def change(config: Config) -> None:
        config["LayerName"]["dense"]["Precision"]["weight"] = text

    return change


def of_input(text: str) -> Callable[[Config], None]:
    def change(config: Config) -> None:
        name = next(iter(config["LayerName"]))
        config["LayerName"][name]["Precision"]["result"] = text

    return change


def with_flow(config: Config) -> None:
    config["Flows"] = ["vitis:ip"]


OPTIONS = {
    "resource": (
        everywhere("Strategy", "Resource"),
        "layer 'dense': Strategy 'resource' shares multipliers or builds other arithmetic, and a zero-elided layer has "
        "one product for each weight that is not zero; set Strategy 'Latency', or convert with backend='Vitis'.",
    ),
    "unrolled": (
        everywhere("Strategy", "Resource_Unrolled"),
        "layer 'dense': Strategy 'resource_unrolled' shares multipliers or builds other arithmetic, and a zero-elided "
        "layer has one product for each weight that is not zero; set Strategy 'Latency', or convert with "
        "backend='Vitis'.",
    ),
    "distributed arithmetic": (
        everywhere("Strategy", "distributed_arithmetic"),
        "layer 'dense': Strategy 'distributed_arithmetic' shares multipliers or builds other arithmetic, and a "
        "zero-elided layer has one product for each weight that is not zero; set Strategy 'Latency', or convert with "
        "backend='Vitis'.",
    ),
    "reuse": (
        everywhere("ReuseFactor", 2),
        "layer 'dense': ReuseFactor 2 shares a multiplier among 2 products, and a zero-elided layer has one product "
        "for each weight that is not zero; set ReuseFactor 1, or convert with backend='Vitis'.",
    ),
    "cycles": (
        everywhere("TargetCycles", 4),
        "layer 'dense': TargetCycles chooses a reuse factor, and a zero-elided layer shares no multipliers; leave "
        "TargetCycles out, or convert with backend='Vitis'.",
    ),
    "compression": (
        everywhere("Compression", True),
        "layer 'dense': Compression stores the weights that are not zero in a memory, and a zero-elided layer has them "
        "in its code; set Compression False, or convert with backend='Vitis'.",
    ),
    "memory": (
        everywhere("BramFactor", 1),
        "layer 'dense': BramFactor puts its weights into a memory outside the design, and a zero-elided layer has them "
        "in its code; set a BramFactor above 12, or convert with backend='Vitis'.",
    ),
    "float weights": (
        of_weights("float"),
        "layer 'dense', weight: a zero-elided layer computes with ap_fixed or ap_int, and the type here is 'float'; "
        "set a fixed-point Precision, or convert with backend='Vitis'.",
    ),
    "float input": (
        of_input("float"),
        "layer 'dense', input: a zero-elided layer computes with ap_fixed or ap_int, and the type here is 'float'; "
        "set a fixed-point Precision, or convert with backend='Vitis'.",
    ),
    "wide weights": (
        of_weights("fixed<60,6>"),
        "layer 'dense', weight: the type 'fixed<60,6,TRN,WRAP,0>' has 60 bits, and hls4ml's C++ reads a weight as a "
        "double, which has 53; set a Precision of at most 53 bits, or convert with backend='Vitis'.",
    ),
    "saturation bits": (
        of_weights("fixed<8,2,TRN,WRAP,2>"),
        "layer 'dense', weight: the type 'fixed<8,2,TRN,WRAP,2>' wraps around below 2 saturation bits, which hwgen "
        "does not compute; set a Precision without them, or convert with backend='Vitis'.",
    ),
    "a flow of Vitis": (
        with_flow,
        "HLSConfig Flows names 'vitis:ip', which would write Vitis's layers with their zeros; name 'hwgen:ip', or "
        "convert with backend='Vitis'.",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), OPTIONS.values(), ids=OPTIONS)
def test_options_that_cannot_be_honoured_are_refused(
    change: Callable[[Config], None], sentence: str, tmp_path: Path
) -> None:
    model = pruned(keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, name="dense")]), seed=1)
    with pytest.raises(UnsupportedError) as refusal:
        converted(model, configuration(model, change), tmp_path).write()
    assert str(refusal.value) == sentence


def test_a_flow_without_the_pass_is_refused(tmp_path: Path) -> None:
    model = pruned(keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, name="dense")]), seed=1)
    update_flow = hls4ml.model.flow.update_flow
    update_flow("hwgen:zero_elision", remove_optimizers=["hwgen:elide_zeros"])
    try:
        project = converted(model, configuration(model), tmp_path)
        with pytest.raises(UnsupportedError) as refusal:
            project.write()
    finally:
        update_flow("hwgen:zero_elision", add_optimizers=["hwgen:elide_zeros"])
    assert str(refusal.value) == (
        "layer 'dense': the pass 'hwgen:elide_zeros' did not run, so its zeros would be written; put it back into the "
        "flow 'hwgen:zero_elision', or convert with backend='Vitis'."
    )


def test_strategies_of_hls4ml_alone_are_refused_for_inherited_layers(tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.Input((4, 3)), keras.layers.LSTM(2, name="lstm")])

    def change(config: Config) -> None:
        config["LayerName"]["lstm"].update({"Strategy": "Resource_Unrolled", "ReuseFactor": 2})

    with pytest.raises(UnsupportedError) as refusal:
        converted(model, configuration(model, change), tmp_path)
    assert str(refusal.value) == (
        "layer 'lstm': Strategy 'resource_unrolled' is hls4ml's for its own backends only; set 'Latency' or "
        "'Resource' for this layer, or convert with backend='Vitis'."
    )


def test_an_hls4ml_that_writes_another_configuration_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = pruned(keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, name="dense")]), seed=1)
    monkeypatch.setattr("hwgen.hls4ml_backend.passes._THEIR_KERNEL", "using kernel = nnet::DenseOfAnotherRelease;")
    with pytest.raises(UnsupportedError) as refusal:
        converted(model, configuration(model), tmp_path).write()
    assert str(refusal.value) == (
        "layer 'dense': hls4ml 1.3's configuration names nnet::DenseLatency once and this one names it 0 times, so the "
        "installed hls4ml is not one that hwgen knows; pip install 'hls4ml>=1.3,<1.4'."
    )


@pytest.mark.parametrize("class_name", ["FixedPointQuantizer", "UnaryLUT", "DACombinational"])
def test_layers_of_hgq_models_are_refused(class_name: str) -> None:
    """hls4ml makes such a layer of models that need HGQ to be read, so only what the check asks of one is given."""
    node = SimpleNamespace(name="it", class_name=class_name, get_attr=lambda key: None)
    with pytest.raises(UnsupportedError) as refusal:
        refuse_what_cannot_be_honoured(node)
    assert str(refusal.value) == (
        f"layer 'it': hls4ml generates {class_name} (of an HGQ model or its fallback) for its own backends only; "
        f"convert with backend='Vitis'."
    )


def test_a_configuration_without_precision_is_refused(tmp_path: Path) -> None:
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(InputError) as refusal:
        hls4ml_from_keras(model, hls_config={"Model": {"ReuseFactor": 1}}, output_dir=tmp_path)
    assert str(refusal.value) == (
        "hls_config['Model'] needs Precision and ReuseFactor, for which hwgen has no default, and it lacks Precision; "
        "hls4ml_config_from_keras makes one."
    )


@pytest.mark.skipif(not HAS_KERAS_2, reason="hls4ml's own call takes a model of Keras 2 for one of Keras 3 here")
def test_the_two_ways_to_convert_write_the_same_project(tmp_path: Path) -> None:
    model = pruned(series(), seed=8)
    for folder, convert in {"theirs": converted, "ours": _by_hwgen}.items():
        convert(model, configuration(model), tmp_path / folder).write()
    written = [
        {
            file.relative_to(tmp_path / folder): file.read_bytes()
            for file in (tmp_path / folder / "firmware").rglob("*")
            if file.is_file()
        }
        for folder in ("theirs", "ours")
    ]
    assert written[0] == written[1]


def _by_hwgen(model: Any, config: Config, folder: Path) -> Any:
    return hls4ml_from_keras(model, hls_config=config, output_dir=folder)
