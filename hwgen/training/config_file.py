"""Reads and writes training configurations as TOML; a refusal is a sentence with the file and the key path."""

import json
import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hwgen.errors import ConfigError
from hwgen.training.config import TrainConfig


def load_config(path: Path) -> TrainConfig:
    """Read a configuration file.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or says something that ``hwgen.training.config`` does not
            know; one line for each fault, with the key path and, for a misspelt key or word, the nearest one.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; a configuration is a TOML file, as in examples/.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: a configuration is a TOML file in UTF-8; {error}.") from error
    return parse_config(text, str(path))


def parse_config(text: str, where: str) -> TrainConfig:
    """Read a configuration from TOML ``text``; ``where`` names its file in errors, those of ``load_config``."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: a configuration is a TOML file; {error}.") from error
    try:
        # As JSON: pydantic's strict mode then takes lists for tuples and words for enums, but still no "3" for 3.
        return TrainConfig.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        raise ConfigError("\n".join(_sentences(error.errors(), where))) from error


def config_text(config: TrainConfig) -> str:
    """Return a configuration as TOML, defaults written out; ``parse_config`` gives it back."""
    lines: list[str] = []
    _write_table(lines, "", config.model_dump(mode="json", exclude_none=True))
    return "\n".join(lines).strip() + "\n"


def _write_table(lines: list[str], name: str, table: Mapping[str, Any]) -> None:
    """Plain keys first: in TOML, what follows a table's header belongs to that table."""
    for key, value in table.items():
        if not _is_table(value):
            lines.append(f"{_key(key)} = {_value(value)}")
    for key, value in table.items():
        if not _is_table(value):
            continue
        path = f"{name}.{_key(key)}" if name else _key(key)
        for entry in value if isinstance(value, list) else [value]:
            lines.extend(["", f"[[{path}]]" if isinstance(value, list) else f"[{path}]"])
            _write_table(lines, path, entry)


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(entry) for entry in value)}]"
    # JSON's texts, numbers, true and false are TOML's too, apart from the delete character, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _sentences(details: list[ErrorDetails], where: str) -> list[str]:
    """One sentence a fault; a key that is missing because it is misspelt is told once."""
    unknown = [detail for detail in details if detail["type"] == "extra_forbidden"]
    sentences = [_sentence(detail, where) for detail in unknown]
    for detail in details:
        if detail["type"] == "extra_forbidden":
            continue
        hint = f"did you mean {str(detail['loc'][-1])!r}?" if detail["loc"] else ""
        if detail["type"] != "missing" or not any(
            other["loc"][:-1] == detail["loc"][:-1] and sentence.endswith(hint)
            for other, sentence in zip(unknown, sentences, strict=False)
        ):
            sentences.append(_sentence(detail, where))
    return sentences


def _sentence(detail: ErrorDetails, where: str) -> str:
    """One fault as a sentence: what was expected, what came, where."""
    path, section, fields = _walk(detail["loc"])
    kind, given = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return f"{where}: {section} has no key {path[-1]!r}; {_nearest(str(path[-1]), fields)}"
    if kind == "missing":
        return f"{where}: {section} needs the key {path[-1]!r}."
    place = f"{where}: {_dotted(path)}" if path else where
    if kind == "union_tag_not_found":
        return f"{place} needs the key 'kind', which says what layer it is."
    words = re.findall(r"'([^']*)'", str(detail.get("ctx", {}).get("expected") or _tags(detail)))
    if words:
        came = given.get("kind") if isinstance(given, dict) else given
        if isinstance(came, str):
            return f"{place}: unknown value {came!r}; {_nearest(came, words)}"
        return f"{place} is one of {', '.join(words)}; got {json.dumps(came)}."
    if kind == "value_error":
        message = str(detail["ctx"]["error"])
        return f"{place}: {message if message.endswith(('.', '?')) else message + '.'}"
    message = detail["msg"].removeprefix("Input ").replace("should be an object", "should be a table")
    return f"{place} {message}; got {json.dumps(given)}."


def _tags(detail: ErrorDetails) -> str:
    return str(detail.get("ctx", {}).get("expected_tags", ""))


def _nearest(word: str, known: list[str]) -> str:
    near = get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."


def _dotted(path: list[str | int]) -> str:
    """``model.layers[0].units``; positions count from 0."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _walk(location: tuple[str | int, ...]) -> tuple[list[str | int], str, list[str]]:
    """Follow pydantic's location through the models.

    Returns:
        The key path without pydantic's union tags, the section that holds the last key, and that section's keys.
    """
    here: Any = TrainConfig
    path: list[str | int] = []
    holder, parent = here, path
    for step in location:
        if isinstance(here, list) and isinstance(step, str):  # a tag that picks one model of a union
            here = next(model for model in here if step in get_args(model.model_fields["kind"].annotation))
            holder = here
            continue
        holder, parent = here, list(path)
        path.append(step)
        here = _inside(here, step)
    fields = list(holder.model_fields) if isinstance(holder, type) and issubclass(holder, BaseModel) else []
    return path, f"[{_dotted(parent)}]" if parent else "the file", fields


def _inside(here: Any, step: str | int) -> Any:
    """The model, or the models of a union as a list, that a key or position leads to; None for a plain value."""
    if isinstance(here, type) and issubclass(here, BaseModel) and step in here.model_fields:
        return _models(here.model_fields[str(step)].annotation)
    return here if isinstance(step, int) else None


def _models(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return None
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [_models(part) for part in get_args(annotation)]
    flat = [model for part in found if part is not None for model in (part if isinstance(part, list) else [part])]
    if get_origin(annotation) in (Union, UnionType) and len(flat) == 1:
        return flat[0]
    return flat or None
