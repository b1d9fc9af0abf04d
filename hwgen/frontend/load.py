"""From a path to a Network, or to a report on what stands in the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwgen.errors import HwgenError, InputError, ModelFileError
from hwgen.fixed import FixedType, Quantizer, parse_quantizer
from hwgen.frontend.files import read_keras_file
from hwgen.frontend.graph import Graph, read_graph
from hwgen.frontend.lower import InputTypes, Lowering
from hwgen.frontend.specs import InputSpec, Spec, parse_layer
from hwgen.ir import Network

InputType = str | FixedType | Quantizer | Mapping[str, str | FixedType | Quantizer] | None


def load_network(
    path: str | Path,
    weights: str | Path | None = None,
    input_type: InputType = None,
    masks: str | Path | None = None,
) -> Network:
    """Read a trained model into an exact Network.

    Args:
        path: ``.h5``, ``.keras``, or ``.json`` with ``weights``.
        weights: ``.h5`` with the weights of a ``.json`` architecture.
        input_type: what numbers the model takes, as ``"fixed<8,3>"``; for several inputs a mapping by name. Needed where
            the model does not start with a QActivation.
        masks: pruning masks that act after the quantizers; ``masks.npz`` beside the model is found by itself.
    Raises:
        ModelFileError: the file is no readable Keras model.
        UnsupportedError: a layer, quantizer or option is not computed exactly.
        InputError: no input type, or one that cannot be read.
    """
    path = Path(path)
    graph = read_graph(read_keras_file(path, None if weights is None else Path(weights)))
    specs = {node.name: parse_layer(node) for node in graph.nodes}
    found = _find_masks(path, masks)
    lowering = Lowering(graph, specs, _read_masks(found, graph))
    if found is not None:
        lowering.notes.append(f"pruning masks of {found.name} act after the quantizers.")
    return lowering.run(_input_types(graph, specs, input_type))


def _find_masks(path: Path, masks: str | Path | None) -> Path | None:
    if masks is not None:
        given = Path(masks)
        if not given.is_file():
            raise InputError(f"{given}: no such file of masks.")
        return given
    beside = path.parent / "masks.npz"
    return beside if beside.is_file() else None


def _read_masks(path: Path | None, graph: Graph) -> Mapping[str, np.ndarray]:
    if path is None:
        return {}
    try:
        with np.load(path) as archive:
            masks = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise ModelFileError(f"{path}: no readable masks ({error}); remove it or train again.") from error
    layers = {node.name for node in graph.nodes}
    for name, mask in masks.items():
        if name not in layers:
            raise InputError(
                f"{path}: holds a mask for {name!r}, which is no layer of the model; is it another model's?"
            )
        if mask.dtype != np.bool_:
            raise InputError(f"{path}: the mask of {name!r} is {mask.dtype}; true (kept) and false were expected.")
    return masks


def _input_types(graph: Graph, specs: Mapping[str, Spec], given: InputType) -> InputTypes:
    names = [name for name, spec in specs.items() if isinstance(spec, InputSpec)]
    if given is None:
        return {}
    if isinstance(given, str) and "=" in given:
        given = dict(_named_type(part) for part in given.split(";"))
    if not isinstance(given, Mapping):
        given = dict.fromkeys(names, given)
    for name in given:
        if name not in names:
            raise InputError(f"input type for {name!r}: the model's inputs are {', '.join(names)}.")
    return {name: parse_quantizer(kind) if isinstance(kind, str) else kind for name, kind in given.items()}


def _named_type(text: str) -> tuple[str, str]:
    name, _, kind = text.partition("=")
    return name.strip(), kind.strip()


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One Keras layer in an inspection: what it is, or why it is refused."""

    name: str
    class_name: str
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What ``hwgen inspect`` shows: the network, or every reason why there is none."""

    path: Path
    layers: tuple[LayerSummary, ...]
    network: Network | None
    problem: str | None


def inspect_model(
    path: str | Path, weights: str | Path | None = None, input_type: InputType = None, masks: str | Path | None = None
) -> Inspection:
    """Read a model as far as possible and collect every refusal, instead of stopping at the first.

    Raises:
        ModelFileError: the file is no readable Keras model.
    """
    path = Path(path)
    graph = read_graph(read_keras_file(path, None if weights is None else Path(weights)))
    summaries = []
    for node in graph.nodes:
        try:
            parse_layer(node)
            summaries.append(LayerSummary(node.name, node.class_name, None))
        except HwgenError as error:
            summaries.append(LayerSummary(node.name, node.class_name, str(error)))
    network, problem = None, None
    if all(summary.refusal is None for summary in summaries):
        try:
            network = load_network(path, weights, input_type, masks)
        except HwgenError as error:
            problem = str(error)
    return Inspection(path, tuple(summaries), network, problem)
