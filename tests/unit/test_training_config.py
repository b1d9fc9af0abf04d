"""Configuration files of ``hwgen train``: what is read, and the sentence that answers each fault."""

from pathlib import Path

import pytest

from hwgen.errors import ConfigError
from hwgen.training import config_text, load_config, parse_config
from hwgen.training.model_config import ConvLayer, DenseLayer
from hwgen.training.selection import Granularity, Method, Scope

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

TEXT = """
[data]
name = "digits"
input_type = "ufixed<5,1>"

[model]
name = "digits"
weights = "quantized_bits(6,0,alpha=1)"
biases = "quantized_bits(6,0,alpha=1)"
activation = "quantized_relu(6,2)"

[[model.layers]]
kind = "dense"
units = 32

[training]
epochs = 60
batch = 64
learning_rate = 0.01
seed = 1

[pruning]
method = "magnitude"
granularity = "weight"
scope = "layer"
sparsity = 0.75

[pruning.schedule]
begin = 6
end = 36

[output]
folder = "build/digits"
"""

DENSE = '[[model.layers]]\nkind = "dense"\nunits = 32\n\n'
WEIGHTS = 'weights = "quantized_bits(6,0,alpha=1)"'


def test_a_configuration_says_what_its_text_says():
    config = parse_config(TEXT, "a.toml")
    (layer,) = config.model.layers
    assert isinstance(layer, DenseLayer)
    assert (layer.units, config.model.layer_names()) == (32, ["dense1"])
    assert config.model.quantizer(layer, "weights", "dense1") == "quantized_bits(6,0,alpha=1)"
    assert config.pruning is not None
    assert (config.pruning.method, config.pruning.granularity, config.pruning.scope) == (
        Method.MAGNITUDE,
        Granularity.WEIGHT,
        Scope.LAYER,
    )
    assert str(config.data.type) == "ufixed<5,1>"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_examples_are_read(path):
    assert load_config(path).output.folder


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        (EXAMPLES / "mnist5k.toml").read_text(),
        TEXT.replace("sparsity = 0.75", 'sparsity = 0.5\nskip = ["output"]\nlayers = { dense1 = 0.9 }'),
        TEXT.replace('folder = "build/digits"', 'folder = "a \\"quoted\\" folder\\u007f\\\\é"'),
        TEXT.replace("units = 32", 'units = 32\nname = "first"\nweights = "binary(alpha=1)"'),
    ],
)
def test_a_written_configuration_reads_back_as_itself(text):
    config = parse_config(text, "a.toml")
    assert parse_config(config_text(config), "b.toml") == config


def test_a_layer_overrides_the_quantizers_of_the_model():
    text = TEXT.replace("units = 32", 'units = 32\nweights = "ternary(alpha=1)"')
    model = parse_config(text, "a.toml").model
    assert model.quantizer(model.layers[0], "weights", "dense1") == "ternary(alpha=1)"
    assert model.quantizer(model.output, "weights", "output") == "quantized_bits(6,0,alpha=1)"


def test_layers_are_named_by_kind_and_count():
    layers = "".join(
        f"[[model.layers]]\n{body}\n"
        for body in (
            'kind = "conv2d"\nfilters = 2\nkernel = 3',
            'kind = "maxpool"\nsize = 2',
            'kind = "conv2d"\nfilters = 2\nkernel = 3\nname = "second"',
            'kind = "conv2d"\nfilters = 2\nkernel = 3',
        )
    )
    model = parse_config(TEXT.replace("[training]", f"{layers}[training]", 1).replace(DENSE, ""), "a.toml").model
    assert model.layer_names() == ["conv2d1", "maxpool1", "second", "conv2d3"]
    assert isinstance(model.layers[0], ConvLayer)


