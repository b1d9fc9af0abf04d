"""Random networks that a fully parallel circuit can be made of, lowered for one plan and target each."""

from collections.abc import Iterator
from random import Random

from hwgen.circuit import TARGETS, Circuit, ClockPlan, lower
from hwgen.errors import CircuitError
from hwgen.ir import Conv, Network
from oracle.networks import random_network

PLANS = (ClockPlan(1), ClockPlan(3), ClockPlan(None))
FAMILIES = (TARGETS["amd"], TARGETS["generic"])


def parallel_networks(seeds: range) -> Iterator[tuple[int, Network]]:
    """Random networks without convolutions whose sums fit the words of a circuit, and their seeds."""
    for seed in seeds:
        network = random_network(Random(seed))
        if any(isinstance(layer, Conv) for layer in network.layers):
            continue
        try:
            lower(network, FAMILIES[0], PLANS[0])
        except CircuitError as error:
            # Rounding a 63-bit code adds to it; everything else must lower.
            if "more than the 64 bits" not in str(error):
                raise
            continue
        yield seed, network


def circuit_of(seed: int, network: Network) -> Circuit:
    """Plans and targets in turn."""
    return lower(network, FAMILIES[seed // 3 % 2], PLANS[seed % 3])
