"""``Strategy``: how the products of constant weights are written."""

from enum import Enum


class Strategy(Enum):
    """How a neuron's sum is written in C++.

    MULTIPLIERS: one constant product for each non-zero weight; the HLS tool chooses between DSPs and LUTs.
    ADDERS: one shifted term for each non-zero canonical signed digit of each weight; no products at all.
    """

    MULTIPLIERS = "multipliers"
    ADDERS = "adders"
