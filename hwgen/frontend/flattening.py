"""Models inside models and layers that are called several times, as one list of calls with one name each.

A layer of a model inside the model is called ``outer_inner``, whether or not ``inner`` alone is free: so its name does
not depend on what else the model holds, and every message names both. The second call of a layer ``dense`` is
``dense_1``, and the layers of the second call of a model ``block`` are ``block_1_…``. Where a name is taken, the next
number that is free makes another.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hwgen.errors import ModelFileError, UnsupportedError
from hwgen.frontend.architecture import PRUNING_WRAPPER, TIME_WRAPPER, Architecture, LayerEntry, shape_of
from hwgen.frontend.calls import TensorReference

# Layers once models are flattened; twice the calls in each of 14 models around another would make 16,384.
_MOST_CALLS = 5000


@dataclass(frozen=True, slots=True)
class StatedShape:
    """What a model inside the model states of an argument: the position of an input, and its shape without batch."""

    position: int
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class LayerCall:
    """One call of one layer.

    Attributes:
        name: unique among all calls.
        layer: the name of the layer's first call, the same for all of its calls.
        path: names of the models that the layer is in, from the outside, and its own.
        entry: the layer.
        inputs: names of the calls whose tensors it reads, in order.
        time_distributed: whether it is applied to each step of the first axis.
        stated: shapes that models around it state of what it reads.
    """

    name: str
    layer: str
    path: tuple[str, ...]
    entry: LayerEntry
    inputs: tuple[str, ...]
    time_distributed: bool
    stated: tuple[StatedShape, ...]


@dataclass(frozen=True, slots=True)
class Flat:
    """A model's calls in the order of the file, the calls that it returns, and what is to be said about them."""

    calls: tuple[LayerCall, ...]
    outputs: tuple[str, ...]
    notes: tuple[str, ...]


def flatten(path: Path, architecture: Architecture) -> Flat:
    """Replace models inside the model by their layers, and shared layers by a layer for each call.

    Raises:
        ModelFileError: the architecture contradicts itself.
        UnsupportedError: a tensor is read that a layer returns beside its first.
    """
    return _Flattening(path).run(architecture)


@dataclass(eq=False, slots=True)
class _Source:
    """A tensor, and the model in which it is called that."""

    scope: "_Scope"
    reference: TensorReference


@dataclass(eq=False, slots=True)
class _Leaf:
    """A call of a layer that is no model, before it has a name."""

    path: tuple[str, ...]
    entry: LayerEntry
    wanted: str
    first: bool
    sources: list[_Source]
    time_distributed: bool
    name: str = ""


@dataclass(eq=False, slots=True)
class _Scope:
    """One call of one model.

    Attributes:
        path: names of the models around it, and its own; none for the outermost.
        prefix: what the names of its layers begin with.
        sources: what it is called with; None for the outermost.
        entries: its layers by name.
        names: layer name to what it is called without its wrapper.
        inputs: names of its input layers, whose place the sources take.
        calls: layer name to what its calls became.
        first_number: layer name to the number of its first call; Keras 2 counts from 1 for a model with inputs.
    """

    architecture: Architecture
    path: tuple[str, ...]
    prefix: str
    sources: list[_Source] | None
    time_distributed: bool
    entries: dict[str, LayerEntry] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    outputs: tuple[TensorReference, ...] = ()
    calls: dict[str, list["_Leaf | _Scope"]] = field(default_factory=dict)
    first_number: dict[str, int] = field(default_factory=dict)


