"""Every exception that hwgen raises on purpose, in one tree.

::

    HwgenError
    ├── ModelFileError      the file is not a readable Keras model                    exit 2
    ├── UnsupportedError    the model says something that has no exact form (yet)     exit 2
    ├── InputError          an argument, a type or an array is not what was asked for exit 2
    │   ├── ConfigError     a configuration file has an unknown key or a wrong value  exit 2
    │   └── TypeRangeError  a number would not fit the integers that must hold it     exit 2
    ├── NetworkError        a Network breaks an invariant of ``hwgen.ir``             exit 2
    ├── CircuitError        a Circuit breaks an invariant or does not compute its Network  exit 2
    ├── ProjectError        a folder is not what an hwgen project should be           exit 2
    └── ToolError           a tool outside hwgen
        ├── ToolMissingError  is not installed                                        exit 3
        └── ToolFailedError   ran and failed                                          exit 3

A message is a sentence: what was expected, what came, where, and what to do about it.
"""

from typing import ClassVar


class HwgenError(Exception):
    """Root of the tree; ``exit_code`` is what the command line returns for it."""

    exit_code: ClassVar[int] = 2


class ModelFileError(HwgenError):
    """A file cannot be read as a Keras model."""


class UnsupportedError(HwgenError):
    """A layer, a quantizer or an option that hwgen does not compute exactly: refused by name."""


class InputError(HwgenError):
    """An argument, a type or an array is not what was asked for."""


class ConfigError(InputError):
    """A configuration file has an unknown key or a value out of range."""


class TypeRangeError(InputError):
    """A number would not fit the integers that must hold it."""


class NetworkError(HwgenError):
    """A Network breaks an invariant of ``hwgen.ir``."""


class CircuitError(HwgenError):
    """A Circuit breaks an invariant, or does not compute what its Network says."""


class ProjectError(HwgenError):
    """A folder is not what an hwgen project should be."""


class ToolError(HwgenError):
    """A tool outside hwgen is missing or failed."""

    exit_code: ClassVar[int] = 3


class ToolMissingError(ToolError):
    """A tool outside hwgen is not installed; the message says how to install it."""


class ToolFailedError(ToolError):
    """A tool outside hwgen ran and failed; the message holds the end of its output."""
