"""What a model's outputs are in hardware: logits, the index of the largest, or probabilities of a stated type."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import assert_never

from hwgen.errors import InputError, UnsupportedError
from hwgen.fixed import FixedType, Quantizer, parse_quantizer
from hwgen.frontend.builder import Builder, Signal
from hwgen.frontend.curves import KERAS_CURVES
from hwgen.frontend.given_types import given_quantizer
from hwgen.frontend.scalar_functions import quantize_signal
from hwgen.frontend.softmax import softmax
from hwgen.ir import ArgMax, Exactness, Value


class HeadKind(Enum):
    """What comes out."""

    LOGITS = "logits"
    ARGMAX = "argmax"
    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"


@dataclass(frozen=True, slots=True)
class Head:
    """A kind, and the type of probabilities; None for the others."""

    kind: HeadKind
    type: Quantizer | None = None


LOGITS = Head(HeadKind.LOGITS)
SIGMOID = KERAS_CURVES["sigmoid"]


def read_head(text: str) -> Head:
    """Read ``logits``, ``argmax``, ``softmax=fixed<8,1,RND,SAT>`` or ``sigmoid=ufixed<8,0,RND,SAT>``.

    Raises:
        InputError: none of these, or a type without rounding and overflow, which have no default.
    """
    name, equals, kind = (part.strip() for part in text.partition("="))
    if name not in HeadKind._value2member_map_:
        raise InputError(
            f"head {text!r}: logits, argmax, softmax=TYPE or sigmoid=TYPE is expected, "
            f"for example 'softmax=ufixed<8,0,RND,SAT>'."
        )
    head = HeadKind(name)
    typed = head in (HeadKind.SOFTMAX, HeadKind.SIGMOID)
    if typed != bool(equals):
        wanted = f"takes a type, for example '{name}=ufixed<8,0,RND,SAT>'" if typed else "takes no type"
        raise InputError(f"head {text!r}: {name} {wanted}.")
    if not typed:
        return Head(head)
    quantizer = parse_quantizer(kind)
    if isinstance(quantizer, FixedType):
        raise InputError(
            f"head {text!r}: {kind!r} says neither rounding nor overflow, and neither has a default; "
            f"write for example '{name}={str(quantizer)[:-1]},RND,SAT>'."
        )
    return Head(head, quantizer)


def lower_head(builder: Builder, head: Head, name: str, signal: Signal, softmax_ends: bool) -> Value:
    """The value that leaves the network for one output of the model.

    Args:
        name: of the layer that the model ends in.
        signal: what it computes, a final softmax left out.
        softmax_ends: whether there is one.
    """
    where = f"layer {name!r}, an output of the model"
    sigmoid_ends = signal.curve is SIGMOID
    without = replace(signal, curve=None) if sigmoid_ends else signal
    match head.kind:
        case HeadKind.LOGITS:
            if softmax_ends:
                builder.notes.append(
                    f"layer {name!r}: its softmax is left out: the outputs are logits, whose largest is the same class."
                )
            if sigmoid_ends:
                builder.notes.append(
                    f"layer {name!r}: its sigmoid is left out: the outputs are logits, positive where the sigmoid is "
                    f"above 1/2."
                )
            return builder.settled(without, where)
        case HeadKind.ARGMAX:
            return _largest(builder, name, where, without)
        case HeadKind.SIGMOID:
            assert head.type is not None
            if not sigmoid_ends:
                raise UnsupportedError(f"{where}: --head sigmoid needs a sigmoid at the end, and there is none.")
            builder.notes.append(
                f"layer {name!r}: its sigmoid is a table: the outputs are the sigmoid itself, rounded once to "
                f"{head.type}."
            )
            target = given_quantizer(head.type, where)
            result = quantize_signal(builder, f"{name}_sigmoid", where, signal, target)
            return builder.settled(result, where)
        case HeadKind.SOFTMAX:
            assert head.type is not None
            if not softmax_ends:
                raise UnsupportedError(f"{where}: --head softmax needs a softmax at the end, and there is none.")
            return softmax(builder, name, where, signal, head.type)
        case _:
            assert_never(head.kind)


def _largest(builder: Builder, name: str, where: str, signal: Signal) -> Value:
    """The index along the last axis; a positive factor that is pending does not change it."""
    value, _ = builder.operand(signal, where)
    builder.notes.append(f"layer {name!r}: the output is the index of its largest value, the first of equal ones.")
    unique = builder.names.unique(f"{name}_argmax")
    kind = FixedType.holding(0, value.shape[-1] - 1, 0)
    result = builder.add(ArgMax(unique, value.name, Value(unique, (*value.shape[:-1], 1), kind)))
    builder.exactness.append(Exactness(f"{name}_argmax", True, 0, "compares only"))
    return result
