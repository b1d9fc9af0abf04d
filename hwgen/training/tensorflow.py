"""The only door to TensorFlow: imported late, with Keras 2, and without its noise.

QKeras 0.9.0 needs Keras 2 (``tf-keras``), which TensorFlow gives only if ``TF_USE_LEGACY_KERAS`` is set before it is
imported. TensorFlow has no type stubs, so everything behind this door is ``Any``.
"""

import importlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from hwgen.errors import ToolFailedError, ToolMissingError

_NOISY = r"(tensorflow|tf_keras|keras|qkeras|pyparsing|tensorflow_model_optimization|hwgen\.training)(\.|$)"


@dataclass(frozen=True, slots=True)
class Stack:
    """The modules ``tensorflow``, ``tensorflow.keras`` (Keras 2) and ``qkeras``."""

    tf: Any
    keras: Any
    qkeras: Any

    def versions(self) -> dict[str, str]:
        """Versions that decide what is trained, by package."""
        return {package: version(package) for package in ("tensorflow", "tf-keras", "qkeras")}


@cache
def load() -> Stack:
    """Import TensorFlow, Keras 2 and QKeras; takes seconds the first time.

    Raises:
        ToolMissingError: they are not installed.
        ToolFailedError: TensorFlow came earlier, with Keras 3; or an installed package fails as it is imported.
    """
    early = "tensorflow" in sys.modules
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # its results depend on the machine's threads and caches
    try:
        with _silent_import():
            tf = importlib.import_module("tensorflow")
            if not _keras_is_2():
                raise ToolFailedError(_keras_3(early))
            tf.get_logger().setLevel("ERROR")
            with suppress(ImportError):
                importlib.import_module("absl.logging").set_verbosity("error")
            return Stack(tf, importlib.import_module("tensorflow.keras"), importlib.import_module("qkeras"))
    except ImportError as error:
        if (error.name or "").partition(".")[0] in ("tensorflow", "tf_keras", "qkeras", "pyparsing"):
            raise ToolMissingError(
                f"training needs TensorFlow, tf-keras and QKeras, and {error.name!r} is not installed; install them: "
                f"pip install 'hwgen[train]'"
            ) from error
        raise ToolFailedError(f"importing TensorFlow and QKeras failed: {error}.") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Python's warnings of TensorFlow, Keras, QKeras and what they import from the caller's screen.

    They concern those packages' own code (deprecated NumPy and pyparsing names) and the choice of ``.h5``, which is
    hwgen's; warnings raised elsewhere pass.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=_NOISY)
        yield


def _keras_is_2() -> bool:
    layers = importlib.import_module("tensorflow.keras.layers")
    return str(layers.Layer.__module__).startswith("tf_keras.")


def _keras_3(early: bool) -> str:
    if early:
        return (
            "training needs Keras 2, and TensorFlow was already imported with Keras 3; set TF_USE_LEGACY_KERAS=1 "
            "before TensorFlow is first imported, or train in a process of its own: hwgen train CONFIG.toml."
        )
    return (
        f"training needs Keras 2, and the environment has TF_USE_LEGACY_KERAS={os.environ['TF_USE_LEGACY_KERAS']}; "
        f"set it to 1 or unset it."
    )


@contextmanager
def _silent_import() -> Iterator[None]:
    """Hold back Python warnings, and what C++ writes to file descriptor 2 before its log level is read.

    What was held back is shown only where the import fails.
    """
    with warnings.catch_warnings(), tempfile.TemporaryFile() as held:
        warnings.simplefilter("ignore")  # import code of dozens of packages; none of it is hwgen's
        sys.stderr.flush()
        try:
            screen = os.dup(2)
        except OSError:  # a process without standard error
            yield
            return
        os.dup2(held.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(screen, 2)
            os.close(screen)
            if failed:
                held.seek(0)
                sys.stderr.write(held.read().decode(errors="replace"))
