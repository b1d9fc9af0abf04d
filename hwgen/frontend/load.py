"""From a path to a Network, or to a report on what stands in the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hwgen.errors import HwgenError, InputError
from hwgen.fixed import FixedType, Quantizer, parse_quantizer
from hwgen.frontend.files import read_keras_file
from hwgen.frontend.given_types import GivenTypes, QuantizeLayers, read_given_types
from hwgen.frontend.graph import Graph, read_graph
from hwgen.frontend.heads import read_head
from hwgen.frontend.layer_config import parse_layer
from hwgen.frontend.lower import InputTypes, Lowering
from hwgen.frontend.masks_file import find_masks, read_masks
from hwgen.frontend.specs import InputSpec, Spec
from hwgen.frontend.weighted_layers import Masks
from hwgen.ir import Network

InputType = str | FixedType | Quantizer | Mapping[str, str | FixedType | Quantizer] | None


def load_network(
    path: str | Path,
    weights: str | Path | None = None,
    input_type: InputType = None,
    masks: str | Path | None = None,
    quantize: QuantizeLayers = None,
    head: str = "logits",
) -> Network:
    """Read a trained model into an exact Network.

    Args:
        path: ``.h5``, ``.keras``, or ``.json`` with ``weights``.
        weights: ``.h5`` with the weights of a ``.json`` architecture.
        input_type: what numbers the model takes, as ``"fixed<8,3>"``; for several inputs a mapping by name, or
            ``"name=TYPE;name=TYPE"``. Needed where the model does not start with a QActivation.
        masks: pruning masks that act after the quantizers; ``masks.npz`` beside the model is found by itself.
        quantize: by layer, what weights and bias are rounded to that the model leaves unquantized, such as
            ``{"output": "fixed<16,6,RND,SAT>"}``; ``"WEIGHTS:RESULT"`` rounds what the layer computes as well.
        head: what the model's outputs are: ``logits`` leaves a final softmax or sigmoid out, ``argmax`` gives the index
            of the largest, ``softmax=TYPE`` and ``sigmoid=TYPE`` give probabilities.
    Raises:
        ModelFileError: the file is no readable Keras model.
        UnsupportedError: a layer, quantizer or option is not computed exactly.
        InputError: no input type, or one that cannot be read; masks that are not this model's.
    """
    graph = _graph(path, weights)
    types = _given_types(graph, quantize)
    specs = {node.name: parse_layer(node, types.get(node.layer)) for node in graph.nodes}
    found = find_masks(Path(path), masks)
    lowering = Lowering(graph, specs, _input_types(graph, input_type), read_masks(found, graph), types, read_head(head))
    lowering.builder.notes.extend([*graph.notes, *_masks_note(found)])
    return lowering.run()


def _graph(path: str | Path, weights: str | Path | None) -> Graph:
    return read_graph(read_keras_file(Path(path), None if weights is None else Path(weights)))


def _given_types(graph: Graph, given: QuantizeLayers) -> Mapping[str, GivenTypes]:
    types = read_given_types(given)
    known = list(dict.fromkeys(node.layer for node in graph.nodes if node.class_name != "InputLayer"))
    for name in types:
        if name not in known:
            raise InputError(f"quantize {name!r}: is no layer of the model; its layers are {', '.join(known)}.")
    return types


def _masks_note(found: Path | None) -> list[str]:
    return [] if found is None else [f"pruning masks of {found.name} act after the quantizers."]


def _input_types(graph: Graph, given: InputType) -> InputTypes:
    names = [node.name for node in graph.nodes if node.class_name == "InputLayer"]
    if given is None:
        return {}
    if isinstance(given, str) and "=" in given:
        given = _named_types(given)
    if not isinstance(given, Mapping):
        given = dict.fromkeys(names, given)
    for name in given:
        if name not in names:
            raise InputError(f"input type for {name!r}: the model's inputs are {', '.join(names)}.")
    return {name: _parsed(name, kind) for name, kind in given.items()}


def _named_types(text: str) -> Mapping[str, str]:
    types: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, kind = (piece.strip() for piece in part.partition("="))
        if not equals or not name or name in types:
            raise InputError(f"input types are written 'name=TYPE;name=TYPE', each name once; got {text!r}.")
        types[name] = kind
    return types


def _parsed(name: str, kind: object) -> FixedType | Quantizer:
    if isinstance(kind, str):
        return parse_quantizer(kind)
    if not isinstance(kind, FixedType | Quantizer):
        raise InputError(f"input type for {name!r}: text such as 'fixed<8,3>' or a FixedType is needed, got {kind!r}.")
    return kind


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One Keras layer in an inspection: what it is, or why it is refused."""

    name: str
    class_name: str
    refusal: str | None


@dataclass(frozen=True, slots=True)
class Inspection:
    """What ``hwgen inspect`` shows: the network, or every reason why there is none.

    Attributes:
        path: of the model.
        layers: every Keras layer, in the order in which data passes; a layer behind a refused one is judged by its
            options alone.
        network: None where anything is refused.
        problem: what is refused of the model as a whole, such as masks of another model.
    """

    path: Path
    layers: tuple[LayerSummary, ...]
    network: Network | None
    problem: str | None


# Stands in for an input type that is missing, so that the layers behind the input are judged too.
_ANY_TYPE = FixedType(signed=True, width=8, fraction=7)


def inspect_model(
    path: str | Path,
    weights: str | Path | None = None,
    input_type: InputType = None,
    masks: str | Path | None = None,
    quantize: QuantizeLayers = None,
    head: str = "logits",
) -> Inspection:
    """Read a model as far as possible and collect every refusal, instead of stopping at the first.

    Raises:
        ModelFileError: the file is no readable Keras model.
        UnsupportedError: its layers are connected in a way that hwgen does not follow.
    """
    graph = _graph(path, weights)
    given = _given_types(graph, quantize)
    specs: dict[str, Spec] = {}
    refusals: dict[str, str] = {}
    for node in graph.nodes:
        try:
            specs[node.name] = parse_layer(node, given.get(node.layer))
        except HwgenError as error:
            refusals[node.name] = str(error)
    types: InputTypes = {}
    kept: Masks = {}
    found, problem = None, None
    try:
        found = find_masks(Path(path), masks)
        kept = read_masks(found, graph)
        types = _input_types(graph, input_type)
    except HwgenError as error:
        problem = str(error)
        types = {node.name: _ANY_TYPE for node in graph.nodes if node.class_name == "InputLayer"}
    lowering = Lowering(graph, specs, types, kept, given, read_head(head))
    lowering.builder.notes.extend([*graph.notes, *_masks_note(found)])
    for node in graph.nodes:
        if node.name in specs and all(source in lowering.signals for source in node.inputs):
            refusal = _refusal(lowering, node.name)
            if refusal is not None:
                refusals[node.name] = refusal
    network = None
    if not refusals and problem is None:
        try:
            network = lowering.finish()
        except HwgenError as error:
            problem = str(error)
    layers = tuple(LayerSummary(node.name, node.class_name, refusals.get(node.name)) for node in graph.nodes)
    return Inspection(Path(path), layers, network, problem)


def _refusal(lowering: Lowering, name: str) -> str | None:
    node, spec = lowering.graph.node(name), lowering.specs[name]
    try:
        lowering.lower(node)
    except HwgenError as error:
        if isinstance(spec, InputSpec):
            lowering.take_input(node, spec, _ANY_TYPE, None)
        return str(error)
    return None
