"""Makes the backend known to hls4ml, which calls this through the entry point ``hls4ml.backends``."""

from collections.abc import Callable
from typing import Any

BACKEND = "hwgen"


def register(register_backend: Callable[[str, Any], None], register_writer: Callable[[str, Any], None]) -> None:
    """Register the backend ``hwgen`` and its writer, which is that of Vitis.

    Args:
        register_backend: hls4ml's function of that name, which takes a name and a class.
        register_writer: likewise.
    """
    from hls4ml.writer.vitis_writer import VitisWriter

    from hwgen.hls4ml_backend.backend import HwgenBackend

    register_writer(BACKEND, VitisWriter)  # first: a backend asks for its writer when it is made
    register_backend(BACKEND, HwgenBackend)


def ensure_registered() -> None:
    """Register with the hls4ml that this process has, unless its entry point did so."""
    from hls4ml.backends import get_available_backends, register_backend
    from hls4ml.writer import register_writer

    if BACKEND not in get_available_backends():
        register(register_backend, register_writer)
