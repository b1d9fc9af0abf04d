"""Two calls that take a Keras 2 model to hls4ml with this backend, on whatever Keras is installed."""

import json
from pathlib import Path
from typing import Any

from hwgen.errors import InputError
from hwgen.hls4ml_backend.register import BACKEND, ensure_registered


class _Architecture(dict[str, Any]):
    """A model's architecture, which hls4ml reads as Keras 2's, with the layers that it then asks for."""

    def __init__(self, model: Any) -> None:
        super().__init__(json.loads(model.to_json()))
        self.get_layer = model.get_layer


def hls4ml_config_from_keras(
    model: Any, *, default_precision: str, granularity: str = "name", backend: str = BACKEND, **options: Any
) -> dict[str, Any]:
    """Make hls4ml's configuration of a Keras 2 or QKeras model: ``hls4ml.utils.config_from_keras_model``.

    That decides by the version of the package ``keras`` how it reads a model, as ``hls4ml_from_keras`` explains. This
    has it read Keras 2, and is the same otherwise.

    Args:
        model: a model of ``tf_keras``, or of ``tensorflow.keras`` up to TensorFlow 2.15; with QKeras layers or without.
        default_precision: the type of whatever the model does not say, such as "fixed<16,6>".
        granularity: "model", "type" or "name", hls4ml's.
        options: hls4ml's, such as ``max_precision``.
    """
    from hls4ml.utils import config_from_keras_model

    ensure_registered()
    config: dict[str, Any] = config_from_keras_model(
        _Architecture(model), granularity=granularity, backend=backend, default_precision=default_precision, **options
    )
    return config


def hls4ml_from_keras(
    model: Any,
    *,
    hls_config: dict[str, Any],
    output_dir: str | Path,
    project_name: str = "myproject",
    backend: str = BACKEND,
    **options: Any,
) -> Any:
    """Convert a Keras 2 or QKeras model with hls4ml.

    ``hls4ml.converters.convert_from_keras_model`` decides by the version of the package ``keras`` which converter it
    calls, so with TensorFlow 2.16 and later it takes a model of ``tf_keras`` for one of Keras 3. This calls the
    converter for Keras 2, and is the same otherwise.

    Args:
        model: a model of ``tf_keras``, or of ``tensorflow.keras`` up to TensorFlow 2.15; with QKeras layers or without.
        hls_config: hls4ml's configuration, as ``hls4ml_config_from_keras`` makes it; ``Model`` and in it ``Precision``
            and ``ReuseFactor`` have to be there.
        output_dir: where hls4ml writes its project.
        backend: the name of an hls4ml backend; "Vitis" gives what hwgen's is compared with.
        options: the backend's own, such as ``io_type`` or ``part``.
    Returns:
        hls4ml's ``ModelGraph``: ``compile()``, ``predict()``, ``build()``.
    Raises:
        InputError: the configuration lacks the model's precision or reuse factor; hls4ml would put in its own.
        UnsupportedError: an option that a zero-elided layer cannot honour.
    """
    from hls4ml.converters import keras_v2_to_hls
    from hls4ml.utils.config import create_config

    ensure_registered()
    of_model = hls_config.get("Model") or {}
    missing = [key for key in ("Precision", "ReuseFactor") if key not in of_model]
    if missing:
        raise InputError(
            f"hls_config['Model'] needs Precision and ReuseFactor, for which hwgen has no default, and it lacks "
            f"{' and '.join(missing)}; hls4ml_config_from_keras makes one."
        )
    config = create_config(output_dir=str(output_dir), project_name=project_name, backend=backend, **options)
    config["KerasModel"] = model
    config["InputData"] = None
    config["OutputPredictions"] = None
    config["HLSConfig"] = {
        "Model": {"BitExact": None, **of_model},
        **{k: v for k, v in hls_config.items() if k != "Model"},
    }
    return keras_v2_to_hls(config)