FAULTS = {
    "unknown key": (
        "epochs = 60",
        "epochs = 60\nbatches = 3",
        "a.toml: [training] has no key 'batches'; did you mean 'batch'?",
    ),
    "misspelt key, told once": (
        "epochs = 60",
        "epoch = 60",
        "a.toml: [training] has no key 'epoch'; did you mean 'epochs'?",
    ),
    "unknown key in a list": (
        "units = 32",
        "units = 32\nweight = 3",
        "a.toml: [model.layers[0]] has no key 'weight'; did you mean 'weights'?",
    ),
    "nothing near": (
        "[training]",
        "[zzz]\n[training]",
        "a.toml: the file has no key 'zzz'; known are data, model, training, pruning, output.",
    ),
    "misspelt section": ("[training]", "[trainig]", "a.toml: the file has no key 'trainig'; did you mean 'training'?"),
    "missing key": ('input_type = "ufixed<5,1>"', "", "a.toml: [data] needs the key 'input_type'."),
    "misspelt word": (
        '"magnitude"',
        '"magnitud"',
        "a.toml: pruning.method: unknown value 'magnitud'; did you mean 'magnitude'?",
    ),
    "misspelt kind": (
        'kind = "dense"',
        'kind = "dens"',
        "a.toml: model.layers[0]: unknown value 'dens'; did you mean 'dense'?",
    ),
    "no kind": (
        'kind = "dense"',
        "",
        "a.toml: model.layers[0] needs the key 'kind', which says what layer it is.",
    ),
    "a number for a word": (
        '"magnitude"',
        "3",
        "a.toml: pruning.method is one of magnitude, relative, l1, l2; got 3.",
    ),
    "a text for a number": ("seed = 1", 'seed = "1"', 'a.toml: training.seed should be a valid integer; got "1".'),
    "a flag for a number": ("seed = 1", "seed = true", "a.toml: training.seed should be a valid integer; got true."),
    "missing section": (
        '[output]\nfolder = "build/digits"',
        "",
        "a.toml: the file needs the key 'output'.",
    ),
    "out of range": ("sparsity = 0.75", "sparsity = 1.0", "a.toml: pruning.sparsity should be less than 1; got 1.0."),
    "not a number": (
        "sparsity = 0.75",
        "sparsity = nan",
        "a.toml: pruning.sparsity should be a finite number; got NaN.",
    ),
    "out of range in a table": (
        "sparsity = 0.75",
        "sparsity = 0.75\nlayers = { dense1 = -1.0 }",
        "a.toml: pruning.layers.dense1 should be greater than or equal to 0; got -1.0.",
    ),
    "no such layer": (
        "sparsity = 0.75",
        'sparsity = 0.75\nskip = ["dense2"]',
        "a.toml: [pruning] skip: the model has no weights in a layer 'dense2'; it has dense1, output.",
    ),
    "layers of a global sparsity": (
        'scope = "layer"',
        'scope = "global"\nlayers = { dense1 = 0.5 }',
        "a.toml: pruning: 'layers' gives single layers a sparsity, which needs scope = \"layer\".",
    ),
    "a schedule past the end": (
        "end = 36",
        "end = 61",
        "a.toml: [pruning.schedule] end: pruning ends after 61.0 epochs and training after 60; give it fewer or train "
        "longer.",
    ),
    "a schedule backwards": (
        "end = 36",
        "end = 3",
        "a.toml: pruning.schedule: 'end' may not come before 'begin': 3.0 < 6.0.",
    ),
    "no precision": (
        WEIGHTS,
        "",
        "a.toml: model: there is no default precision: give 'weights' to layer 'dense1' or to the whole model.",
    ),
    "unknown quantizer": (
        WEIGHTS,
        'weights = "quantised_bits(6)"',
        "a.toml: model.weights: unknown quantizer 'quantised_bits'; did you mean 'quantized_bits'?",
    ),
    "a quantizer that cannot be loaded again": (
        WEIGHTS,
        'weights = "bernoulli()"',
        "a.toml: model.weights: unknown quantizer 'bernoulli'; one of quantized_bits, binary, ternary.",
    ),
    "no bits": (
        WEIGHTS,
        'weights = "quantized_bits(integer=0)"',
        "a.toml: model.weights: 'quantized_bits(integer=0)': quantized_bits needs its number of bits, 1 to 32, first: "
        "quantized_bits(6,...).",
    ),
    "code in a quantizer": (
        WEIGHTS,
        'weights = "quantized_bits(6,open(1))"',
        "a.toml: model.weights: 'quantized_bits(6,open(1))': an argument of a quantizer is a number, a text or a flag; "
        "got 'open(1)'.",
    ),
    "no quantizer at all": (
        WEIGHTS,
        'weights = "6 bits"',
        "a.toml: model.weights: a quantizer is written as QKeras does, for example quantized_bits(6,0); got '6 bits'.",
    ),
    "an input type wider than float32 is exact": (
        "ufixed<5,1>",
        "ufixed<25,1>",
        "a.toml: data.input_type: Keras computes in float32, which is exact up to 24 bits; got 'ufixed<25,1>'.",
    ),
    "no data": (
        'name = "digits"\ninput_type',
        "input_type",
        "a.toml: data: exactly one of the keys 'name' and 'path' says which data to train on.",
    ),
    "a name twice": (
        "units = 32",
        'units = 32\nname = "output"',
        "a.toml: model: layer names must differ from each other and from 'output'; twice: 'output'.",
    ),
    "a convolution after a dense layer": (
        DENSE,
        f'{DENSE}[[model.layers]]\nkind = "conv2d"\nfilters = 2\nkernel = 3\n',
        "a.toml: model: only dense layers may follow a dense layer; 'conv2d1' is of kind 'conv2d'.",
    ),
    "batch normalization in one dimension": (
        'kind = "dense"\nunits = 32',
        'kind = "conv1d"\nfilters = 2\nkernel = 3\nbatchnorm = true',
        "a.toml: model.layers[0]: QKeras folds batch normalization into conv2d layers only; drop 'batchnorm'.",
    ),
}


@pytest.mark.parametrize(("old", "new", "sentence"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_answered_by_one_sentence_with_file_and_key(old, new, sentence):
    assert TEXT.count(old), "the fault must change the text"
    with pytest.raises(ConfigError) as caught:
        parse_config(TEXT.replace(old, new, 1), "a.toml")
    assert str(caught.value) == sentence


def test_every_fault_is_told():
    text = TEXT.replace("seed = 1", "seed = -1").replace("units = 32", "units = 0")
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "a.toml")
    assert str(caught.value).splitlines() == [
        "a.toml: model.layers[0].units should be greater than or equal to 1; got 0.",
        "a.toml: training.seed should be greater than or equal to 0; got -1.",
    ]


def test_what_is_no_toml_file_is_refused_by_name(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: there is no such file; a configuration is a TOML"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("[data\n")
    with pytest.raises(ConfigError, match=r"broken\.toml: a configuration is a TOML file; .* \(at line 1, column 6\)"):
        load_config(tmp_path / "broken.toml")
    (tmp_path / "section.toml").write_text("data = 3\n" + TEXT.replace("[data]", "[data2]"))
    with pytest.raises(ConfigError, match=r"section\.toml: data should be a table; got 3"):
        load_config(tmp_path / "section.toml")