class _Flattening:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.leaves: list[_Leaf] = []
        self.count = 0
        self.notes: dict[str, None] = {}

    def run(self, architecture: Architecture) -> Flat:
        if architecture.sequential and architecture.layers[0].class_name != "InputLayer":
            architecture = replace(architecture, layers=(self.added_input(architecture), *architecture.layers))
        outermost = _Scope(architecture, (), "", None, False)
        self.fill(outermost)
        self.name_leaves()
        layers: dict[tuple[str, ...], str] = {}
        calls = []
        for leaf in self.leaves:
            layer = layers.setdefault(leaf.path, leaf.name)
            inputs, stated = [], []
            for position, source in enumerate(leaf.sources):
                found, shapes = self.resolve(source, f"layer {leaf.entry.name!r}")
                inputs.append(found.name)
                stated += [StatedShape(position, shape) for shape in shapes]
            of_steps = leaf.time_distributed  # whose shape is not that of all steps
            shapes_known = () if of_steps else tuple(stated)
            calls.append(LayerCall(leaf.name, layer, leaf.path, leaf.entry, tuple(inputs), of_steps, shapes_known))
        ends = [self.resolve(_Source(outermost, end), "the model")[0].name for end in outermost.outputs]
        self.note_shared(calls)
        return Flat(tuple(calls), tuple(ends), tuple(self.notes))

    def added_input(self, architecture: Architecture) -> LayerEntry:
        """The input's layer where the file leaves it out, called as Keras calls it."""
        if architecture.input_shape is None:
            raise ModelFileError(
                f"{self.path}: the model states no input shape, so it was saved before it was built; "
                f"call the model once, or give its first layer an input_shape, and save again."
            )
        name, used = f"{architecture.layers[0].name}_input", {entry.name for entry in architecture.layers}
        while name in used:
            name += "_"
        return LayerEntry(name, "InputLayer", {"name": name, "batch_input_shape": architecture.input_shape})

    def fill(self, scope: _Scope) -> None:
        """Take down every call in a model, those of the models inside it too."""
        architecture = scope.architecture
        scope.entries = {entry.name: entry for entry in architecture.layers}
        scope.names = _own_names(architecture)
        if architecture.sequential:
            self.sequence(scope)
            return
        scope.inputs = architecture.inputs if scope.sources is not None else ()
        scope.outputs = architecture.outputs
        self.check_inputs(scope)
        scope.first_number = self.first_numbers(architecture)
        for entry in architecture.layers:
            if entry.name not in scope.inputs:
                for number, references in enumerate(entry.calls or ((),)):
                    self.add(scope, entry, number, [_Source(scope, reference) for reference in references])

    def sequence(self, scope: _Scope) -> None:
        """Each layer reads the one before."""
        layers = scope.architecture.layers
        scope.outputs = (TensorReference(layers[-1].name),)
        before: list[_Source] = []
        if scope.sources is not None:
            scope.inputs = (layers[0].name,) if layers[0].class_name == "InputLayer" else ()
            self.check_inputs(scope)
            before = scope.sources
        for entry in layers:
            if entry.name not in scope.inputs:
                self.add(scope, entry, 0, before)
            before = [_Source(scope, TensorReference(entry.name))]
            if entry.inside is not None and len(entry.inside.outputs) > 1:
                raise ModelFileError(
                    f"{self.path}: layer {entry.name!r} of a Sequential model is a model with "
                    f"{len(entry.inside.outputs)} outputs; one was expected."
                )

    def check_inputs(self, scope: _Scope) -> None:
        if scope.sources is None:
            return
        model = scope.path[-1]
        expected = len(scope.inputs) or 1
        if len(scope.sources) != expected:
            raise ModelFileError(
                f"{self.path}: layer {model!r} is a model with {expected} inputs, but is called with "
                f"{len(scope.sources)}."
            )
        for entry in scope.architecture.layers:
            if (entry.class_name == "InputLayer") != (entry.name in scope.inputs):
                wrong = "is no input layer" if entry.name in scope.inputs else "is an input that nothing feeds"
                raise ModelFileError(f"{self.path}: layer {entry.name!r} of the model {model!r} {wrong}.")
            if entry.class_name == "InputLayer":
                _refuse_conversion(entry, model)

    def first_numbers(self, architecture: Architecture) -> dict[str, int]:
        """The number of each layer's first call: of a model that starts with an InputLayer, Keras 2 counts from 1.

        All calls of a layer lead to an output of the model, so all numbers appear somewhere.
        """
        used: dict[str, set[int]] = {}
        for reference in self.references(architecture):
            used.setdefault(reference.layer, set()).add(reference.call)
        numbers = {}
        for entry in architecture.layers:
            stated, calls = used.get(entry.name, set()), len(entry.calls)
            if entry.inside is not None and stated == set(range(1, calls + 1)):
                numbers[entry.name] = 1
        return numbers

    def references(self, architecture: Architecture) -> Iterator[TensorReference]:
        for entry in architecture.layers:
            for call in entry.calls:
                yield from call
        yield from architecture.outputs

    def add(self, scope: _Scope, entry: LayerEntry, number: int, sources: list[_Source]) -> None:
        """One call of a layer, or the calls in a model that is called."""
        self.count += 1
        if self.count > _MOST_CALLS:
            raise UnsupportedError(
                f"{self.path}: the model has more than {_MOST_CALLS} layers once the models in it are flattened."
            )
        path = (*scope.path, entry.name)
        timed = scope.time_distributed
        if entry.class_name == TIME_WRAPPER:
            self.check_time_wrapper(scope, entry)
            timed = True
        made: _Leaf | _Scope
        if entry.inside is not None:
            called = entry.name if number == 0 else f"{entry.name}_{number}"
            made = _Scope(entry.inside, path, f"{scope.prefix}{called}_", sources, timed)
            self.fill(made)
        else:
            wanted = scope.prefix + scope.names[entry.name]
            made = _Leaf(path, entry, wanted, number == 0, sources, timed)
            self.leaves.append(made)
        scope.calls.setdefault(entry.name, []).append(made)

    def check_time_wrapper(self, scope: _Scope, entry: LayerEntry) -> None:
        inner = entry.wrapped
        assert inner is not None, "the reader puts a layer into every wrapper"
        if scope.time_distributed or inner.class_name in (TIME_WRAPPER, PRUNING_WRAPPER):
            raise UnsupportedError(
                f"layer {scope.prefix + entry.name!r}: a {TIME_WRAPPER} around another wrapper, or inside one, is not "
                f"supported."
            )

    def name_leaves(self) -> None:
        """Layers of the outermost model keep their names; the others take what is free, in order."""
        used: set[str] = set()
        numbers: Counter[str] = Counter()
        for leaf in self.leaves:
            if leaf.first and len(leaf.path) == 1:
                leaf.name = leaf.wanted
                used.add(leaf.name)
        for leaf in self.leaves:
            if leaf.name:
                continue
            name = leaf.wanted
            while name in used or (name == leaf.wanted and not leaf.first):
                numbers[leaf.wanted] += 1
                name = f"{leaf.wanted}_{numbers[leaf.wanted]}"
            leaf.name = name
            used.add(name)

    def resolve(self, source: _Source, reader: str) -> tuple[_Leaf, list[tuple[int | None, ...]]]:
        """The call whose tensor a name means, and the shapes that models on the way to it state.

        Args:
            reader: what reads it, for messages.
        """
        shapes: list[tuple[int | None, ...]] = []
        seen: set[tuple[int, TensorReference]] = set()
        while True:
            scope, reference = source.scope, source.reference
            place = (id(scope), reference)
            if place in seen:
                raise ModelFileError(f"{self.path}: the layers that {reader} reads form a loop.")
            seen.add(place)
            entry = scope.entries.get(reference.layer)
            if entry is None:
                raise ModelFileError(
                    f"{self.path}: {reader} reads {reference.layer!r}, which is no layer of the model."
                )
            if entry.name in scope.inputs and scope.sources is not None:
                self.refuse_reference(reader, reference, 1, 0, 1)
                stated = shape_of(entry)
                if isinstance(stated, list) and len(stated) > 1:
                    shapes.append(tuple(size if isinstance(size, int) else None for size in stated[1:]))
                source = scope.sources[scope.inputs.index(entry.name)]
                continue
            calls = scope.calls.get(entry.name, [])
            first = scope.first_number.get(entry.name, 0)
            self.refuse_reference(reader, reference, len(calls), first, None)
            made = calls[reference.call - first]
            if isinstance(made, _Leaf):
                self.refuse_reference(reader, reference, len(calls), first, 1)
                return made, shapes
            self.refuse_reference(reader, reference, len(calls), first, len(made.outputs))
            source = _Source(made, made.outputs[reference.tensor])

    def refuse_reference(
        self, reader: str, reference: TensorReference, calls: int, first: int, tensors: int | None
    ) -> None:
        if not first <= reference.call < first + calls:
            raise ModelFileError(
                f"{self.path}: {reader} reads call {reference.call} of {reference.layer!r}, which has "
                f"{calls} {'call' if calls == 1 else 'calls'}, counted from {first}."
            )
        if tensors is not None and reference.tensor >= tensors:
            raise UnsupportedError(
                f"{reader}: reads output {reference.tensor} of {reference.layer!r}; hwgen knows "
                f"{tensors} {'output' if tensors == 1 else 'outputs'} of it, counted from 0."
            )

    def note_shared(self, calls: list[LayerCall]) -> None:
        users: dict[str, list[str]] = {}
        for call in calls:
            users.setdefault(call.layer, []).append(call.name)
        for layer, names in users.items():
            if len(names) > 1:
                self.notes[
                    f"layer {layer!r}: is called {len(names)} times; each call is hardware of its own with the same "
                    f"weights: {', '.join(names)}."
                ] = None


