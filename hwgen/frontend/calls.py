"""Which tensors a call of a layer reads, in every form in which Keras has written that."""

from dataclasses import dataclass
from typing import Any

from hwgen.errors import ModelFileError, UnsupportedError


@dataclass(frozen=True, slots=True, order=True)
class TensorReference:
    """One tensor of a model.

    Attributes:
        layer: the name of the layer that returns it.
        call: which of the layer's calls, as the file counts them.
        tensor: which of the tensors that the call returns, from 0.
    """

    layer: str
    call: int = 0
    tensor: int = 0


def read_call(layer: str, call: Any) -> tuple[TensorReference, ...]:
    """What one call reads, in order: Keras 2 lists tuples, Keras 3 holds tensors in args and kwargs.

    Args:
        layer: for messages.
    Raises:
        ModelFileError: in no known form.
        UnsupportedError: an argument that would be ignored.
    """
    if isinstance(call, dict):
        arguments, options = call.get("args"), call.get("kwargs")
        if isinstance(arguments, list) and isinstance(options, dict):
            tensors = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], list) else arguments
            _refuse_options(layer, options)
            return tuple(_history(layer, tensor) for tensor in tensors)
    elif isinstance(call, list):
        found = []
        for item in [call] if call and isinstance(call[0], str) else call:  # one tuple, or a list of them
            reference = read_reference(item[:3]) if isinstance(item, list) and len(item) >= 3 else None
            if reference is None:
                break
            options = item[3] if len(item) > 3 else {}
            _refuse_options(layer, options if isinstance(options, dict) else {"arguments": options})
            found.append(reference)
        else:
            return tuple(found)
    raise ModelFileError(f"layer {layer!r}: its connections are in no form that hwgen knows: {str(call)[:120]}.")


def read_reference(stated: Any) -> TensorReference | None:
    """``[name, call, tensor]``; None for anything else."""
    if not isinstance(stated, list) or len(stated) != 3 or not isinstance(stated[0], str):
        return None
    numbers = stated[1:]
    if not all(isinstance(number, int) and not isinstance(number, bool) and number >= 0 for number in numbers):
        return None
    return TensorReference(*stated)


def _history(layer: str, tensor: Any) -> TensorReference:
    config = tensor.get("config") if isinstance(tensor, dict) else None
    reference = read_reference(config.get("keras_history")) if isinstance(config, dict) else None
    if reference is None:
        raise UnsupportedError(
            f"layer {layer!r}: is called with {str(tensor)[:80]}; only outputs of layers are supported as arguments."
        )
    return reference


def _refuse_options(layer: str, options: dict[str, Any]) -> None:
    for key, value in options.items():
        unused = value is None or (isinstance(value, list) and all(item is None for item in value))
        if not unused and not (key == "training" and value is False):
            raise UnsupportedError(
                f"layer {layer!r}: is called with {key}={str(value)[:80]}, which hwgen does not honour; "
                f"build the model without it."
            )
