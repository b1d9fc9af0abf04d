"""What is left of the weights in the generated C++, read back from its text by a parser that knows no generator."""

import re
from collections.abc import Mapping

import numpy as np
import pytest

from hwgen.circuit import Interface
from hwgen.emit import FileSet, Strategy, hls_project
from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import Conv, Dense, Input, Network, Requantize, SparseTensor, Value, check_network

FUNCTION = re.compile(
    r"^(?:static |inline )?\w+_t (\w+)\(const arithmetic<\w+> x\[\d+\]\) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL
)
PRODUCT = re.compile(r"^    sum \+= weight<ap_u?int<\d+>>\((-?\d+)\) \* x\[(\d+)\];$")
SHIFT = re.compile(r"^    sum ([+-])= (?:shifted<(\d+)>\()?x\[(\d+)\]\)?;$")
PIECE = re.compile(r"^    sum \+= (\w+)\(x\);$")
RESULT = re.compile(r"^    y\[(\d+)\] = (\w+)\(x\);$", re.MULTILINE)

Terms = list[tuple[int, int]]  # (row, weight), one for each product or digit


def cpp_text(files: FileSet) -> str:
    """All C++ that is compiled without tracing."""
    return "".join(
        files.text(path)
        for path in files
        if path.startswith("firmware/") and path.endswith(".cpp") and not path.startswith("firmware/ap_types")
    )


def terms_by_function(text: str) -> Mapping[str, Terms]:
    """Products and shifted digits of every function; a function that sums others has all of theirs."""
    bodies = {name: body.splitlines() for name, body in FUNCTION.findall(text)}

    def terms(name: str) -> Terms:
        found: Terms = []
        for line in bodies[name]:
            if match := PRODUCT.match(line):
                found.append((int(match[2]), int(match[1])))
            elif match := SHIFT.match(line):
                sign = 1 if match[1] == "+" else -1
                found.append((int(match[3]), sign << int(match[2] or 0)))
            elif match := PIECE.match(line):
                found += terms(match[1])
            else:
                assert re.match(
                    r"^(#pragma HLS INLINE|    arithmetic<\w+_t> sum = -?\d+(LL)?;|    return sum;)$", line
                ), line
        return found

    return {name: terms(name) for name in bodies}


def weight_matrix(text: str, shape: tuple[int, int]) -> tuple[np.ndarray, int]:
    """The matrix that a one-layer project's functions multiply by, and how many terms they have."""
    by_function = terms_by_function(text)
    matrix = np.zeros(shape, dtype=np.int64)
    count = 0
    for column, name in RESULT.findall(text):
        for row, weight in by_function[name]:
            matrix[row, int(column)] += weight
            count += 1
    return matrix, count


def fewest_digits(weight: np.ndarray) -> int:
    """Non-zero digits of the canonical signed forms, by another formula: ones in n xor 3n."""
    return sum(((abs(int(code)) * 3) ^ abs(int(code))).bit_count() for code in weight.ravel())


def one_layer(weight: np.ndarray, width: int = 5) -> Network:
    """A dense layer, or a convolution for a weight of three or four axes, that uses every input and output."""
    tensor = SparseTensor.from_dense(weight, FixedType(True, 20, 0))
    bias = np.arange(weight.shape[-1], dtype=np.int64)
    if weight.ndim == 2:
        x = Value("x", (weight.shape[0],), FixedType(True, width, 0))
        y = Value("y", (weight.shape[1],), FixedType(True, 40, 0))
        return check_network(Network("single", (Input(x, None),), (Dense("only", "x", y, tensor, bias),), ("y",)))
    axes = weight.ndim - 2
    x = Value("x", (*(9,) * axes, weight.shape[-2]), FixedType(True, width, 0))
    y = Value("y", (*(9,) * axes, weight.shape[-1]), FixedType(True, 40, 0))
    layer = Conv("only", "x", y, tensor, bias, (1,) * axes, ((1, 1),) * axes, (1,) * axes)
    return check_network(Network("single", (Input(x, None),), (layer,), ("y",)))


def project(network: Network, strategy: Strategy, interface: Interface = Interface.PARALLEL) -> FileSet:
    return hls_project(network, strategy=strategy, part="xcvu13p-flga2577-2-e", clock_ns=5.0, interface=interface)


def random_weight(shape: tuple[int, ...], zeros: float, bits: int = 8) -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.where(rng.random(shape) < zeros, 0, rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), size=shape))


@pytest.mark.parametrize("shape", [(16, 12), (3, 4, 5), (3, 3, 4, 6), (900, 3)])
@pytest.mark.parametrize("zeros", [0.0, 0.75, 1.0])
@pytest.mark.parametrize("interface", Interface, ids=lambda interface: interface.value)
def test_multipliers_have_one_product_for_each_nonzero_weight(
    shape: tuple[int, ...], zeros: float, interface: Interface
) -> None:
    weight = random_weight(shape, zeros)
    text = cpp_text(project(one_layer(weight), Strategy.MULTIPLIERS, interface))
    matrix, products = weight_matrix(text, _matrix_shape(weight))
    np.testing.assert_array_equal(matrix, weight.reshape(matrix.shape))
    assert products == np.count_nonzero(weight)


@pytest.mark.parametrize("shape", [(16, 12), (3, 4, 5), (3, 3, 4, 6), (900, 3)])
@pytest.mark.parametrize("zeros", [0.0, 0.75, 1.0])
@pytest.mark.parametrize("interface", Interface, ids=lambda interface: interface.value)
def test_adders_have_one_term_for_each_signed_digit(shape: tuple[int, ...], zeros: float, interface: Interface) -> None:
    weight = random_weight(shape, zeros)
    text = cpp_text(project(one_layer(weight), Strategy.ADDERS, interface))
    matrix, terms = weight_matrix(text, _matrix_shape(weight))
    np.testing.assert_array_equal(matrix, weight.reshape(matrix.shape))
    assert terms == fewest_digits(weight)
    assert "* x[" not in text


