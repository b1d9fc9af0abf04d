"""The JSON form: back to an equal network, the same bytes every time, and a sentence for whatever is wrong with it."""

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.example_network import example_network
from oracle.networks import networks, random_network

from hwgen.errors import NetworkError, TypeRangeError
from hwgen.fixed import FixedType
from hwgen.ir import Conv, Dense, Network, SparseTensor, StepFunction, network_from_json, network_to_json


@settings(max_examples=100, deadline=None)
@given(networks())
def test_reading_what_was_written_gives_an_equal_network(network: Network) -> None:
    text = network_to_json(network)
    back = network_from_json(text)
    assert back == network
    assert hash(back) == hash(network)
    assert network_to_json(back) == text


def test_the_same_network_gives_the_same_bytes() -> None:
    assert network_to_json(example_network()) == network_to_json(example_network())
    assert network_to_json(random_network(Random(5))) == network_to_json(random_network(Random(5)))
    assert network_to_json(random_network(Random(5))) != network_to_json(random_network(Random(6)))


def test_arrays_that_were_read_are_int64_and_read_only() -> None:
    for layer in network_from_json(network_to_json(example_network())).layers:
        match layer:
            case Dense() | Conv():
                arrays = [layer.bias, layer.weight.index, layer.weight.code]
            case StepFunction():
                arrays = [layer.thresholds, layer.levels]
            case _:
                arrays = []
        for array in arrays:
            assert array.dtype == np.int64
            assert not array.flags.writeable


def test_networks_with_another_code_or_name_are_not_equal() -> None:
    network = example_network()
    layers = network.layers
    step = next(layer for layer in layers if isinstance(layer, StepFunction))
    conv = next(layer for layer in layers if isinstance(layer, Conv))
    assert replace(step, levels=step.levels - 1) != step
    assert replace(conv, bias=conv.bias + 1) != conv
    other = SparseTensor(conv.weight.shape, conv.weight.type, conv.weight.index, -conv.weight.code.clip(-3, 3))
    assert replace(conv, weight=other) != conv
    assert replace(conv, strides=(2, 1)) != conv
    assert conv != step
    assert replace(network, name="other") != network
    assert replace(network, layers=layers[:-1]) != network


# ---- what is refused


def refused(text: str, message: str) -> None:
    with pytest.raises(NetworkError) as caught:
        network_from_json(text)
    assert str(caught.value) == message


def changed(change: Callable[[Any], None]) -> str:
    """The example's JSON form after a change to the document."""
    document = json.loads(network_to_json(example_network()))
    change(document)
    return json.dumps(document)


def test_text_that_is_no_json_is_refused() -> None:
    refused("", "the JSON form of a network was expected; Expecting value: line 1 column 1 (char 0).")
    with pytest.raises(NetworkError, match="the JSON form of a network was expected; Exceeds the limit"):
        network_from_json("1" * 5000)
    with pytest.raises(NetworkError, match="the JSON form of a network was expected; "):
        network_from_json("[" * 100_000)


@pytest.mark.parametrize("document", [[], None, 1, {}, {"format": 1}, {"format": "2"}, {"format": None}])
def test_another_format_is_refused(document: object) -> None:
    sentence = "the JSON form of a network, format 2, was expected; build it again with this hwgen."
    refused(json.dumps(document), sentence)


