"""Words in waves are what they are one after the other, also with one of them wrong."""

import numpy as np
import pytest
from oracle.mutant_networks import mutant_network

from hwgen.circuit import AMD, ClockPlan, Optimize, Waves, lower
from hwgen.fixed import IntArray
from hwgen.verify.space import Space


@pytest.mark.parametrize("optimize", list(Optimize))
@pytest.mark.parametrize("seed", range(8))
def test_waves_give_what_words_are_one_after_the_other(seed: int, optimize: Optimize) -> None:
    network = mutant_network(seed)
    circuit = lower(network, AMD, ClockPlan(1), None, optimize)
    space, generator = Space.of(network), np.random.default_rng(seed)
    inputs = space.split(space.varied(40, generator))
    changed = int(generator.integers(len(circuit.words)))

    def flipped(number: int, codes: IntArray) -> IntArray:
        return codes ^ 1 if number == changed else codes

    def flip(numbers: IntArray, values: IntArray) -> None:
        values[numbers == changed] ^= 1

    waves = Waves(circuit)
    for values, expected in (
        (waves.values(inputs), circuit.word_values(inputs)),
        (waves.values(inputs, flip), circuit.word_values(inputs, flipped)),
    ):
        for number, word in enumerate(expected):
            assert (values[waves.stream[number]][waves.place[number]].ravel() == word).all(), number
