"""Activation functions before a quantizer, and quantizers of functions: every code of an input through all forms.

The model has an output for each function. Its codes are compared with the function evaluated forwards and rounded
exactly, at every step; and for every possible input with Keras, with the circuit and with the compiled C++.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from oracle.keras_environment import building, keras, qkeras, quantizers
from oracle.quantizer_rational import exact_activation
from oracle.surd import Number
from oracle.transcendental import decided, exponential, sigmoid, softplus_above, tanh

import hwgen
from hwgen.circuit import TARGETS, ClockPlan, lower
from hwgen.emit import Strategy
from hwgen.fixed.step import MultiplyAddShift
from hwgen.fixed.step_form import Comparators, Table, cheapest_form
from hwgen.ir import Network, StepFunction, value_ranges
from hwgen.reference import simulate
from hwgen.verify import BatchOptions, VerifyReport, verify_networks

BITS, FRACTION = 11, 7
CODES = np.arange(-(2 ** (BITS - 1)), 2 ** (BITS - 1))
STEP = Fraction(1, 32)  # of the quantizer that follows the activations: quantized_bits(8,2)
Definition = Callable[[Fraction], int]


def float32(value: float) -> Fraction:
    return Fraction(float(np.float32(value)))


def rounded(value: Fraction) -> int:
    return min(max(round(value / STEP), -128), 127)


def plainly(function: Callable[[Fraction], Fraction]) -> Definition:
    return lambda x: rounded(function(x))


def by_series(function: Callable[[Number, int], tuple[Fraction, Fraction]]) -> Definition:
    return lambda x: decided(function, x, rounded)


def scaled_exponential(alpha: Fraction, scale: Fraction) -> Definition:
    def below(x: Number, bits: int) -> tuple[Fraction, Fraction]:
        low, high = exponential(x, bits)
        return scale * alpha * (low - 1), scale * alpha * (high - 1)

    return lambda x: rounded(scale * x) if x >= 0 else decided(below, x, rounded)


def softplus(x: Fraction) -> int:
    """The largest code whose lower edge the function reaches; its values are never on an edge."""
    code = 0
    while code < 127:
        bits, above = 60, None
        while above is None:
            above = softplus_above(x, (code + Fraction(1, 2)) * STEP, bits)
            bits *= 2
        if not above:
            break
        code += 1
    return code


def clip(x: Fraction, low: Fraction, high: Fraction) -> Fraction:
    return min(max(x, low), high)


ZERO, ONE, SIX = Fraction(0), Fraction(1), Fraction(6)
ACTIVATIONS: dict[str, tuple[Callable[[], object], Definition]] = {
    "tanh": (lambda: keras.layers.Activation("tanh"), by_series(tanh)),
    "sigmoid": (lambda: keras.layers.Activation("sigmoid"), by_series(sigmoid)),
    "exponential": (lambda: keras.layers.Activation("exponential"), by_series(exponential)),
    "softplus": (lambda: keras.layers.Activation("softplus"), softplus),
    "softsign": (lambda: keras.layers.Activation("softsign"), plainly(lambda x: x / (1 + abs(x)))),
    "elu": (lambda: keras.layers.ELU(0.75), scaled_exponential(Fraction(3, 4), ONE)),
    "selu": (
        lambda: keras.layers.Activation("selu"),
        scaled_exponential(float32(1.67326324), float32(1.05070098)),
    ),
    "hard_sigmoid": (
        lambda: keras.layers.Activation("hard_sigmoid"),
        plainly(lambda x: clip(float32(0.2) * x + Fraction(1, 2), ZERO, ONE)),
    ),
    "qkeras_hard_sigmoid": (
        lambda: qkeras.QActivation("hard_sigmoid"),
        plainly(lambda x: clip(x / 2 + Fraction(1, 2), ZERO, ONE)),
    ),
    "relu6": (lambda: keras.layers.ReLU(6.0), plainly(lambda x: clip(x, ZERO, SIX))),
    "leaky": (lambda: keras.layers.LeakyReLU(0.3), plainly(lambda x: x if x >= 0 else float32(0.3) * x)),
    "jump": (
        lambda: keras.layers.ReLU(2.5, negative_slope=0.125, threshold=1.0),
        plainly(lambda x: min(x, Fraction(5, 2)) if x > 1 else (x - 1) / 8),
    ),
}
QUANTIZERS = (
    "quantized_tanh(6,use_real_tanh=1)",
    "quantized_tanh(5,symmetric=1)",
    "quantized_sigmoid(6,use_real_sigmoid=1)",
    "quantized_sigmoid(7)",
    "quantized_relu(5,1,1)",
    "quantized_relu(6,2,negative_slope=0.25,use_sigmoid=1)",
    "quantized_relu(6,3,relu_upper_bound=5.25,is_quantized_clip=False)",
    "quantized_hswish(7,2)",
    "quantized_hswish(6,1,relu_shift=4,relu_upper_bound=1)",
    "quantized_ulaw(5,1)",
    "quantized_po2(4)",
    "quantized_po2(4,quadratic_approximation=1)",
    "quantized_po2(3,log2_rounding='floor')",
    "quantized_relu_po2(3,negative_slope=0.25)",
    "stochastic_ternary(threshold=0.5)",
    "stochastic_binary()",
    "binary_tanh",
    "binary_sigmoid",
)


@pytest.fixture(scope="module")
def model() -> object:
    with building():
        given = keras.layers.Input((1,), name="x")
        outputs = []
        for name, (layer, _) in ACTIVATIONS.items():
            outputs.append(qkeras.QActivation("quantized_bits(8,2,alpha=1)", name=f"q_{name}")(layer()(given)))
        for number, text in enumerate(QUANTIZERS):
            outputs.append(qkeras.QActivation(text, name=f"quantizer_{number}")(given))
        return keras.Model(given, outputs)


@pytest.fixture(scope="module")
def network(model: object, tmp_path_factory: pytest.TempPathFactory) -> Network:
    path = tmp_path_factory.mktemp("scalar") / "scalar.h5"
    with building():
        model.save(path)  # type: ignore[attr-defined]
    return hwgen.load(path, input_type=f"fixed<{BITS},{BITS - FRACTION}>").network


@pytest.fixture(scope="module")
def codes(network: Network) -> list[NDArray[np.int64]]:
    """For every input code, the codes of each output."""
    return [output.ravel() for output in simulate(network, [CODES.reshape(-1, 1)])]


def definitions() -> list[Callable[[Fraction], Fraction]]:
    activations = [lambda x, f=definition: f(x) * STEP for _, definition in ACTIVATIONS.values()]
    with building():
        return [*activations, *(exact_activation(quantizers.get_quantizer(text)) for text in QUANTIZERS)]


def test_codes_are_those_of_the_function_evaluated_forwards(network: Network, codes: list[NDArray[np.int64]]) -> None:
    for name, found, definition in zip(network.outputs, codes, definitions(), strict=True):
        lsb = network.value(name).type.lsb
        # On both sides of each step, and at every 16th code between them.
        steps = np.flatnonzero(np.diff(found))
        for place in sorted({*steps.tolist(), *(steps + 1).tolist(), *range(0, len(CODES), 16), len(CODES) - 1}):
            code = int(CODES[place])
            assert int(found[place]) * lsb == definition(Fraction(code, 2**FRACTION)), (name, code)


def test_keras_agrees_but_where_float32_rounds_over_a_step(
    model: object, network: Network, codes: list[NDArray[np.int64]]
) -> None:
    inputs = (CODES / 2**FRACTION).astype(np.float32).reshape(-1, 1)
    for name, found, theirs in zip(network.outputs, codes, model.predict(inputs, verbose=0), strict=True):  # type: ignore[attr-defined]
        ours = found * float(network.value(name).type.lsb)
        differ = np.abs(theirs.ravel() - ours) > 1e-5
        # float32's 0.2 is a little above 1/5, so that float32 rounds 0.2 * x to a tie beside which it lies; and so it
        # is with 0.3 * x of the leaky relu.
        assert differ.sum() <= (16 if name in ("q_hard_sigmoid", "q_leaky") else 3), (name, CODES[differ].tolist())


def test_the_circuit_has_the_same_codes(network: Network, codes: list[NDArray[np.int64]]) -> None:
    circuit = lower(network, TARGETS["amd"], ClockPlan())
    for name, found, output in zip(network.outputs, codes, circuit.codes([CODES.reshape(-1, 1)]), strict=True):
        assert output.ravel().tolist() == found.tolist(), name


def test_the_compiled_code_has_the_same_codes(network: Network, cxx: str) -> None:
    (report,) = verify_networks([network], Strategy.MULTIPLIERS, BatchOptions(samples=len(CODES), compiler=cxx))
    assert isinstance(report, VerifyReport), report
    assert report.samples == len(CODES)
    assert report.equal, report.summary()
    assert report.steps.forms == sum(isinstance(layer, StepFunction) for layer in network.layers)


def test_all_three_forms_are_among_them(network: Network) -> None:
    """At this input's 11 bits no table is allowed; a function that is constant beyond a few bits would not need one."""
    ranges = value_ranges(network)
    kinds = set()
    for layer in network.layers:
        if isinstance(layer, StepFunction):
            low, high = ranges[layer.input].bounds
            for limit in (high, min(high, low + 200)):
                kinds.add(type(cheapest_form(layer.thresholds[0].tolist(), layer.levels[0].tolist(), low, limit)))
    assert kinds == {MultiplyAddShift, Comparators, Table}


