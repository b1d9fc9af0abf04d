"""The steps of hwgen as plain functions, and the loaded model that they share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwgen import frontend, reference, training
from hwgen.emit import Strategy, Vectors, hls_project
from hwgen.errors import InputError
from hwgen.fixed import IntArray
from hwgen.frontend import Inspection
from hwgen.frontend.load import InputType
from hwgen.ir import LayerComplexity, Network, network_complexity, network_text
from hwgen.tools import Progress
from hwgen.training import TrainResult
from hwgen.verify import VerifyReport, open_project, project_vectors, verify_project
from hwgen.verify.run import DEFAULT_SAMPLES

DEFAULT_PART = "xcvu13p-flga2577-2-e"
DEFAULT_CLOCK_NS = 5.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Model:
    """A network that runs: what ``hwgen.load`` returns.

    Attributes:
        network: the exact integer layers, for everything that hwgen builds from them.
        source_sha256: of the file that it came from, None where it came from none.
    """

    network: Network
    source_sha256: str | None = None

    def codes(self, data: ArrayLike | Sequence[ArrayLike]) -> IntArray | tuple[IntArray, ...]:
        """Output codes for real data: exactly the integers that the hardware gives.

        Args:
            data: (samples, *shape); a sequence of such arrays for several inputs.
        Returns:
            (samples, *shape) int64, or a tuple of them for several outputs.
        Raises:
            InputError: wrong shape, or data off the input's grid.
        """
        return _one_or_all(reference.simulate(self.network, reference.encode(self.network, data)))

    def predict(self, data: ArrayLike | Sequence[ArrayLike]) -> NDArray[np.float64] | tuple[NDArray[np.float64], ...]:
        """Output values for real data: ``codes`` times the output's step, in float64; arguments as in ``codes``."""
        codes = reference.simulate(self.network, reference.encode(self.network, data))
        return _one_or_all(reference.decode(self.network, codes))

    def trace(self, data: ArrayLike | Sequence[ArrayLike]) -> Mapping[str, IntArray]:
        """Codes of every value of the network by name, inputs included; arguments as in ``codes``."""
        return reference.trace(self.network, reference.encode(self.network, data))

    def __str__(self) -> str:
        return network_text(self.network)


def _one_or_all(results: tuple[_T, ...]) -> _T | tuple[_T, ...]:
    return results[0] if len(results) == 1 else results


def load(
    path: str | Path,
    weights: str | Path | None = None,
    input_type: InputType = None,
    masks: str | Path | None = None,
) -> Model:
    """Load a trained QKeras model, exactly.

    Args:
        path: ``.h5``, ``.keras``, or a ``.json`` architecture with ``weights``.
        weights: the ``.h5`` weights of a ``.json`` architecture.
        input_type: what numbers the model takes, such as ``"fixed<8,3>"``; needed unless it starts with a QActivation.
        masks: pruning masks that act after the quantizers; ``masks.npz`` beside the model is found by itself.
    Raises:
        ModelFileError: the file is no readable Keras model.
        UnsupportedError: a layer, quantizer or option that hwgen does not compute exactly; named.
        InputError: no input type, or one that cannot be read.
    """
    network = frontend.load_network(path, weights, input_type, masks)
    return Model(network, sha256(Path(path).read_bytes()).hexdigest())


def inspect(
    path: str | Path,
    weights: str | Path | None = None,
    input_type: InputType = None,
    masks: str | Path | None = None,
) -> Inspection:
    """Read a model as far as possible; every refusal is collected. Arguments as in ``load``."""
    return frontend.inspect_model(path, weights, input_type, masks)


@dataclass(frozen=True, slots=True)
class BuildResult:
    """A project that was written.

    Attributes:
        directory: where it lies.
        strategy: how its constant products are written.
        part: the FPGA that its scripts name.
        clock_ns: the clock period that its scripts name.
        layers: arithmetic of each layer with weights.
        files: number of files.
    """

    directory: Path
    strategy: Strategy
    part: str
    clock_ns: float
    layers: tuple[LayerComplexity, ...]
    files: int


