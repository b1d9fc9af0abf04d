"""One drawn model through hwgen, the exact evaluator, Keras, circuits and compiled C++: every claim on equality."""

import re
import traceback
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hwgen
from hwgen import reference
from hwgen.circuit import TARGETS, ClockPlan, Interface, lower
from hwgen.emit import Strategy
from hwgen.errors import HwgenError
from hwgen.ir import Network
from hwgen.verify import BatchOptions, VerifyReport, verify_networks
from oracle.fuzz_code import script
from oracle.fuzz_exact import Built, build, exact_outputs, samples, without_heads
from oracle.fuzz_model import FuzzModel, roughness
from oracle.keras_environment import building
from oracle.quantizer_rational import Exact, each
from oracle.rational import two_to

SAMPLES = 12
CSIM_SAMPLES = 100
# Words of the sentences with which a model may be refused where a layer reads values off every grid, or an output is.
ROUGH = (
    "no fixed-point grid",
    "no binary fractions",
    "mixes channels",
    "divisors differ",
    "moves channels",
    "puts zeros beside",
    "follows another batch norm",
    "multiplied in, its weights need",
    "the scales before it need",
    "its bias needs more than",
    "of each input multiplied in",
    "reads the values of the activation",
    "follows another one",
)
# And those for which any model may be.
ANY = (
    "is one function in Keras 2 and another in Keras 3",
    "the file does not say whether it acts",
    "outputs the same tensor twice",
    "TensorFlow refuses it too: use another output_padding",
    "steps at irrational numbers, and the activation",
)


@dataclass(frozen=True, slots=True)
class Csim:
    """How the C++ is written that is compiled."""

    strategy: Strategy
    interface: Interface


@dataclass(frozen=True, slots=True)
class FuzzOutcome:
    """What became of one model.

    Attributes:
        kind: "exact" or "refused".
        refusal: the sentence without names, where it is refused.
        keras: whether float32 is exact, so that Keras's own predictions were compared.
        circuits: interfaces whose circuit was compared.
        csim: what was compiled, run and compared.
        layers: of the model.
        notes: sentences with which circuits or C++ were refused.
    """

    kind: str
    layers: int
    refusal: str = ""
    keras: bool = False
    circuits: tuple[str, ...] = ()
    csim: str = ""
    notes: tuple[str, ...] = ()


