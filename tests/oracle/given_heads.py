"""Small networks whose outputs have types that the user gave: a softmax, a sigmoid, and a rounded tanh."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hwgen
from hwgen.ir import Network, check_network
from oracle.keras_files import KerasLayer, dense, input_layer, layer, quantized_bits, sequential, write_h5

SHAPE = (2, 3)  # two rows: a softmax is one of each, and a stream has two beats


def networks_of_given_heads(folder: Path) -> list[Network]:
    """A softmax, a sigmoid, and a layer whose tanh is rounded to a type.

    Args:
        folder: for the models' files.
    """
    rng = np.random.default_rng(5)

    def kernel(*shape: int) -> NDArray[Any]:
        return rng.normal(size=shape).astype(np.float32)

    def end(activation: str, units: int) -> KerasLayer:
        kinds = {"kernel_quantizer": quantized_bits(4, 1), "bias_quantizer": quantized_bits(4, 1)}
        return dense("end", kernel(3, units), kernel(units), activation=activation, **kinds)

    plain = layer("Dense", "end", units=2, activation="tanh", use_bias=True)
    plain = KerasLayer(plain.class_name, plain.config, {"kernel": kernel(3, 2), "bias": kernel(2)})
    drawn: dict[str, tuple[KerasLayer, dict[str, Any]]] = {
        "softmax": (end("softmax", 3), {"head": "softmax=ufixed<4,0,RND,SAT>"}),
        "sigmoid": (end("sigmoid", 2), {"head": "sigmoid=fixed<5,1,RND_CONV,SAT>"}),
        "rounded": (plain, {"quantize": {"end": "fixed<4,1,RND_CONV,SAT>:fixed<4,1,RND_INF,SAT_SYM>"}}),
    }
    networks = []
    for name, (last, options) in drawn.items():
        layers = [input_layer("data", SHAPE), last]
        write_h5(folder / f"{name}.h5", sequential(layers), layers)
        networks.append(hwgen.load(folder / f"{name}.h5", input_type="fixed<4,2>", **options).network)
    return networks


def beside(networks: list[Network]) -> Network:
    """Networks as one, every name with a number in front: compiled at once."""

    def renamed(number: int, network: Network) -> Network:
        inputs = tuple(
            replace(source, value=replace(source.value, name=f"n{number}_{source.value.name}"))
            for source in network.inputs
        )
        layers = []
        for each in network.layers:
            names = {"inputs": tuple(f"n{number}_{name}" for name in each.inputs)}
            read = names if "inputs" in each.__dataclass_fields__ else {"input": names["inputs"][0]}
            output = replace(each.output, name=f"n{number}_{each.output.name}")
            layers.append(replace(each, name=f"n{number}_{each.name}", output=output, **read))
        return replace(
            network, inputs=inputs, layers=tuple(layers), outputs=tuple(f"n{number}_{n}" for n in network.outputs)
        )

    all_of_them = [renamed(number, network) for number, network in enumerate(networks)]
    return check_network(
        Network(
            "beside",
            tuple(source for network in all_of_them for source in network.inputs),
            tuple(layer for network in all_of_them for layer in network.layers),
            tuple(name for network in all_of_them for name in network.outputs),
        )
    )
