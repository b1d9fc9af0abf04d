"""A file that is no model, or a damaged one, is a sentence that says what and where: never another exception."""

import copy
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from oracle.keras_files import (
    Config,
    KerasLayer,
    as_keras3,
    dense,
    functional,
    pruned,
    sequential,
    write_h5,
    write_keras,
    write_weights_h5,
)
from oracle.small_networks import SmallNetwork, small_network

import hwgen
from hwgen.errors import HwgenError, ModelFileError
from hwgen.ir import network_to_json


@pytest.fixture(scope="module")
def small() -> SmallNetwork:
    return small_network()


@pytest.fixture(scope="module")
def reference(small: SmallNetwork, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The network that an intact file gives, as text."""
    return network_to_json(hwgen.load(_h5(tmp_path_factory.mktemp("reference"), small.layers)).network)


def _h5(folder: Path, layers: list[KerasLayer]) -> Path:
    write_h5(folder / "model.h5", sequential(layers), layers)
    return folder / "model.h5"


def _keras(folder: Path, layers: list[KerasLayer]) -> Path:
    write_keras(folder / "model.keras", as_keras3(functional(layers, keras3=True)), layers, named=True)
    return folder / "model.keras"


def _refused(path: Path, weights: Path | None = None) -> str:
    with pytest.raises(ModelFileError) as caught:
        hwgen.load(path, weights)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith((".", "?")), message
    return message


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.h5", None, "no such file"),
        ("empty.h5", b"", "the file is empty"),
        ("text.h5", b"this is a text\n" * 9, "neither HDF5 (.h5), a Keras zip (.keras) nor JSON"),
        ("image.png", b"\x89PNG\r\n\x1a\n" + bytes(64), "neither HDF5 (.h5), a Keras zip (.keras) nor JSON"),
        ("magic.h5", b"\x89HDF\r\n\x1a\n", "the HDF5 data is damaged or cut short"),
        ("magic.keras", b"PK\x03\x04", "the .keras zip is damaged or cut short"),
        ("empty.zip", b"PK\x05\x06" + bytes(18), "a zip without 'config.json'"),
    ],
)
def test_a_file_of_another_kind_is_named(name: str, content: bytes | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    message = _refused(path)
    assert str(path) in message
    assert says in message


def test_a_folder_is_named_with_what_to_do(tmp_path: Path) -> None:
    assert _refused(tmp_path).endswith(
        ": a model file (.h5, .keras, or .json with weights) was expected, this is a folder; save a TensorFlow "
        "SavedModel as .h5 or .keras first."
    )


@pytest.mark.parametrize("left_out", ["config.json", "model.weights.h5"])
def test_a_zip_without_a_part_of_a_model_is_named(left_out: str, small: SmallNetwork, tmp_path: Path) -> None:
    whole = _keras(tmp_path, small.layers)
    path = tmp_path / "part.keras"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            if name != left_out:
                target.writestr(name, source.read(name))
    assert f"a zip without {left_out!r}" in _refused(path)


def test_hdf5_without_a_model_says_how_to_give_weights_alone(small: SmallNetwork, tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    write_weights_h5(path, small.layers)
    message = _refused(path)
    assert message.endswith(
        ": an HDF5 file without a model: it holds no 'model_config'. If it holds weights alone, give the "
        "architecture as .json and this file with --weights."
    )
    assert "--weights" in message


def test_an_architecture_without_weights_is_named(small: SmallNetwork, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(sequential(small.layers))
    assert _refused(path).endswith(": holds an architecture but no 'model_weights'; save the whole model.")


def test_json_alone_asks_for_its_weights(small: SmallNetwork, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_text(json.dumps(sequential(small.layers)))
    assert _refused(path).endswith(": holds the architecture only; give the weights too: --weights FILE.h5.")
    assert "no such file" in _refused(path, tmp_path / "other.h5")
    assert _refused(path, path).endswith(": weights in HDF5 (.h5) were expected, this is another kind of file.")


def test_weights_beside_a_whole_model_are_refused(small: SmallNetwork, tmp_path: Path) -> None:
    path = _h5(tmp_path, small.layers)
    assert _refused(path, path).endswith(
        ": holds its own weights; give separate weights only with a .json architecture."
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the architecture is damaged or cut short"),
        ("{", "the architecture is damaged or cut short"),
        ("[1, 2]", "'class_name' and 'config' was expected"),
        ('{"class_name": "Sequential"}', "'class_name' and 'config' was expected"),
        ('{"class_name": "Sequential", "config": {}}', "with a list of layers was expected"),
        ('{"class_name": "Sequential", "config": []}', "with a list of layers was expected"),
        ('{"class_name": "Sequential", "config": [7]}', "a layer with 'class_name' and 'config' was expected, got 7"),
        ('{"class_name": "Sequential", "config": [{"class_name": "Q", "config": {}}]}', "has no name"),
        ('{"class_name": "Functional", "config": {"layers": [{"class_name": "Q", "config": {"name": "a"}}]}}', "names"),
        ("[" * 100_000, "the architecture is damaged or cut short"),
        ('{"class_name": "Sequential", "config": ' + "[" * 200 + "]" * 200 + "}", "nested more than 50 levels"),
    ],
)
def test_an_architecture_that_is_none_is_named(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    write_h5(path, text, [])
    message = _refused(path)
    assert str(path) in message
    assert says in message


def test_two_layers_of_one_name_are_named(small: SmallNetwork, tmp_path: Path) -> None:
    write_h5(tmp_path / "model.h5", sequential([*small.layers, small.layers[-1]]), small.layers)
    assert _refused(tmp_path / "model.h5").endswith(
        ": two layers are called 'softmax'; Keras tells layers apart by name."
    )


def test_a_model_that_was_never_built_is_named(small: SmallNetwork, tmp_path: Path) -> None:
    assert _refused(_h5(tmp_path, small.layers[1:])).endswith(
        ": the model states no input shape, so it was saved before it was built; call the model once, or give "
        "its first layer an input_shape, and save again."
    )


def test_a_loop_is_named(small: SmallNetwork, tmp_path: Path) -> None:
    layers = list(small.layers)
    layers[1] = KerasLayer(layers[1].class_name, layers[1].config, {}, ("softmax",))
    write_h5(tmp_path / "model.h5", functional(layers), layers)
    assert "form a loop" in _refused(tmp_path / "model.h5")


@pytest.mark.parametrize("key", ["input_layers", "output_layers"])
@pytest.mark.parametrize("value", [None, [], {}, 3, [["nobody", 0, 0]], [["softmax"], [[]]], {"a": ["nobody", 0, 0]}])
def test_ends_that_name_no_layer_are_refused(key: str, value: Any, small: SmallNetwork, tmp_path: Path) -> None:
    architecture = functional(small.layers)
    architecture["config"][key] = value
    write_h5(tmp_path / "model.h5", architecture, small.layers)
    assert key in _refused(tmp_path / "model.h5")


@pytest.mark.parametrize(
    "call",
    [
        3,
        "conv",
        [3],
        [[]],
        [["pixels"]],
        [[["pixels"]]],
        [{"args": 3, "kwargs": {}}],
        [{"args": []}],
        [["nobody", 0, 0]],
    ],
)
def test_connections_in_no_known_form_are_refused(call: Any, small: SmallNetwork, tmp_path: Path) -> None:
    architecture = functional(small.layers)
    architecture["config"]["layers"][2]["inbound_nodes"] = call if isinstance(call, int | str) else [call]
    write_h5(tmp_path / "model.h5", architecture, small.layers)
    assert "'conv'" in _refused(tmp_path / "model.h5")


# ---- weights that are none


def _with_weight(tmp_path: Path, small: SmallNetwork, array: np.ndarray | None, name: str = "hidden/kernel:0") -> Path:
    """The small network with one stored weight replaced, or taken away."""
    path = _h5(tmp_path, small.layers)
    with h5py.File(path, "r+") as file:
        group = file["model_weights/hidden"]
        del group[name]
        if array is not None:
            group.create_dataset(name, data=array)
    return path


@pytest.mark.parametrize(
    ("value", "text"), [(np.nan, "is nan at [3, 1]"), (np.inf, "is inf at [3, 1]"), (-np.inf, "is -inf at [3, 1]")]
)
def test_weights_that_are_not_finite_are_named_with_their_place(
    value: float, text: str, small: SmallNetwork, tmp_path: Path
) -> None:
    kernel = np.zeros((12, 4), dtype=np.float32)
    kernel[3, 1] = kernel[11, 2] = value
    message = _refused(_with_weight(tmp_path, small, kernel))
    assert "weight 'kernel' of layer 'hidden'" in message
    assert text in message
    assert "2 of 48" in message


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "complex64", "bool"])
def test_weights_of_another_precision_are_named(dtype: str, small: SmallNetwork, tmp_path: Path) -> None:
    message = _refused(_with_weight(tmp_path, small, np.zeros((12, 4), dtype=dtype)))
    assert f"weight 'kernel' of layer 'hidden' is {dtype}" in message


def test_big_endian_weights_are_the_same_weights(small: SmallNetwork, reference: str, tmp_path: Path) -> None:
    kernel = (small.codes["hidden"] * 2.0**-5).astype(">f4")
    assert network_to_json(hwgen.load(_with_weight(tmp_path, small, kernel)).network) == reference


def test_a_weight_that_is_missing_is_named(small: SmallNetwork, tmp_path: Path) -> None:
    message = _refused(_with_weight(tmp_path, small, None))
    assert "the group of weights of layer 'hidden' is damaged or cut short" in message


def test_a_weight_of_another_shape_is_named(small: SmallNetwork, tmp_path: Path) -> None:
    path = _with_weight(tmp_path, small, np.zeros((12, 5), dtype=np.float32))
    with pytest.raises(HwgenError, match=r"layer 'hidden' \(QDense\), kernel: .* shape \(12, 4\), .* \(12, 5\)"):
        hwgen.load(path)


def test_a_layer_without_weights_in_the_file_is_named(small: SmallNetwork, tmp_path: Path) -> None:
    others = [entry for entry in small.layers if entry.name != "hidden"]
    write_h5(tmp_path / "model.h5", sequential(small.layers), others)
    with pytest.raises(HwgenError, match=r"layer 'hidden' \(QDense\), kernel: the file holds no such weight"):
        hwgen.load(tmp_path / "model.h5")


def test_two_weights_of_one_short_name_do_not_pass_for_each_other(small: SmallNetwork, tmp_path: Path) -> None:
    path = _h5(tmp_path, small.layers)
    with h5py.File(path, "r+") as file:
        group = file["model_weights/hidden"]
        group.create_dataset("other/kernel:0", data=np.zeros((12, 4), dtype=np.float32))
        group.attrs["weight_names"] = [b"hidden/kernel:0", b"hidden/bias:0", b"other/kernel:0"]
    assert _refused(path).endswith(
        ": layer 'hidden' has weight 'hidden/kernel:0', but kernel, bias were expected; are they another model's?"
    )


def test_a_weight_that_the_layer_has_no_use_for_is_named(small: SmallNetwork, tmp_path: Path) -> None:
    layers = [
        KerasLayer(e.class_name, e.config, {**e.weights, "bias": np.zeros(3)}) if e.name == "scores" else e
        for e in small.layers
    ]
    assert _refused(_h5(tmp_path, layers)).endswith(
        ": layer 'scores' has weight 'bias', but kernel were expected; are they another model's?"
    )


@pytest.mark.parametrize("keras3", [False, True])
def test_weights_of_layers_that_the_architecture_does_not_have_are_another_models(
    keras3: bool, small: SmallNetwork, tmp_path: Path
) -> None:
    """hwgen goes by names where Keras goes by order: neither may take another model's weights."""
    other = dense("other_scores", np.zeros((4, 3)), None)
    if keras3:
        path = tmp_path / "model.keras"
        write_keras(path, as_keras3(functional(small.layers, keras3=True)), [*small.layers, other], named=True)
    else:
        path = tmp_path / "model.h5"
        write_h5(path, sequential(small.layers), [*small.layers, other])
    assert "holds weights of 'other_scores', which is no layer of the architecture" in _refused(path)


def test_a_weight_that_claims_more_values_than_the_file_can_hold_is_damage(small: SmallNetwork, tmp_path: Path) -> None:
    path = _h5(tmp_path, small.layers)
    with h5py.File(path, "r+") as file:
        del file["model_weights/hidden/hidden/kernel:0"]
        file["model_weights/hidden"].create_dataset("hidden/kernel:0", shape=(1 << 20, 1 << 20), dtype="f4")
    assert _refused(path).endswith(
        ": weight 'kernel' of layer 'hidden' claims 1099511627776 values, more than this file can hold: it is damaged."
    )


def test_a_keras_3_layer_with_more_variables_than_it_should_have_is_named(small: SmallNetwork, tmp_path: Path) -> None:
    layers = [
        KerasLayer(e.class_name, e.config, {**e.weights, "bias": np.zeros(3, dtype=np.float32)})
        if e.name == "scores"  # whose options say that it has no bias
        else e
        for e in small.layers
    ]
    assert _refused(_keras(tmp_path, layers)).endswith(
        ": layer 'scores' has variables [0, 1], but kernel were expected."
    )


@pytest.mark.parametrize("mask", [None, np.ones((4, 12)), np.full((12, 4), 0.5)], ids=["none", "shape", "not 0 or 1"])
def test_a_pruning_wrapper_whose_mask_is_none_is_named(
    mask: np.ndarray | None, small: SmallNetwork, tmp_path: Path
) -> None:
    wrapped = []
    for entry in pruned(small.layers, {}):
        is_hidden = entry.name == "prune_low_magnitude_hidden" and mask is not None
        added = {"mask": mask.astype(np.float32)} if is_hidden and mask is not None else {}
        wrapped.append(KerasLayer(entry.class_name, entry.config, {**entry.weights, **added}))
    kept = [entry for entry in wrapped if "conv" not in entry.name and "folded" not in entry.name]
    kept[0] = KerasLayer("InputLayer", {**kept[0].config, "batch_input_shape": [None, 2, 2, 3]})
    kept = [entry for entry in kept if not entry.name.endswith("_pool")]
    write_h5(tmp_path / "model.h5", sequential(kept), kept)
    message = _refused(tmp_path / "model.h5")
    assert "layer 'prune_low_magnitude_hidden' is wrapped for pruning" in message
    assert "strip_pruning" in message


# ---- damage anywhere


def _contents(path: Path) -> Any:
    """What h5py and json see in a model; None where they see nothing."""
    found: dict[str, Any] = {}

    def visit(name: str, item: Any) -> None:
        found[name] = item[()].tobytes() if isinstance(item, h5py.Dataset) else None
        found.update({f"{name}@{key}": repr(value) for key, value in item.attrs.items()})

    try:
        with h5py.File(path) as file:
            file.visititems(visit)
            return json.loads(file.attrs["model_config"]), found
    except Exception:
        return None


def _outcome(path: Path, weights: Path | None = None) -> str | None:
    """The network as text, or None where the file is refused."""
    try:
        return network_to_json(hwgen.load(path, weights).network)
    except HwgenError as error:
        message = str(error)
        assert message
        assert "\n" not in message
        return None


@pytest.fixture(params=[_h5, _keras], ids=["h5", "keras"])
def whole(request: pytest.FixtureRequest, small: SmallNetwork, tmp_path: Path) -> Path:
    return request.param(tmp_path, small.layers)  # type: ignore[no-any-return]


def test_a_file_cut_short_anywhere_is_refused(whole: Path, tmp_path: Path) -> None:
    content = whole.read_bytes()
    for length in np.linspace(0, len(content) - 1, 40).astype(int).tolist():
        path = tmp_path / f"cut{whole.suffix}"
        path.write_bytes(content[:length])
        with pytest.raises(ModelFileError):
            hwgen.load(path)


def _with_hdf5_changed(whole: Path, tmp_path: Path, change: Callable[[bytearray], None]) -> Path:
    """The same file with its HDF5 part changed; a zip's checksums are those of the change."""
    path = tmp_path / f"changed{whole.suffix}"
    if whole.suffix != ".keras":
        content = bytearray(whole.read_bytes())
        change(content)
        path.write_bytes(content)
        return path
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        content = bytearray(source.read("model.weights.h5"))
        change(content)
        target.writestr("config.json", source.read("config.json"))
        target.writestr("model.weights.h5", bytes(content))
    return path


def test_a_heap_of_strings_that_never_ends_is_refused(whole: Path, tmp_path: Path) -> None:
    """libhdf5 1.14 follows such a heap for ever."""

    def endless(content: bytearray) -> None:
        first = content.index(b"GCOL") + 16
        content[first : first + 16] = bytes(16)  # an object without a number or a length

    assert "has no end" in _refused(_with_hdf5_changed(whole, tmp_path, endless))


def test_a_string_longer_than_memory_is_refused(whole: Path, tmp_path: Path) -> None:
    """libhdf5 1.14 makes room for it before it looks whether it is there."""

    def long(content: bytearray) -> None:
        heap = content.index(b"GCOL")
        reference = content.index(heap.to_bytes(8, "little") + (1).to_bytes(4, "little"))
        content[reference - 1] = 0xFF  # the highest byte of the length

    assert "claims 42" in _refused(_with_hdf5_changed(whole, tmp_path, long))


@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_byte_is_refused_or_changes_nothing_that_h5py_does_not_see(
    seed: int, whole: Path, reference: str, tmp_path: Path
) -> None:
    content, intact = whole.read_bytes(), _contents(whole)
    random = np.random.default_rng([seed, len(content)])
    path = tmp_path / f"flipped{whole.suffix}"
    for position, change in zip(random.integers(0, len(content), 50), random.integers(1, 256, 50), strict=True):
        damaged = bytearray(content)
        damaged[position] ^= int(change)
        path.write_bytes(damaged)
        outcome = _outcome(path)
        # The zip has checksums. HDF5 has none for data, so other numbers may make another network, but only those.
        unchanged = whole.suffix == ".keras" or _contents(path) == intact
        if outcome is not None and unchanged:
            assert outcome == reference, f"byte {position}"


JUNK: list[Any] = [
    *(None, True, False, -1, 0, 1, 3, 2**70, 1e300, -1e-300, float("nan"), float("inf"), "", "x", "relu", "softmax"),
    *("quantized_bits(4,0)", "quantized_bits(((", "\0", [], {}, [[]], [None], [1, 2], {"a": 1}, ["softmax", 0, 0]),
    *([[[["conv", 0, 0, {}]]]], {"class_name": "quantized_bits", "config": {}}, {"class_name": 3, "config": 4}),
]


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every value in nested dictionaries and lists, by the keys that lead to it."""
    yield place
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from _places(value[key], (*place, key))


def _replaced(value: Config, place: tuple[Any, ...], junk: Any) -> Any:
    if not place:
        return junk
    changed = copy.deepcopy(value)
    holder: Any = changed
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = junk
    return changed


@pytest.mark.parametrize("form", ["functional", "sequential", "keras 3", "pruned"])
def test_an_architecture_with_anything_in_it_replaced_is_refused_or_loads(
    form: str, small: SmallNetwork, tmp_path: Path
) -> None:
    layers = small.layers
    if form == "pruned":
        layers = pruned(layers, {e.name: e.weights["kernel"] != 0 for e in layers if "kernel" in e.weights})
    architecture = (
        sequential(layers) if form in ("sequential", "pruned") else functional(layers, keras3=form == "keras 3")
    )
    if form == "keras 3":
        architecture = as_keras3(architecture)
    write_weights_h5(tmp_path / "weights.h5", layers)
    random = np.random.default_rng(len(form))
    places = list(_places(architecture))
    for _ in range(60):
        place, junk = places[random.integers(len(places))], JUNK[random.integers(len(JUNK))]
        (tmp_path / "model.json").write_text(json.dumps(_replaced(architecture, place, junk)))
        _outcome(tmp_path / "model.json", tmp_path / "weights.h5")
        try:
            found = hwgen.inspect(tmp_path / "model.json", tmp_path / "weights.h5")
        except HwgenError:
            continue
        assert found.network or found.problem or any(entry.refusal for entry in found.layers), (place, junk)
