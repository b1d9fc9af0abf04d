"""Writes docs/support.md from the tables that the code uses: ``python scripts/support_page.py``.

Options are found by running the code that reads them on options that note what is asked of them; where a quantizer may
stand, and with which scales, by trying it. A test compares the page in the repository with what this gives.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from hwgen.circuit.size import MOST_TERMS  # noqa: E402
from hwgen.errors import HwgenError  # noqa: E402
from hwgen.frontend.activations import activation_quantizer  # noqa: E402
from hwgen.frontend.curves import KERAS_CURVES, QKERAS_CURVES  # noqa: E402
from hwgen.frontend.graph import Node  # noqa: E402
from hwgen.frontend.heads import HeadKind  # noqa: E402
from hwgen.frontend.layer_config import LAYERS  # noqa: E402
from hwgen.frontend.layer_options import WITHOUT_EFFECT, LayerOptions  # noqa: E402
from hwgen.frontend.parameters import quantize_parameter, trainable  # noqa: E402
from hwgen.frontend.quantizer_config import INTERNAL_SIGMOID, QUANTIZERS, QuantizerOptions, parse_quantizer_config  # noqa: E402
from hwgen.frontend.quantizer_types import QuantizedBits  # noqa: E402
from hwgen.ir import Layer  # noqa: E402

PAGE = ROOT / "docs" / "support.md"


class Notes:
    """What was asked of options: those that are honoured, with their limits; those without effect."""

    def __init__(self) -> None:
        self.honoured: dict[str, str] = {}
        self.without_effect: list[str] = []

    def note(self, key: str, values: str = "") -> None:
        if values or key not in self.honoured:
            self.honoured[key] = values

    def text(self) -> str:
        listed = [f"`{key}`{f' ({values})' if values else ''}" for key, values in self.honoured.items()]
        return ", ".join(listed) or "-"


class NotedLayerOptions(LayerOptions):
    """Options of a layer that has any, each with some value that is supported."""

    _VALUES = {"dims": [1], "target_shape": [1], "axis": -1}  # noqa: RUF012

    def __init__(self, class_name: str) -> None:
        self.notes = Notes()
        super().__init__(Node("layer", class_name, {}, (), {}))

    def activation(self) -> str:
        self.notes.note("activation", "only linear" if self.node.class_name == "QBatchNormalization" else "")
        return "linear"

    def take(self, key: str, default: Any = None) -> Any:
        if key not in ("dtype", "data_format"):
            self.notes.note(key)
        return self._VALUES.get(key, default)

    def ignore(self, *keys: str) -> None:
        self.notes.without_effect += keys

    def required(self, key: str) -> None:
        """Everything is stated."""

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        self.notes.note(key)
        return high if default is None else default

    def only(self, key: str, *allowed: Any) -> None:
        if allowed[0] is None:
            self.notes.note(key, "only unset")
        else:
            self.notes.note(key, f"only {' or '.join(str(value) for value in allowed if value not in (None, [-1]))}")

    def sizes(self, key: str, rank: int, default: Any = None) -> tuple[int, ...]:
        self.notes.note(key)
        return (1,) * rank

    def counts(self, key: str, rank: int) -> tuple[int, ...]:
        self.notes.note(key, "smaller than the strides")
        return (0,) * rank

    def pairs(self, key: str, rank: int) -> tuple[tuple[int, int], ...]:
        self.notes.note(key)
        return ((1, 1),) * rank

    def stated(self, key: str) -> bool:
        return True

    def shape(self) -> tuple[int, ...]:
        self.notes.note("shape", "fixed but for the batch")
        return (1,)

    def padding(self, *allowed: str) -> str:
        self.notes.note("padding", ", ".join(allowed))
        return allowed[0]

    def quantizer(self, key: str) -> QuantizedBits:
        self.notes.note(key)
        return QuantizedBits(8, 0, False, True, None, False)


class NotedQuantizerOptions(QuantizerOptions):
    """Options of a quantizer that states none of them."""

    def __init__(self, name: str) -> None:
        self.notes = Notes()
        super().__init__(name, {}, INTERNAL_SIGMOID, complete=True)

    def take(self, key: str, default: Any = None) -> Any:
        self.notes.note(key)
        return default

    def ignore(self, *keys: str) -> None:
        self.notes.without_effect += keys

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        self.notes.note(key, f"{low} to {high}")
        return super().whole(key, low, high, default)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    return [
        f"| {' | '.join(headings)} |",
        f"|{' --- |' * len(headings)}",
        *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows),
        "",
    ]


def _not_of(class_name: str, key: str) -> bool:
    """An option that only QKeras's class of the family has, where one parser reads both."""
    pools = "Pooling" in class_name and key == "activation"
    return not class_name.startswith("Q") and (key.endswith("_quantizer") or pools)


