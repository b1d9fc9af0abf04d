"""``load``, ``inspect`` and ``emulate``: from a file to what it computes."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from hwgen import frontend
from hwgen.api.arguments import checked
from hwgen.api.choices import choice
from hwgen.api.models import EmulatedModel, Model
from hwgen.emulator import EmulatorEngine, emulator
from hwgen.frontend import Inspection
from hwgen.frontend.load import InputType
from hwgen.ir import Network
from hwgen.tools import Progress


@checked
def load(
    path: str | Path,
    weights: str | Path | None = None,
    input_type: InputType = None,
    masks: str | Path | None = None,
    quantize: Mapping[str, str] | None = None,
    head: str = "logits",
) -> Model:
    """Load a trained QKeras model, exactly.

    Args:
        path: ``.h5``, ``.keras``, or a ``.json`` architecture with ``weights``.
        weights: the ``.h5`` weights of a ``.json`` architecture.
        input_type: what numbers the model takes, such as ``"fixed<8,3>"``; needed unless it starts with a QActivation.
        masks: pruning masks that act after the quantizers; ``masks.npz`` beside the model is found by itself.
        quantize: by layer, the type that its weights and bias are rounded to where the model leaves them unquantized,
            such as ``{"output": "fixed<16,6,RND,SAT>"}``; ``"WEIGHTS:RESULT"`` rounds what it computes as well.
        head: what the outputs are. ``logits`` leaves a final softmax or sigmoid out; ``argmax`` gives the index of the
            largest value; ``softmax=ufixed<8,0,RND,SAT>`` and ``sigmoid=ufixed<8,0,RND,SAT>`` give probabilities.
    Raises:
        ModelFileError: the file is no readable Keras model.
        UnsupportedError: a layer, quantizer or option that hwgen does not compute exactly; named.
        InputError: no input type, or one that cannot be read.
    """
    network = frontend.load_network(path, weights, input_type, masks, quantize, head)
    return Model(network, sha256(Path(path).read_bytes()).hexdigest())


@checked
def emulate(
    network: Model | Network,
    engine: str | EmulatorEngine | None = None,
    *,
    compiler: str | None = None,
    cache: bool = True,
    progress: Progress | None = None,
) -> EmulatedModel:
    """Compile a network for whole data sets, with the reference's codes.

    Args:
        network: a model, or a network.
        engine: ``"compiled"`` writes C++ of this network; ``"interpreter"`` runs its tables in a kernel that is
            compiled once for all networks. None compiles a small network; the result's ``engine`` says which it was.
        compiler: ``"g++"``, ``"clang++"`` or a path; None chooses one.
        cache: keep compiled kernels in the user's cache.
        progress: told what is being compiled.
    Raises:
        InputError: an engine that is none of the two.
        TypeRangeError: a sum may reach 2**62, or a shift to the left may leave 64 bits.
        ToolMissingError: no C++ compiler.
        ToolFailedError: the compiler fails.
    """
    chosen = None if engine is None else choice(EmulatorEngine, engine, "engine")
    given = network.network if isinstance(network, Model) else network
    return EmulatedModel(emulator(given, chosen, compiler=compiler, cache=cache, progress=progress))


@checked
def inspect(
    path: str | Path,
    weights: str | Path | None = None,
    input_type: InputType = None,
    masks: str | Path | None = None,
    quantize: Mapping[str, str] | None = None,
    head: str = "logits",
) -> Inspection:
    """Read a model as far as possible; every refusal is collected. Arguments as in ``load``."""
    return frontend.inspect_model(path, weights, input_type, masks, quantize, head)
