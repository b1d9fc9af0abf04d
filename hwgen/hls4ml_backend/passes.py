"""The three passes that make hls4ml's Vitis flow one without zero weights.

They work on hls4ml's graph after hls4ml did everything else, so types, windows, buffers and streams are its own.
"""

from typing import Any

from hls4ml.model.optimizer import ModelOptimizerPass, OptimizerPass
from hls4ml.model.types import Source

from hwgen.errors import UnsupportedError
from hwgen.hls4ml_backend.kernel import kernel_code, kernel_name
from hwgen.hls4ml_backend.layers import (
    has_zeros_to_elide,
    is_convolution,
    is_matrix_layer,
    refuse_what_cannot_be_honoured,
)
from hwgen.hls4ml_backend.weights import check_input_type

_CODE = "zero_elided_codegen"
_HEADER = "nnet_utils/nnet_zero_elided.h"
_THEIR_KERNEL = "using kernel = nnet::DenseLatency<data_T, res_T, CONFIG_T>;"


class RefuseOptions(OptimizerPass):  # type: ignore[misc]  # hls4ml publishes no types
    """Refuses what zero-elided layers cannot honour, before anything is generated."""

    name = "refuse_options"

    def match(self, node: Any) -> bool:
        return True

    def transform(self, model: Any, node: Any) -> bool:
        for flow in model.config.flows:
            if flow.startswith(("vitis:", "vivado:")):
                raise UnsupportedError(
                    f"HLSConfig Flows names '{flow}', which would write Vitis's layers with their zeros; name "
                    f"'hwgen:{flow.partition(':')[2]}', or convert with backend='Vitis'."
                )
        refuse_what_cannot_be_honoured(node)
        return False


class ElideZeros(OptimizerPass):  # type: ignore[misc]  # hls4ml publishes no types
    """Gives each matrix layer a kernel of its own, and the call that uses it."""

    name = "elide_zeros"

    def match(self, node: Any) -> bool:
        return _to_elide(node)

    def transform(self, model: Any, node: Any) -> bool:
        _refuse_memories(node)
        check_input_type(node)
        namespace = model.config.get_writer_config().get("Namespace") or "nnet"
        node.set_attr(_CODE, Source(kernel_code(node)))
        node.set_attr("config_cpp", _with_kernel(node, f"{namespace}::{kernel_name(node)}"))
        if call := _call(node, model.config.get_config_value("IOType")):
            node.set_attr("function_cpp", call)
            node.set_attr("include_header", [*node.get_attr("include_header"), _HEADER])
        return False


class NothingLeftOut(ModelOptimizerPass):  # type: ignore[misc]  # hls4ml publishes no types
    """Before writing: every layer that should be zero-elided is, whatever became of the flows."""

    name = "nothing_left_out"

    def __init__(self) -> None:
        pass

    def transform(self, model: Any) -> bool:
        for node in model.get_layers():
            if is_matrix_layer(node) and has_zeros_to_elide(node) and node.get_attr(_CODE) is None:
                raise UnsupportedError(
                    f"layer '{node.name}': the pass 'hwgen:{ElideZeros.name}' did not run, so its zeros would be "
                    f"written; put it back into the flow 'hwgen:zero_elision', or convert with backend='Vitis'."
                )
        return False


def _to_elide(node: Any) -> bool:
    return is_matrix_layer(node) and node.get_attr(_CODE) is None and has_zeros_to_elide(node)


def _refuse_memories(node: Any) -> None:
    for weights in node.get_weights():
        if weights.storage.lower() == "bram":
            raise UnsupportedError(
                f"layer '{node.name}': BramFactor puts its weights into a memory outside the design, and a zero-elided "
                f"layer has them in its code; set a BramFactor above {weights.data_length}, or convert with "
                f"backend='Vitis'."
            )


def _with_kernel(node: Any, kernel: str) -> str:
    """hls4ml's configuration of the layer, naming our kernel where it names its own."""
    config: str = node.get_attr("config_cpp")
    if config.count(_THEIR_KERNEL) != 1:
        raise UnsupportedError(
            f"layer '{node.name}': hls4ml 1.3's configuration names nnet::DenseLatency once and this one names it "
            f"{config.count(_THEIR_KERNEL)} times, so the installed hls4ml is not one that hwgen knows; "
            f"pip install 'hls4ml>=1.3,<1.4'."
        )
    return config.replace(_THEIR_KERNEL, f"using kernel = {kernel}<data_T, res_T, CONFIG_T>;")


def _call(node: Any, io_type: str) -> str | None:
    """The call of the layer, where hls4ml's own does not go through the kernel that its configuration names."""
    if is_convolution(node) == (io_type == "io_stream"):
        return None
    function = "zero_elided_conv" if is_convolution(node) else "zero_elided_dense"
    source, target = node.get_input_variable(), node.get_output_variable()
    types = f"{source.type.name}, {target.type.name}, config{node.index}"
    return f"nnet::{function}<{types}>({source.name}, {target.name});"