def layer_rows() -> list[tuple[str, str, str]]:
    """Class, what it computes, options; classes that differ in nothing share a row."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, known in LAYERS.items():
        options = NotedLayerOptions(name)
        known.parse(options)
        for key in [key for key in options.notes.honoured if _not_of(name, key)]:
            del options.notes.honoured[key]
        found.setdefault((known.computes, options.notes.text()), []).append(f"`{name}`")
    return [(", ".join(names), computes, options) for (computes, options), names in found.items()]


_SCALES = {"a power of two": 0.5, "a number": 0.3, "one a channel": [0.5, 0.3], "auto": "auto", "auto_po2": "auto_po2"}


def _stands(name: str, weights: bool, options: dict[str, Any]) -> bool:
    """Whether a quantizer can be built, as that of a kernel or as an activation."""
    try:
        config = parse_quantizer_config({"class_name": name, "config": options}, "here")
        assert config is not None
        assert not isinstance(config, str)
        if weights:
            quantize_parameter(np.array([[0.5, -0.25], [0.75, 0.1]], np.float32), trainable(config), "here")
        else:
            activation_quantizer(config, "here")
    except HwgenError:
        return False
    return True


def _scales(name: str, weights: bool, bits: dict[str, Any]) -> str:
    if not _stands(name, weights, bits):
        return "no"
    honoured = _quantizer_notes(name).honoured
    if "alpha" not in honoured:
        return "yes"
    fine = [word for word, alpha in _SCALES.items() if _stands(name, weights, {**bits, "alpha": alpha})]
    return "yes, any alpha" if len(fine) == len(_SCALES) else f"yes, alpha: {', '.join(fine)}"


def _quantizer_notes(name: str) -> Notes:
    options = NotedQuantizerOptions(name)
    QUANTIZERS[name].parse(options)
    options.finish()
    return options.notes


def quantizer_rows() -> list[tuple[str, ...]]:
    rows = []
    for name, known in QUANTIZERS.items():
        notes = _quantizer_notes(name)
        for key in ("qnoise_factor", "scale_axis", "post_training_scale", *notes.without_effect):
            notes.honoured.pop(key, None)
        bits = {"bits": 4} if "bits" in notes.honoured else {}
        rows.append((f"`{name}`", known.computes, notes.text(), _scales(name, True, bits), _scales(name, False, bits)))
    return rows


_ANY = "yes"
_TO_VECTOR = "yes; another number of pixels gathers the whole sample"
# Of each layer of a Network: in HLS C++ as a stream, in Verilog as a stream. In parallel, both build all of them.
TARGETS: dict[str, tuple[str, str]] = {
    "Dense": (_ANY, "on a vector"),
    "Conv": (_ANY, "outputs that only padding brings are refused"),
    "MaxPool": (_ANY, "outputs that only padding brings are refused"),
    "Reshape": (_ANY, _TO_VECTOR),
    "Rearrange": (_ANY, "within a pixel; else the whole sample at once"),
    "Merge": (_ANY, "yes; of streams of different lengths, the whole sample at once"),
    "Concatenate": (_ANY, "of channels; else the whole sample at once"),
    "ArgMax": (_ANY, _ANY),
    "Relu": (_ANY, _ANY),
    "Requantize": (_ANY, _ANY),
    "StepFunction": (_ANY, _ANY),
}


def ir_layers() -> list[str]:
    """Kinds of layers of a Network."""
    return [kind.__name__ for kind in _kinds(Layer)]


def _kinds(union: Any) -> list[type]:
    return [kind for part in get_args(union) for kind in (_kinds(part) if get_args(part) else [part])]


_HEADS = {
    HeadKind.LOGITS: "what stands before a final softmax or sigmoid; the default",
    HeadKind.ARGMAX: "the index of the largest output, the first of equal ones",
    HeadKind.SOFTMAX: "probabilities of a stated type, `--head 'softmax=ufixed<8,0,RND,SAT>'`; a softmax has to end "
    "the "
    "model",
    HeadKind.SIGMOID: "probabilities of a stated type, `--head 'sigmoid=ufixed<8,0,RND,SAT>'`",
}


def page() -> str:
    """The page, in Markdown."""
    curves = sorted({*KERAS_CURVES, *QKERAS_CURVES})
    ignored = ", ".join(f"`{key}`" for key in sorted(WITHOUT_EFFECT))
    lines = [
        "# What is supported",
        "",
        "`scripts/support_page.py` writes this page from the tables that hwgen itself uses. What is not "
        "here is refused, in "
        "one sentence that names the layer and the option; `hwgen inspect` prints all of them at once.",
        "",
        "## Model files",
        "",
        *table(
            ("form", "read", "refused"),
            [
                ("`.h5`", "Keras 2 and tf-keras", "weights alone, without `--weights`"),
                ("`.keras`", "Keras 3 and tf-keras, QKeras 0.9.0 and its fork for Keras 3", "-"),
                ("`.json`", "with weights in `.h5`: `--weights`", "without them"),
                (
                    "models",
                    "Sequential and Functional, with several inputs and outputs",
                    "SavedModel, subclassed models",
                ),
                ("models inside", "flattened", "more than 5,000 layers in all"),
                ("layers called twice", "built twice, with the same weights", "-"),
                (
                    "`TimeDistributed`",
                    "around a layer or a model",
                    "around or inside another wrapper; layers that cannot be applied to each step at once",
                ),
                ("`PruneLowMagnitude`", "taken off, its mask applied", "masks that are not of zeros and ones"),
                ("numbers", "float32", "float16, bfloat16, float64, mixed precision"),
                ("axes", "channels last", "channels first"),
            ],
        ),
        "## Layers",
        "",
        "Every option that a class has must be one of these, or one of those that act in training only: "
        + ignored
        + ".",
        "",
        *table(("class", "computes", "options"), layer_rows()),
        "Classes that are not of Keras or QKeras are refused, for their code is not in the file. So are "
        "`Lambda`, `PReLU`, "
        "recurrent layers of Keras itself (use `QSimpleRNN`, `QLSTM`, `QGRU`) and attention.",
        "",
        "### Types that the model does not state",
        "",
        "Weights without a quantizer have no fixed-point form of their own. `--quantize "
        "'LAYER=fixed<16,6,RND,SAT>'` gives "
        "them one, and `'LAYER=WEIGHTS:RESULT'` also rounds what the layer computes. Rounding and "
        "overflow have no default. "
        "In a recurrent layer the types are those of weights and of what its activations give, and one type alone "
        "is that of both. A layer into which a batch norm is folded needs quantizers in the file.",
        "",
        "## Quantizers",
        "",
        "All of them may quantize weights, biases and the parameters of `QBatchNormalization`, and all "
        "may be activations. A "
        "kernel's `alpha=None` means `auto_po2`, as in QKeras. Without effect at inference: `use_stochastic_rounding`, "
        "`var_name`, `use_ste`, `use_variables`, `temperature`. Refused: `qnoise_factor` other than 1, `scale_axis`, "
        "`post_training_scale`, and `bernoulli`, which is random at inference. QKeras 0.9.0 drops `scale_axis` when it "
        "saves, so a file says nothing of it, and scales are found for the last axis, as the loaded model finds them.",
        "",
        *table(("quantizer", "computes", "options", "of weights", "as activation"), quantizer_rows()),
        "As an activation, a quantizer whose scale is `auto` would take it from the batch: no fixed function.",
        "",
        "## Activation functions",
        "",
        "`linear` and `relu` stand anywhere; `softmax` at the end of a model. A quantizer has to follow "
        "these, and with it "
        "they become one step function whose thresholds are exact: "
        + ", ".join(f"`{name}`" for name in curves)
        + ". `hard_sigmoid` means three functions: that of QKeras in its layers, else that of the Keras "
        "which wrote the file. "
        "In a recurrent layer, activations have to be quantizers, `relu` or `linear`, or have a type that is given.",
        "",
        "## Heads",
        "",
        *table(("`--head`", "output"), [(f"`{kind.value}`", _HEADS[kind]) for kind in HeadKind]),
        "## Where each layer of a network can be built",
        "",
        "These are the layers of [the network](architecture.md#the-network), which those above become. "
        "In parallel, HLS C++ "
        "and Verilog build all of them. Verilog, parallel or stream, unrolls every sum and ends at "
        f"{MOST_TERMS:,} terms. An HLS project is a choice of `--io parallel` or `--io stream`.",
        "",
        *table(
            ("layer", "HLS parallel", "HLS stream", "Verilog parallel", "Verilog stream"),
            [(f"`{name}`", _ANY, TARGETS[name][0], _ANY, TARGETS[name][1]) for name in ir_layers()],
        ),
        "A stream of Verilog has inputs of one number of pixels, and outputs of one length. What mixes codes of "
        "different pixels in another way than in a window gathers the whole sample, and what follows it is unrolled.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
