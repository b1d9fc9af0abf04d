"""Jinja, set up once: a template that names something its view lacks is an error, and whitespace is as written."""

from functools import cache
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hwgen.resources import data_folder


@cache
def _environment(folder: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(data_folder("templates") / folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.globals["version"] = version("hwgen")
    return environment


def render(template: str, **view: object) -> str:
    """Fill one template of ``templates/hls/``."""
    return _environment("hls").get_template(template).render(**view)


def static_text(name: str) -> str:
    """A file of ``templates/hls/`` that is copied as it is."""
    return (data_folder("templates") / "hls" / name).read_text()


def render_rtl(template: str, **view: object) -> str:
    """Fill one template of ``templates/rtl/``."""
    return _environment("rtl").get_template(template).render(**view)


def static_rtl(name: str) -> str:
    """A file of ``templates/rtl/`` that is copied as it is."""
    return (data_folder("templates") / "rtl" / name).read_text()


def render_hls4ml(template: str, **view: object) -> str:
    """Fill one template of ``templates/hls4ml/``."""
    return _environment("hls4ml").get_template(template).render(**view)


def data_file_hls4ml(name: str) -> Path:
    """Where a file of ``templates/hls4ml/`` is that hls4ml copies as it is."""
    return data_folder("templates") / "hls4ml" / name
