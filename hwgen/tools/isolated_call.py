"""Calls one function of a shared library, as a program of its own: only the standard library, nothing of hwgen.

Arguments: library, function, samples, number of inputs, a file, then the size of each input and each output. The file
holds int64: inputs, outputs, and one last number that becomes what the function returned, or one of the codes below.
"""

import ctypes
import mmap
import os
import sys
import threading

UNFINISHED = -(1 << 62)
NO_LIBRARY = UNFINISHED + 1
NO_FUNCTION = UNFINISHED + 2

STACK_BYTES = 512 << 20  # generated code keeps every layer's codes on the stack; only what it touches becomes memory


def main(arguments: list[str]) -> None:
    """Map the file, call the function on it, leave its answer at the end."""
    library, function, path = arguments[0], arguments[1], arguments[4]
    samples, inputs = int(arguments[2]), int(arguments[3])
    sizes = [int(size) for size in arguments[5:]]
    shared = mmap.mmap(os.open(path, os.O_RDWR), 0)
    base = ctypes.addressof(ctypes.c_char.from_buffer(shared))
    addresses = [base]
    for size in sizes:
        addresses.append(addresses[-1] + 8 * samples * size)
    answer = ctypes.c_int64.from_buffer(shared, addresses[-1] - base)
    try:
        call = getattr(ctypes.CDLL(library), function)
    except OSError as error:
        answer.value = NO_LIBRARY
        print(error, file=sys.stderr)
        return
    except AttributeError:
        answer.value = NO_FUNCTION
        return
    call.restype = ctypes.c_int
    pointers = [ctypes.c_void_p(address) for address in addresses[:-1]]
    given = (ctypes.c_void_p * inputs)(*pointers[:inputs])
    taken = (ctypes.c_void_p * (len(sizes) - inputs))(*pointers[inputs:])

    def run() -> None:
        answer.value = call(given, taken, ctypes.c_size_t(samples))

    for size in (STACK_BYTES, STACK_BYTES // 8):
        threading.stack_size(size)
        caller = threading.Thread(target=run)
        try:
            caller.start()
        except RuntimeError:  # less memory than that may be asked for here
            continue
        caller.join()
        return
    run()


if __name__ == "__main__":
    main(sys.argv[1:])
