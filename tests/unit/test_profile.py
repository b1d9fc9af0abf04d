"""``hwgen profile``: ranges, unused bits and overflows, counted code by code."""

import json
import re
from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np
import pytest
from keras_file import write_dense_model
from oracle.networks import random_inputs, random_network
from oracle.pair_network import pair_network
from typer.testing import CliRunner

import hwgen
from hwgen.api import Model
from hwgen.cli import app
from hwgen.compare import profile
from hwgen.errors import InputError
from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import Input, Network, Requantize, Value
from hwgen.reference import trace


@pytest.mark.parametrize("seed", range(25))
def test_a_profile_is_what_the_codes_were(seed: int) -> None:
    random = Random(seed)
    network = random_network(random)
    inputs = random_inputs(random, network, 9)
    codes = trace(network, inputs)
    for seen in profile(network, inputs):
        given = codes[seen.value].ravel().tolist()
        assert (seen.low, seen.high, seen.codes) == (min(given), max(given), len(given))
        # One bit more taken off the top, or off the bottom, would change some code.
        kind = seen.type
        assert all(FixedType(kind.signed, kind.width - seen.top_unused, 0).holds(code, code) for code in given)
        if seen.top_unused < kind.width - 1 - kind.signed:
            narrower = FixedType(kind.signed, kind.width - seen.top_unused - 1, 0)
            assert not all(narrower.holds(code, code) for code in given)
        assert all(code % (1 << seen.bottom_unused) == 0 for code in given)
        if seen.bottom_unused < kind.width:
            assert any(code % (2 << seen.bottom_unused) for code in given)


@pytest.mark.parametrize("overflow", list(Overflow))
def test_the_share_that_overflows_is_counted_exactly(overflow: Overflow) -> None:
    x, y = Value("x", (1,), FixedType(True, 8, 0)), Value("y", (1,), FixedType(True, 4, -1))
    network = Network("one", (Input(x, None),), (Requantize("r", "x", y, Rounding.RND_CONV, overflow),), ("y",))
    every = np.arange(-128, 128).reshape(-1, 1)
    seen = profile(network, [every])[1]
    lowest = -7 if overflow is Overflow.SAT_SYM else -8
    outside = [code for code in range(-128, 128) if not lowest <= round(Fraction(code, 2)) <= 7]
    assert seen.saturated == len(outside) / 256


def test_what_never_overflows_says_nothing_of_it() -> None:
    network = pair_network()
    found = profile(network, random_inputs(Random(1), network, 5))
    assert [(each.value, each.kind, each.saturated is None) for each in found] == [
        ("x", "Input", True),
        ("sums", "Dense", True),
        ("y", "Requantize", False),
    ]


def test_without_samples_there_is_no_profile() -> None:
    text = "at least one sample is needed for a profile, got none."
    with pytest.raises(InputError, match=f"^{re.escape(text)}$"):
        hwgen.profile(Model(pair_network()), np.zeros((0, 3)))


def test_the_command_prints_every_value(tmp_path: Path) -> None:
    write_dense_model(tmp_path / "net.h5")
    model = hwgen.load(tmp_path / "net.h5", input_type="fixed<8,3>")
    x = np.random.default_rng(1).integers(-8, 8, (20, *model.network.inputs[0].value.shape)) / 32
    np.save(tmp_path / "x.npy", x)
    command = ["profile", str(tmp_path / "net.h5"), "--input-type", "fixed<8,3>", "--inputs", str(tmp_path / "x.npy")]
    ran = CliRunner().invoke(app, command)
    assert ran.exit_code == 0
    read = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert [each["value"] for each in read] == list(model.network.values())
    # Of eight bits, codes from -8 to 7 use four.
    assert (read[0]["low"], read[0]["high"], read[0]["unused_above"]) == (-8, 7, 4)
    assert all(each["value"] in ran.stdout for each in read)
