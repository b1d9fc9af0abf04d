"""Three inputs, two sums, each rounded and saturated: the smallest network that has everything of a dense layer."""

from random import Random

import numpy as np

from hwgen.fixed import FixedType, Overflow, Rounding
from hwgen.ir import Dense, Input, Network, Requantize, SparseTensor, Value


def pair_network() -> Network:
    """Three inputs, two sums, each rounded and saturated."""
    random = Random(3)
    weights = np.array([[random.randint(-7, 7) for _ in range(2)] for _ in range(3)])
    x = Value("x", (3,), FixedType(True, 4, 0))
    sums = Value("sums", (2,), FixedType(True, 10, 0))
    y = Value("y", (2,), FixedType(True, 5, -1))
    return Network(
        "pair",
        (Input(x, None),),
        (
            Dense("dense", "x", sums, SparseTensor.from_dense(weights, FixedType(True, 4, 0)), np.array([3, -2])),
            Requantize("rounded", "sums", y, Rounding.RND_CONV, Overflow.SAT),
        ),
        ("y",),
    )