@pytest.mark.parametrize("strategy", Strategy)
def test_a_deep_network_has_one_term_for_each_weight_or_digit_of_all_layers(strategy: Strategy) -> None:
    layers: list[Dense | Requantize] = []
    source, sizes = Value("x", (8,), FixedType(True, 6, 0)), (12, 10, 4)
    given = Input(source, None)
    for number, outputs in enumerate(sizes):
        weight = random_weight((source.size, outputs), 0.3)
        assert weight.any(axis=1).all(), "an input that nothing reads would take its neuron with it"
        tensor = SparseTensor.from_dense(weight, FixedType(True, 8, 0))
        total = Value(f"total{number}", (outputs,), FixedType(True, 40, source.type.fraction))
        layers.append(Dense(f"dense{number}", source.name, total, tensor, np.zeros(outputs, dtype=np.int64)))
        source = Value(f"code{number}", (outputs,), FixedType(True, 6, total.type.fraction - 5))
        layers.append(Requantize(f"quantize{number}", total.name, source, Rounding.RND_CONV, Overflow.SAT))
    text = cpp_text(project(check_network(Network("deep", (given,), tuple(layers), (source.name,))), strategy))
    weights = [layer.weight.dense() for layer in layers if isinstance(layer, Dense)]
    digits = strategy is Strategy.ADDERS
    expected = sum(fewest_digits(weight) if digits else int(np.count_nonzero(weight)) for weight in weights)
    assert sum(len(terms) for terms in terms_by_function(text).values()) == expected


def _matrix_shape(weight: np.ndarray) -> tuple[int, int]:
    return weight.size // weight.shape[-1], weight.shape[-1]


def test_a_layer_over_several_files_keeps_one_product_a_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hwgen.emit.kernel.LINES_A_FILE", 100)
    weight = random_weight((30, 20), 0.2)
    files = project(one_layer(weight), Strategy.MULTIPLIERS)
    assert sum(path.endswith(".cpp") for path in files) > 5
    matrix, products = weight_matrix(cpp_text(files), (30, 20))
    np.testing.assert_array_equal(matrix, weight)
    assert products == np.count_nonzero(weight)


def two_layers() -> Network:
    """Of the four results of the first layer: one never changes, one is read by nobody."""
    x = Value("x", (3,), FixedType(True, 4, 0))
    hidden = Value("hidden", (4,), FixedType(True, 10, 0))
    y = Value("y", (2,), FixedType(True, 20, 0))
    first = np.array([[1, 0, 5, 7], [2, 0, 6, 8], [3, 0, 0, 9]])
    second = np.array([[1, 2], [10, 0], [0, 0], [3, 4]])
    weight_type = FixedType(True, 5, 0)
    layers = (
        Dense("first", "x", hidden, SparseTensor.from_dense(first, weight_type), np.array([0, 13, 0, 0])),
        Dense("second", "hidden", y, SparseTensor.from_dense(second, weight_type), np.array([4, 0])),
    )
    return check_network(Network("pair", (Input(x, None),), layers, ("y",)))


@pytest.mark.parametrize("strategy", list(Strategy))
def test_a_neuron_that_nothing_reads_is_compiled_only_for_tracing(strategy: Strategy) -> None:
    files = project(two_layers(), strategy)
    assert "first_n2" not in terms_by_function(files.text("firmware/pair.cpp"))
    assert "first_n2" in terms_by_function(files.text("firmware/pair_unused.h"))
    without_tracing = re.sub(
        r"^#ifdef HWGEN_TRACE\n.*?^#(else|endif)$", "", files.text("firmware/pair.cpp"), flags=re.MULTILINE | re.DOTALL
    )
    assert "first_n2" not in without_tracing


@pytest.mark.parametrize("strategy", list(Strategy))
def test_a_constant_neuron_becomes_its_constant_and_folds_into_the_next_bias(strategy: Strategy) -> None:
    text = project(two_layers(), strategy).text("firmware/pair.cpp")
    assert "y[1] = 13;" in text
    by_function = terms_by_function(text)
    assert {row for row, _ in by_function["second_n0"]} == {0, 3}
    assert re.search(r"second_n0\(.*?sum = 134;", text, re.DOTALL)  # 4 + 10 * 13


def test_no_sum_is_wider_than_its_interval_needs() -> None:
    """Five bits signed times 3 and -4: -16 * 3 + 15 * -4 = -108 to 15 * 3 + 16 * 4 = 109, eight bits."""
    text = cpp_text(project(one_layer(np.array([[3], [-4]])), Strategy.MULTIPLIERS))
    assert "// only[0]: 2 weights, -108 to 109\ntypedef ap_int<8> only_n0_t;" in text


def test_a_sum_without_negative_codes_is_unsigned() -> None:
    x = Value("x", (2,), FixedType(False, 3, 0))
    y = Value("y", (1,), FixedType(True, 9, 0))
    weight = SparseTensor.from_dense(np.array([[3], [5]]), FixedType(True, 5, 0))
    network = check_network(Network("plus", (Input(x, None),), (Dense("d", "x", y, weight, np.array([0])),), ("y",)))
    assert "typedef ap_uint<6> d_n0_t;" in cpp_text(project(network, Strategy.MULTIPLIERS))