def every_field(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to every field of every object."""
    entries = document.items() if isinstance(document, dict) else enumerate(document)
    found = []
    for key, part in entries:
        found += [(*path, key)] if isinstance(document, dict) else []
        found += every_field(part, (*path, key)) if isinstance(part, dict | list) else []
    return found


FIELDS = [path for path in every_field(json.loads(network_to_json(example_network()))) if path != ("format",)]


def parent(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        document = document[key]
    return document


def test_each_missing_field_is_named() -> None:
    for path in FIELDS:
        document = json.loads(network_to_json(example_network()))
        parent(document, path).pop(path[-1])
        with pytest.raises(NetworkError, match=f"the JSON form of a network: .*: field {path[-1]!r} is missing"):
            network_from_json(json.dumps(document))


@pytest.mark.parametrize("value", [3.5, {}, True, [None], [[1], [2, 3]], "\x00"], ids=str)
def test_no_field_may_be_of_another_kind(value: object) -> None:
    free = {bool: ("signed", "float32_exact"), str: ("reason", "origin", "layer")}.get(type(value), ())
    for path in FIELDS:
        if path[-1] not in free:
            document = json.loads(network_to_json(example_network()))
            parent(document, path)[path[-1]] = value
            with pytest.raises(NetworkError):
                network_from_json(json.dumps(document))


def test_an_unknown_field_is_named() -> None:
    refused(
        changed(lambda document: document["layers"][5].update(activation="relu")),
        "the JSON form of a network: layers[5] 'dense': unknown field 'activation'.",
    )
    refused(
        changed(lambda document: document["inputs"][1]["quantizer"]["type"].update(integer=3)),
        "the JSON form of a network: inputs[1], quantizer, type: unknown field 'integer'.",
    )


def test_the_sentence_says_which_field_and_what_it_holds() -> None:
    where = "the JSON form of a network: layers[5] 'dense'"
    for change, sentence in [
        (lambda d: d["layers"][5]["bias"].__setitem__(0, 1.5), f"{where}: 'bias' should be an integer, got 1.5."),
        (lambda d: d["layers"][5]["bias"].__setitem__(0, True), f"{where}: 'bias' should be an integer, got True."),
        (
            lambda d: d["layers"][5]["bias"].__setitem__(0, 2**63),
            f"{where}: 'bias' should hold integers of 64 bits, got 9223372036854775808.",
        ),
        (
            lambda d: d["layers"][5]["weight"]["code"].__setitem__(0, 0),
            f"{where}, weight: a sparse tensor holds no zero codes; build it with SparseTensor.from_dense.",
        ),
        (
            lambda d: d["layers"][5]["output"]["type"].update(width=65),
            f"{where}, output 'scores', type: a signed type has a width of 1 to 64 bits, got 65.",
        ),
        (
            lambda d: d["layers"][5].update(kind="Softmax"),
            f"{where}: unknown kind 'Softmax'; this hwgen knows Dense, Conv, MaxPool, Reshape, Rearrange, ArgMax, "
            "Relu, Requantize, StepFunction, Merge, Concatenate.",
        ),
        (
            lambda d: d["layers"][1].update(rounding="UP"),
            "the JSON form of a network: layers[1] 'narrow': 'rounding' should be one of TRN, TRN_ZERO, RND, RND_ZERO, "
            "RND_INF, RND_MIN_INF, RND_CONV, got 'UP'.",
        ),
        (
            lambda d: d["layers"][0]["padding"].__setitem__(0, [1]),
            "the JSON form of a network: layers[0] 'conv': 'padding' should be a list of pairs, got [[1], [0, 0]].",
        ),
        (
            lambda d: d["layers"][6]["levels"][0].pop(),
            "the JSON form of a network: layers[6] 'classify': the rows of 'levels' should have one length.",
        ),
        (
            lambda d: d.update(layers={}),
            "the JSON form of a network: network 'example': 'layers' should be a list, got {}.",
        ),
        (lambda d: d["layers"].append(7), "the JSON form of a network: layers[8]: an object was expected, got 7."),
    ]:
        refused(changed(change), sentence)


def test_a_network_that_breaks_an_invariant_is_refused_by_its_name() -> None:
    refused(
        changed(lambda document: document["layers"][4]["output"].update(shape=[13])),
        "layer 'flatten': number of output codes should be 12, got 13.",
    )


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_cut_or_garbled_text_never_gets_through(data: st.DataObject) -> None:
    text = network_to_json(example_network())
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, min(start + 12, len(text))))
    garbled = text[:start] + data.draw(st.text('{}[]",:0123456789-.etrufalsn', max_size=6)) + text[end:]
    try:
        network = network_from_json(garbled)
    except (NetworkError, TypeRangeError):
        return
    # What is still a network says what its text says.
    assert json.loads(network_to_json(network)) == json.loads(garbled)


def test_a_type_survives_with_any_fraction() -> None:
    for fraction in (-1000, -3, 0, 70, 1000):
        network = example_network()
        entry = replace(network.inputs[1], quantizer=None, value=replace(network.inputs[1].value, name="free"))
        free = replace(entry, value=replace(entry.value, type=FixedType(False, 63, fraction)))
        network = replace(network, inputs=(*network.inputs, free))
        assert network_from_json(network_to_json(network)) == network