def _own_names(architecture: Architecture) -> dict[str, str]:
    """A layer in a pruning wrapper goes by the name that ``strip_pruning`` gives it, where that is free."""
    names = {entry.name: entry.name for entry in architecture.layers}
    used = set(names)
    for entry in architecture.layers:
        if entry.class_name == PRUNING_WRAPPER and entry.wrapped is not None and entry.wrapped.name not in used:
            names[entry.name] = entry.wrapped.name
            used.add(entry.wrapped.name)
    return names


def _refuse_conversion(entry: LayerEntry, model: str) -> None:
    """Keras converts what a model is called with to the type that its input states."""
    dtype: Any = entry.config.get("dtype")
    if isinstance(dtype, dict) and isinstance(dtype.get("config"), dict):  # Keras 3's policies
        dtype = dtype["config"].get("name", dtype)
    for key, value, allowed in (("dtype", dtype, (None, "float32")), *_flags(entry)):
        if value not in allowed:
            raise UnsupportedError(
                f"layer {entry.name!r}, an input of the model {model!r}: {key}={repr(value)[:80]} is not supported; "
                f"only {allowed[-1]!r} is."
            )


def _flags(entry: LayerEntry) -> list[tuple[str, Any, tuple[Any, ...]]]:
    return [(key, entry.config.get(key), (None, False)) for key in ("sparse", "ragged")]
