"""Whatever the readers of zip, HDF5 and JSON raise on damaged bytes, as one sentence."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from lzma import LZMAError
from tokenize import TokenError

from hwgen.errors import HwgenError, ModelFileError

# h5py raises what it makes of the C library's answer, and zipfile what its decoders raise: there is no shorter list.
_READER_ERRORS = (
    OSError,
    EOFError,
    RuntimeError,  # RecursionError and NotImplementedError too
    ValueError,  # UnicodeDecodeError and JSONDecodeError too
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    SystemError,
    struct.error,
    zlib.error,
    LZMAError,
    SyntaxError,  # of headers that NumPy evaluates
    TokenError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Around a call that reads bytes from outside, and nothing else: hwgen's own mistakes must not pass for damage.

    Args:
        what: the file and the part of it that is read.
    Raises:
        ModelFileError: the bytes cannot be read.
    """
    try:
        yield
    except HwgenError:
        raise
    except _READER_ERRORS as error:
        reason = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
        raise ModelFileError(f"{what} is damaged or cut short ({reason}).") from error
