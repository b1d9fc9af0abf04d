"""Models whose layers are all known, and whose numbers have no exact form in hardware: each whole sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle.keras_files import (
    KerasLayer,
    conv,
    dense,
    depthwise,
    input_layer,
    layer,
    quantized_bits,
    transposed,
)
from oracle.one_layer_models import message, zeros


@pytest.mark.parametrize(
    ("it", "shape"),
    [
        (conv("it", zeros(3, 3, 2, 4), zeros(4)), (2, 6, 2)),
        (conv("it", zeros(3, 2, 4), zeros(4), dilation_rate=[4]), (6, 2)),
        (depthwise("it", zeros(3, 3, 2, 1), zeros(2)), (6, 2, 2)),
    ],
)
def test_a_kernel_larger_than_its_input_is_named(it: KerasLayer, shape: tuple[int, ...], tmp_path: Path) -> None:
    assert message(tmp_path, [input_layer("data", shape), it]) == (
        f"layer 'it' ({it.class_name}): its kernel is larger than its input of shape {shape}."
    )


def test_powers_of_two_that_are_too_far_apart_are_named(tmp_path: Path) -> None:
    """QKeras takes a weight that is next to nothing to the smallest power, here 2**-64."""
    kernel = np.ones((4, 3), dtype=np.float32)
    kernel[0, 0] = 2.0**-70
    it = dense("it", kernel, None, kernel_quantizer="quantized_po2(8)")
    assert message(tmp_path, [input_layer("data", (4,)), it]) == (
        "layer 'it' (QDense), kernel: quantized_po2(8): its powers of two are 64 binary places apart, and weights of "
        "65 bits on a common grid are too wide (at most 60); use fewer bits, which bounds the smallest power."
    )


def test_scales_of_a_transposed_kernel_that_are_too_far_apart_are_named(tmp_path: Path) -> None:
    alpha = [1 / 3, 2.0**-40 / 3]
    it = transposed("it", zeros(3, 3, 4, 2) + 0.9, zeros(4), kernel_quantizer=quantized_bits(16, 0, alpha=alpha))
    assert message(tmp_path, [input_layer("data", (6, 6, 2)), it]) == (
        "layer 'it' (QConv2DTranspose), kernel: with the scale of each input multiplied in, its weights need 79 bits "
        "(at most 60); use alpha='auto_po2' or 1."
    )


# ---- sums


def test_scales_that_no_grid_holds_are_named(tmp_path: Path) -> None:
    """A third waits for a quantizer; scales that differ from channel to channel are wanted as weights at once."""
    layers = [
        input_layer("data", (3, 4)),
        layer("GlobalAveragePooling1D", "average", keepdims=False),
        dense("it", zeros(4, 3) + 0.9, None, kernel_quantizer=quantized_bits(4, alpha=[0.5, 0.75, 1.0])),
        dense("next", zeros(3, 2), None),
    ]
    assert message(tmp_path, layers) == (
        "layer 'it': its scales are no binary fractions, so no fixed-point type holds its sums exactly; let a "
        "quantizer (QActivation) follow it directly."
    )


def test_a_bias_that_is_large_in_steps_of_its_sums_is_named(tmp_path: Path) -> None:
    it = dense("it", zeros(4, 3) + 0.9, zeros(3) + 3.0, bias_quantizer=quantized_bits(8, 3))
    assert message(tmp_path, [input_layer("data", (4,)), it], input_type="fixed<8,-50>") == (
        "layer 'it': its bias needs more than 60 bits in steps of its sums; give its input (--input-type) or its "
        "weights coarser steps."
    )


# ---- layers over time


def _recurrent(**options: Any) -> KerasLayer:
    config = {
        **{"units": 3, "activation": "quantized_tanh(4)", "use_bias": False, "state_quantizer": quantized_bits(4)},
        **{"kernel_quantizer": quantized_bits(4), "recurrent_quantizer": quantized_bits(4)},
    }
    weights = {"kernel": zeros(4, 3) + 0.9, "recurrent_kernel": zeros(3, 3) + 0.9}
    made = layer("QSimpleRNN", "it", **config | options)
    return KerasLayer(made.class_name, made.config, weights)


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4)])
def test_an_input_that_is_no_sequence_is_named(shape: tuple[int, ...], tmp_path: Path) -> None:
    assert message(tmp_path, [input_layer("data", shape), _recurrent()]) == (
        f"layer 'it' (QSimpleRNN): a sequence of vectors is needed, got shape {shape}."
    )


def test_scales_of_a_recurrent_kernel_that_are_too_far_apart_are_named(tmp_path: Path) -> None:
    it = _recurrent(kernel_quantizer=quantized_bits(16, 0, alpha=[1 / 3, 2.0**-40 / 3, 1.0]))
    assert message(tmp_path, [input_layer("data", (2, 4)), it]) == (
        "layer 'it' (QSimpleRNN), kernel: with its scales multiplied in, its weights need 81 bits (at most 60); use "
        "alpha=1 or 'auto_po2'."
    )