def test_an_activation_inside_a_model_meets_weights_batch_norm_and_pooling(tmp_path: Path) -> None:
    """conv, batch norm with negative slopes, pooling, sigmoid, quantizer: as Keras computes it away from the steps."""
    rng = np.random.default_rng(5)
    with building():
        model = keras.Sequential(
            [
                keras.layers.Input((6, 2)),
                qkeras.QConv1D(3, 2, kernel_quantizer="quantized_bits(4,0,alpha=1)", use_bias=False),
                keras.layers.BatchNormalization(),
                keras.layers.MaxPooling1D(2),
                keras.layers.Activation("sigmoid"),
                qkeras.QActivation("quantized_bits(6,0,alpha=1)"),
            ]
        )
        conv, norm = model.layers[0], model.layers[1]
        conv.kernel.assign(rng.normal(scale=0.4, size=conv.kernel.shape))
        for variable, value in ((norm.gamma, [1.5, 2.0, 0.7]), (norm.beta, [0.1, -0.3, 0.2])):
            variable.assign(value)
        model.save(tmp_path / "model.h5")
    loaded = hwgen.load(tmp_path / "model.h5", input_type="fixed<6,2>")
    samples = np.round(rng.uniform(-2, 1.9, size=(200, 6, 2)) * 16) / 16
    ours = loaded.codes(samples) / 32
    theirs = model.predict(samples.astype(np.float32), verbose=0)
    assert (np.abs(ours - theirs) > 1e-6).sum() <= 2
    assert len(np.unique(ours)) > 20
