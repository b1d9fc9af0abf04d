"""C++ identifiers for one project: close to the network's own names, never in each other's way."""

# What C++, the ap_types headers and the templates themselves call something at file scope or in the top function.
_TAKEN = """
    ap_fixed ap_fixed_base ap_int ap_int_base ap_private ap_ufixed ap_uint ap_q_mode ap_o_mode hls main std
    int64_t size_t uint64_t NULL EOF assert errno stdin stdout stderr i input_t result_t
    arithmetic code_of fixed_of operand shifted weight wrapped
    drain pixel trace_stream hwgen_run hwgen_trace run_sample trace_sample trace_store trace_values
"""


class Names:
    """Hands out identifiers; asking for a taken one gets a number behind it, the same for the same requests."""

    def __init__(self) -> None:
        self._taken = set(_TAKEN.split())

    def take(self, wanted: str) -> str:
        """Return ``wanted``, or ``wanted_2``, ``wanted_3``, … where it is taken, and keep it."""
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name