def build(
    model: Model,
    directory: str | Path,
    *,
    strategy: str | Strategy = Strategy.MULTIPLIERS,
    part: str = DEFAULT_PART,
    clock_ns: float = DEFAULT_CLOCK_NS,
    inputs: ArrayLike | Sequence[ArrayLike] | None = None,
    overwrite: bool = False,
) -> BuildResult:
    """Write an HLS C++ project; it appears whole or not at all.

    Args:
        directory: where; must not exist, or be empty, unless ``overwrite``.
        strategy: ``"multipliers"`` (one constant product a non-zero weight) or ``"adders"`` (shifts and additions).
        part: as the vendor's tools name it.
        clock_ns: clock period to synthesize for.
        inputs: real data for the project's own testbench, (samples, *shape); chosen by hwgen where None.
        overwrite: whether to replace an hwgen project that is already there.
    Raises:
        ProjectError: the folder holds something else, or a project and ``overwrite`` is off.
        InputError: a strategy, part or clock that makes no sense, or data that does not fit.
    """
    chosen = _strategy(strategy)
    network = model.network
    codes = project_vectors(network) if inputs is None else reference.encode(network, inputs)
    vectors = Vectors(codes, reference.simulate(network, codes))
    files = hls_project(
        network,
        strategy=chosen,
        part=part,
        clock_ns=clock_ns,
        vectors=vectors,
        source_sha256=model.source_sha256,
    )
    files.write(Path(directory), overwrite=overwrite)
    return BuildResult(Path(directory), chosen, part, clock_ns, network_complexity(network), len(files))


def _strategy(strategy: str | Strategy) -> Strategy:
    if isinstance(strategy, Strategy):
        return strategy
    try:
        return Strategy(strategy)
    except ValueError:
        known = " or ".join(repr(s.value) for s in Strategy)
        raise InputError(f"strategy {strategy!r} is unknown; it is {known}.") from None


def verify(
    directory: str | Path,
    *,
    samples: int = DEFAULT_SAMPLES,
    inputs: ArrayLike | Sequence[ArrayLike] | None = None,
    seed: int = 0,
    compiler: str | None = None,
    pristine: bool = False,
    cache: bool = True,
    progress: Progress | None = None,
) -> VerifyReport:
    """Compile a project, run it beside the reference, compare every output code, and write ``verify.json`` into it.

    Args:
        samples: vectors that hwgen makes: extremes, one-hot, rounding ties, saturation edges, random.
        inputs: real data to run as well, (samples, *shape).
        seed: of the vectors.
        compiler: ``"g++"``, ``"clang++"`` or a path; None chooses one.
        pristine: use the ap_types headers as they are, without the patch that makes them fast.
        cache: keep compiled libraries in the user's cache.
        progress: told what is being done.
    Returns:
        The report: ``report.equal`` is the verdict, ``report.mismatch`` explains the first difference.
    Raises:
        ProjectError: the folder is no hwgen project, or damaged.
        ToolMissingError: no C++ compiler.
        ToolFailedError: the sources do not compile, or crash.
    """
    project = Path(directory)
    codes = None if inputs is None else reference.encode(open_project(project).network, inputs)
    report = verify_project(
        project,
        samples=samples,
        inputs=codes,
        seed=seed,
        compiler=compiler,
        pristine=pristine,
        cache=cache,
        progress=progress,
    )
    report.write_report(project)
    return report


def train(config: str | Path, progress: Callable[[training.TrainProgress], None] | None = None) -> TrainResult:
    """Train, quantize and prune as a TOML file says; needs the ``train`` extra.

    Raises:
        ConfigError: an unknown key or a value out of range, named.
        ToolMissingError: TensorFlow and QKeras are not installed.
    """
    return training.train(training.load_config(Path(config)), progress)


__all__ = [
    "DEFAULT_CLOCK_NS",
    "DEFAULT_PART",
    "BuildResult",
    "Inspection",
    "Model",
    "Strategy",
    "TrainResult",
    "VerifyReport",
    "build",
    "inspect",
    "load",
    "train",
    "verify",
]