class FuzzFailureError(AssertionError):
    """A claim does not hold.

    Attributes:
        kind: which, so that a smaller model is known to fail in the same way.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class UnbuildableError(Exception):
    """Keras itself does not build or run the model."""


def check(drawn: FuzzModel, folder: Path, csim: Csim | None = None) -> FuzzOutcome:
    """Build, save, load, run and compare.

    Raises:
        FuzzFailureError: a claim does not hold.
        UnbuildableError: Keras does not build the model.
    """
    try:
        built = build(drawn)
        path, weights = built.save(folder)
    except Exception as error:  # of any class: it is Keras's, and no claim of hwgen's
        raise UnbuildableError(f"{type(error).__name__}: {error}") from error
    built.round_given()
    data = samples(drawn, SAMPLES)
    exact = exact_outputs(built, data)
    size = sum(1 for _ in drawn.every_layer())
    try:
        loaded = hwgen.load(path, weights=weights, **load_arguments(drawn))
    except HwgenError as error:
        if not is_expected(str(error), drawn):
            raise FuzzFailureError("refused without reason", str(error)) from error
        return FuzzOutcome("refused", size, reason(str(error)))
    except Exception as error:
        raise _crash("load", error) from error
    if exact is None:
        raise FuzzFailureError("accepted without exact meaning", str(loaded))
    network = loaded.network
    given = _guarded("encode", lambda: reference.encode(network, _data(data)))
    codes = _guarded("reference", lambda: reference.simulate(network, given))
    _same(network, codes, exact, "wrong codes")
    raw = without_heads(drawn)
    by_keras = network.float32_exact and raw is not None and drawn.head == "logits"
    if by_keras and raw is not None:
        _same_as_keras(built, raw, data, exact)
    circuits, notes = _circuits(network, given, codes)
    compiled = "" if csim is None else _compiled(network, csim, notes)
    return FuzzOutcome("exact", size, "", by_keras, circuits, compiled, tuple(notes))


def load_arguments(drawn: FuzzModel) -> dict[str, Any]:
    """For ``hwgen.load``: types of inputs and of weights, and the head."""
    types = {source.name: source.type for source in drawn.inputs if source.type is not None}
    return {"input_type": types or None, "quantize": given_types(drawn) or None, "head": drawn.head}


def given_types(drawn: FuzzModel, prefix: str = "") -> dict[str, str]:
    """Of the layers whose weights the model leaves unquantized, by name: a type holds for all calls of a layer."""
    found: dict[str, str] = {}
    for layer in drawn.layers:
        if layer.given is not None:
            found[f"{prefix}{layer.name}"] = layer.given
        if layer.body is not None:
            found |= given_types(layer.body, f"{prefix}{layer.name}_")
    return found


def is_expected(sentence: str, drawn: FuzzModel) -> bool:
    """Whether a model may be refused with a sentence."""
    off, outputs = roughness(drawn)
    rough = bool(off) or not all(outputs.values())
    return any(words in sentence for words in (*ANY, *(ROUGH if rough else ())))


def reason(sentence: str) -> str:
    """A sentence without names and numbers."""
    return re.sub(r"\d+", "N", re.sub(r"'[^']*'", "'…'", sentence.split(": ", 1)[-1]))


def _crash(where: str, error: Exception) -> FuzzFailureError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    at = f"{Path(last.filename).name} {last.name}"
    return FuzzFailureError(f"{where} ends with {type(error).__name__} in {at}", str(error))


def _guarded(where: str, run: Any) -> Any:
    try:
        return run()
    except Exception as error:
        raise _crash(where, error) from error


def _data(data: list[NDArray[np.float32]]) -> Any:
    return data[0] if len(data) == 1 else data


def _same(network: Network, codes: Any, exact: list[Exact], what: str) -> None:
    for number, (name, found, expected) in enumerate(zip(network.outputs, codes, exact, strict=True)):
        fraction = network.value(name).type.fraction
        values = each(lambda code, f=fraction: code * two_to(-f), found.astype(object))
        _compare(values, expected, f"{what} in output", number)


def _compare(actual: Exact, expected: Exact, what: str, number: int) -> None:
    if actual.shape != expected.shape:
        raise FuzzFailureError(what, f"{number} has shape {actual.shape}, not {expected.shape}")
    wrong = np.argwhere(actual != expected)
    if len(wrong):
        at = tuple(wrong[0])
        first = f"first at {wrong[0].tolist()}: {actual[at]}, not {expected[at]}"
        raise FuzzFailureError(what, f"{number}: {len(wrong)} of {expected.size}, {first}")


def _same_as_keras(built: Built, raw: str, data: list[NDArray[np.float32]], exact: list[Exact]) -> None:
    with building():
        found = eval(raw, dict(built.names))(_data(data), training=False)
    for number, (predicted, expected) in enumerate(
        zip(found if isinstance(found, list | tuple) else [found], exact, strict=True)
    ):
        in_float32 = each(Fraction, np.asarray(predicted).astype(object))
        _compare(in_float32, expected, "float32 is said to be exact and Keras differs in output", number)


def _circuits(network: Network, given: Any, codes: Any) -> tuple[tuple[str, ...], list[str]]:
    """Both circuits' codes against the reference's; those that were compared, and why others were not built."""
    compared, notes = [], []
    for interface in Interface:
        try:
            circuit = lower(network, TARGETS["amd"], ClockPlan(2), interface)
        except HwgenError as error:
            notes.append(f"{interface.value} circuit: {reason(str(error))}")
            continue
        except Exception as error:
            raise _crash(f"{interface.value} circuit", error) from error
        found = _guarded(f"{interface.value} circuit", lambda c=circuit: c.codes(given))
        for number, (a, b) in enumerate(zip(found, codes, strict=True)):
            if a.shape != b.shape or (a != b).any():
                raise FuzzFailureError(f"the {interface.value} circuit differs from the reference", f"output {number}")
        compared.append(interface.value)
    return tuple(compared), notes


def _compiled(network: Network, csim: Csim, notes: list[str]) -> str:
    what = f"{csim.strategy.value} {csim.interface.value}"
    options = BatchOptions(samples=CSIM_SAMPLES, interface=csim.interface, jobs=1)
    (report,) = _guarded(f"C++ {what}", lambda: verify_networks([network], csim.strategy, options))
    if isinstance(report, VerifyReport):
        if not report.equal:
            raise FuzzFailureError(f"C++ {what} differs from the reference", report.summary())
        return what
    if type(report).__name__ not in ("UnsupportedError", "TypeRangeError"):
        raise FuzzFailureError(f"C++ {what} ends with {type(report).__name__}", str(report))
    notes.append(f"C++ {what}: {reason(str(report))}")
    return ""


def reproduction(drawn: FuzzModel, failure: FuzzFailureError) -> str:
    """The program that shows a failure."""
    built = build(drawn)
    built.round_given()
    data = samples(drawn, SAMPLES)
    exact = exact_outputs(built, data)
    return script(
        drawn,
        " ".join(str(failure).split())[:200],
        [array.ravel().tolist() for array in built.stored],
        [array.tolist() for array in data],
        [[str(number) for number in end.ravel()] for end in exact or []],
        given_types(drawn),
        without_heads(drawn),
        csim="C++" in failure.kind,
    )
