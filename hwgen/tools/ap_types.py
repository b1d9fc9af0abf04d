"""Makes a simulation-only variant of the ap_types headers that optimizing compilers can see through.

``ap_private::clearUnusedBits()`` cuts a result to its width after every operation. The header declares it ``volatile``
only, so each call stores to memory and loads again, and no sum of ap_int ever becomes plain integer arithmetic. Next
to each of the two definitions (up to 64 bits; more) the variant has a non-volatile overload with the same result, which
every non-volatile object then uses. Nothing else changes. The tests compare both variants over every rounding and
overflow mode; the original is used where ``pristine`` is asked for.

What ``volatile`` also hid is that ap_types relies on two's complement wrap-around of signed integers, so
``hwgen.tools.shared_library`` compiles with ``-fwrapv``; the overloads themselves shift unsigned integers only.
"""

from hwgen.errors import ProjectError

PRIVATE_HEADER = "etc/ap_private.h"

_VOLATILE = "  INLINE void clearUnusedBits(void) volatile\n"
_NARROW = """\
  INLINE void clearUnusedBits(void) {
    enum { excess_bits = (_AP_W % 64) ? 64 - _AP_W % 64 : 0 };
    VAL = (ValType)(_AP_S ? (uint64_t)((int64_t)((uint64_t)VAL << excess_bits) >> excess_bits)
                          : (((uint64_t)VAL << excess_bits) >> excess_bits));
  }

"""
_WIDE = """\
  INLINE void clearUnusedBits(void) {
    pVal[_AP_N - 1] = _AP_S ? (uint64_t)((int64_t)(pVal[_AP_N - 1] << excess_bits) >> excess_bits)
                            : ((pVal[_AP_N - 1] << excess_bits) >> excess_bits);
  }

"""


def without_volatile(header: bytes) -> bytes:
    """Add the overloads to the text of ``etc/ap_private.h``.

    Raises:
        ProjectError: the header is not of the release that this patch was written for.
    """
    parts = header.decode().split(_VOLATILE)
    if len(parts) != 3 or "VAL = (ValType)(" not in parts[1][:400] or "pVal[_AP_N - 1] =" not in parts[2][:400]:
        raise ProjectError(
            f"ap_types/{PRIVATE_HEADER}: the two definitions of clearUnusedBits that hls4ml 1.3's release has were "
            f"expected and not found, so the header cannot be made faster; use it as it is with --pristine."
        )
    return (parts[0] + _NARROW + _VOLATILE + parts[1] + _WIDE + _VOLATILE + parts[2]).encode()
