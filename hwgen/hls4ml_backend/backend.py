"""The backend: hls4ml's Vitis backend with flows that put zero-elided kernels in place of its own.

Imported only from within hls4ml's registration, so hls4ml is there.
"""

from hls4ml.backends.fpga.fpga_backend import FPGABackend
from hls4ml.backends.vitis.vitis_backend import VitisBackend
from hls4ml.model.flow import get_flow, register_flow

from hwgen.emit.render import data_file_hls4ml
from hwgen.hls4ml_backend.passes import ElideZeros, NothingLeftOut, RefuseOptions
from hwgen.hls4ml_backend.register import BACKEND


class HwgenBackend(VitisBackend):  # type: ignore[misc]  # hls4ml publishes no types
    """hls4ml's passes, templates, writer, build and reports, with hwgen's kernels."""

    def __init__(self) -> None:
        # VitisBackend's own constructor would name the backend "Vitis".
        FPGABackend.__init__(self, BACKEND)
        self._register_layer_attributes()
        self.register_pass(RefuseOptions.name, RefuseOptions)
        self.register_pass(ElideZeros.name, ElideZeros)
        self.register_pass(NothingLeftOut.name, NothingLeftOut)
        self.register_source(data_file_hls4ml("nnet_zero_elided.h"))
        self._register_flows()

    def _register_flows(self) -> None:
        """Vitis's flows, with the options checked once layers are initialized and kernels replaced at the end."""
        options = register_flow("options", [f"{BACKEND}:{RefuseOptions.name}"], backend=BACKEND)
        elision = register_flow("zero_elision", [f"{BACKEND}:{ElideZeros.name}"], backend=BACKEND)
        requirements = list(get_flow("vitis:ip").requires)
        requirements.insert(requirements.index("vivado:init_layers") + 1, options)
        requirements.append(elision)
        self._default_flow = register_flow("ip", None, requires=requirements, backend=BACKEND)

        writing = ["make_stamp", f"{BACKEND}:{NothingLeftOut.name}", f"{BACKEND}:write_hls"]
        self._writer_flow = register_flow("write", writing, requires=[self._default_flow], backend=BACKEND)
        register_flow(
            "fifo_depth_optimization",
            [f"{BACKEND}:fifo_depth_optimization", *writing],
            requires=[self._default_flow],
            backend=BACKEND,
        )
