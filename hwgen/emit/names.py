"""C++ identifiers for one project: close to the network's own names, never in each other's way."""

# Identifiers that the templates, the ap_types headers or the standard library use where a network's names also stand.
_TAKEN = frozenset(
    "ap_int ap_uint ap_fixed ap_ufixed ap_private hls std main size_t int64_t uint64_t x y i j k sum code row column "
    "channel window samples sample inputs outputs values best result position input_t result_t fixed_of code_of shifted "
    "trace_values trace_sample trace_store printf NULL EOF errno stdin stdout stderr assert hwgen_run hwgen_trace".split()
)


class Names:
    """Hands out identifiers; asks for a taken one get a number behind it, always the same for the same requests."""

    def __init__(self) -> None:
        self._taken = set(_TAKEN)

    def take(self, wanted: str) -> str:
        """Return ``wanted``, or ``wanted_2``, ``wanted_3``, … where it is taken, and keep it."""
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name
