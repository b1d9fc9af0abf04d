"""Random QKeras quantizers, written as text, over every option that hwgen claims to compute exactly."""

import random

Weighted = list[tuple[int, str]]


def pick(rng: random.Random, choices: Weighted) -> str:
    """One of the texts, by weight."""
    weights, texts = zip(*choices, strict=True)
    return rng.choices(texts, weights)[0]


def kernel_quantizer(rng: random.Random, most_bits: int = 8) -> str:
    """A quantizer for weights. Without alpha, a QKeras layer turns it into ``auto_po2``."""
    bits, integer = rng.randint(2, most_bits), rng.choice([0, 0, 0, 1, 2])
    symmetric = rng.randint(0, 1)
    return pick(
        rng,
        [
            (8, f"quantized_bits({bits},{integer},{symmetric},alpha=1)"),
            (2, f"quantized_bits({bits},{integer},keep_negative=False,alpha=1)"),
            (2, f"quantized_bits({bits},{integer},{symmetric},keep_negative=0,alpha=1.0)"),
            (4, f"quantized_bits({bits},{integer})"),
            (2, f"quantized_bits({bits},{integer},{symmetric},alpha={rng.choice([0.5, 2.0, 4])})"),
            (2, f"quantized_bits({bits},{integer},{symmetric},alpha=0.3)"),
            (3, f"quantized_bits({bits},{integer},alpha='auto')"),
            (3, f"quantized_bits({bits},{integer},alpha='auto_po2')"),
            (1, f"quantized_bits({bits},{integer},keep_negative=False,alpha='auto_po2')"),
            (2, f"quantized_bits(1,{rng.choice([0, 1])},alpha={rng.choice([1, 0.5])})"),
            (1, f"quantized_bits(1,{integer},keep_negative=False,alpha=1)"),
            (2, "ternary()"),
            (2, "ternary(alpha=1)"),
            (2, f"ternary(alpha={rng.choice([1, 0.5, 0.3])},threshold={rng.choice([0.2, 0.5, 0.8])})"),
            (1, "ternary(alpha='auto')"),
            (2, f"ternary(alpha='auto_po2',number_of_unrolls={rng.choice([5, 2])})"),
            (2, "binary()"),
            (2, f"binary(alpha={rng.choice([1, 0.5, 0.3])})"),
            (1, "binary(use_01=True,alpha=1)"),
            (1, "binary(alpha='auto')"),
            (1, "binary(alpha='auto_po2')"),
            (1, "stochastic_ternary(alpha='auto_po2')"),
            (1, "stochastic_binary(alpha=0.5)"),
            (2, f"quantized_po2({rng.randint(3, 5)}{rng.choice(['', ',2', ',quadratic_approximation=1'])})"),
            (1, f"quantized_relu_po2({rng.randint(2, 4)},1)"),
            (1, f"quantized_relu({bits},{integer})"),
            (1, f"quantized_tanh({bits},symmetric=1)"),
            (1, f"quantized_sigmoid({bits},use_real_sigmoid=1)"),
        ],
    )


def bias_quantizer(rng: random.Random, most_bits: int = 8) -> str:
    """A quantizer for a bias; without alpha it stays at 1."""
    bits, integer = rng.randint(2, most_bits), rng.choice([0, 0, 1, 2])
    return pick(
        rng,
        [
            (6, f"quantized_bits({bits},{integer},alpha=1)"),
            (6, f"quantized_bits({bits},{integer})"),
            (2, f"quantized_bits({bits},{integer},1,alpha=0.5)"),
            (1, f"quantized_bits({bits},{integer},alpha='auto_po2')"),
            (1, "ternary()"),
            (1, "binary(alpha=0.5)"),
            (1, "quantized_po2(4)"),
            (1, f"quantized_tanh({bits})"),
        ],
    )


def activation_quantizer(rng: random.Random, most_bits: int = 8) -> str:
    """A quantizer between layers."""
    bits, integer = rng.randint(2, most_bits), rng.choice([0, 1, 2, 3])
    slope = rng.choice([0.5, 0.25, 0.125, 1.0])
    return pick(
        rng,
        [
            (10, f"quantized_relu({bits},{integer})"),
            (1, f"quantized_relu(1,{integer})"),
            (3, f"quantized_relu({max(bits, 4)},{integer},negative_slope={slope})"),
            (4, f"quantized_bits({bits},{integer},alpha=1)"),
            (3, f"quantized_bits({bits},{integer})"),
            (2, f"quantized_bits({bits},{integer},1)"),
            (1, f"quantized_bits({bits},{integer},keep_negative=False)"),
            (1, f"quantized_bits({bits},{integer},alpha={rng.choice([0.5, 2.0, 0.3])})"),
            (1, "quantized_bits(1,0)"),
            (2, "ternary()"),
            (1, "ternary(alpha=1,threshold=0.5)"),
            (2, "binary()"),
            (1, "binary(use_01=True)"),
            (1, "binary(alpha=0.5)"),
            *((weight, text) for weight, text in after_a_function(rng, most_bits)),
        ],
    )


def after_a_function(rng: random.Random, most_bits: int = 8) -> Weighted:
    """Quantizers between layers that round a function of their input, or powers of two."""
    bits, integer = rng.randint(2, most_bits), rng.choice([0, 1, 2])
    symmetric = rng.randint(0, 1)
    few = min(bits, 5)
    return [
        (1, f"quantized_tanh({bits},symmetric={symmetric})"),
        (1, f"quantized_tanh({bits},0,{symmetric},1)"),
        (1, f"quantized_sigmoid({bits},{symmetric})"),
        (1, f"quantized_sigmoid({bits},{symmetric},1)"),
        (1, f"quantized_relu({few},{integer},1)"),
        (1, f"quantized_relu({max(few, 4)},{integer},use_sigmoid=1,negative_slope={rng.choice([0.5, 0.25])})"),
        (1, f"quantized_relu(6,3,relu_upper_bound={rng.choice([6, 5.25])},is_quantized_clip=False)"),
        (1, f"quantized_hswish({bits},{integer},{symmetric})"),
        (
            1,
            f"quantized_hswish({bits},{integer},relu_shift={rng.choice([2, 4])},relu_upper_bound={rng.choice([1, 5])})",
        ),
        (1, f"quantized_ulaw({few},{integer},{symmetric})"),
        (1, f"quantized_po2({rng.randint(3, 4)}{rng.choice(['', ',2', ',0.5'])})"),
        (1, f"quantized_po2({rng.randint(3, 4)},quadratic_approximation=1)"),
        (1, f"quantized_po2({rng.randint(3, 4)},log2_rounding='floor')"),
        (1, f"quantized_relu_po2({rng.randint(2, 4)}{rng.choice(['', ',4'])})"),
        (1, f"quantized_relu_po2({rng.randint(2, 4)},negative_slope={rng.choice([0.5, 0.0625])})"),
        (1, rng.choice(["binary_tanh", "binary_sigmoid"])),
        (1, "stochastic_binary()"),
        (1, "stochastic_ternary(alpha=1,threshold=0.5)"),
    ]


def scale_is_power_of_two(quantizer: str) -> bool:
    """Whether the scale that multiplies a quantizer's codes is certainly a power of two."""
    return "0.3" not in quantizer and "'auto'" not in quantizer
