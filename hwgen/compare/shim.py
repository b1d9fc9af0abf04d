"""A top module in Verilog with the ports of hwgen's own around a peer's, so that the same simulation runs it."""

from collections.abc import Sequence
from dataclasses import dataclass

from hwgen.emit.rtl_bits import Reader, Signal
from hwgen.errors import ToolFailedError
from hwgen.verify.rtl_project import RtlProject


@dataclass(frozen=True, slots=True)
class PeerPort:
    """A number of a peer's port, the first in the lowest bits: ``width`` bits, ``fraction`` of them a fraction."""

    width: int
    signed: bool
    fraction: int


def shim(project: RtlProject, peer: str, given: Sequence[PeerPort], made: Sequence[PeerPort]) -> str:
    """The module.

    Args:
        project: a circuit without registers, whose ports and name it has.
        peer: the peer's top module, with ports ``model_inp`` and ``model_out``.
    Raises:
        ToolFailedError: the peer reads bits that an input does not have, or has bits that an output has not.
    """
    ports, entering, leaving = [], [], []
    reader = Reader()
    numbers = iter(given)
    for port in project.inputs:
        kind, signal = port.value.type, Signal(port.name, port.value.size * port.value.type.width, False)
        ports.append(f"    input wire [{signal.width - 1}:0] {port.name},")
        reader.declare(signal)
        for index in range(port.value.size):
            number = next(numbers)
            low = kind.fraction - number.fraction
            if not number.width:
                continue
            if low < 0 or low + number.width > kind.width:
                raise ToolFailedError(
                    f"the peer reads {number.width} bits, {number.fraction} of them a fraction, of a code of {kind}."
                )
            entering.append(reader.bits(signal, index * kind.width + low, number.width))
    results = Signal("results", max(1, sum(number.width for number in made)), False)
    reader.declare(results)
    start, numbers = 0, iter(made)
    for port in project.outputs:
        kind, codes = port.value.type, []
        for _ in range(port.value.size):
            number = next(numbers)
            codes.append(_code(reader, results, start, number, kind.width, kind.fraction))
            start += number.width
        ports.append(f"    output wire [{port.value.size * kind.width - 1}:0] {port.name},")
        leaving.append(f"    assign {port.name} = {{{', '.join(reversed(codes))}}};")
    packed = ", ".join(reversed(entering)) or "1'b0"
    lines = [
        f"module {project.top} (",
        "    input wire clk, input wire rst, input wire ce, input wire in_valid,",
        *ports,
        "    output wire out_valid",
        ");",
        f"    wire [{results.width - 1}:0] results;",
        f"    {peer} logic_of_peer (.model_inp({{{packed}}}), .model_out(results));",
        *leaving,
        "    assign out_valid = in_valid;",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _code(reader: Reader, results: Signal, start: int, number: PeerPort, width: int, fraction: int) -> str:
    """Bits of a code, from those that the peer gives: the sign above them, zeros below."""
    if not number.width:
        return f"{width}'d0"
    below = fraction - number.fraction
    if below < 0:
        raise ToolFailedError(f"the peer has {number.fraction} fractional bits where the network has {fraction}.")
    if below >= width:
        return f"{width}'d0"
    kept = min(number.width, width - below)
    parts = [reader.bits(results, start, kept)]
    if below:
        parts.append(f"{below}'d0")
    above = width - below - kept
    if above:
        sign = f"results[{start + number.width - 1}]"
        parts.insert(0, f"{{{above}{{{sign}}}}}" if number.signed else f"{above}'d0")
    return parts[0] if len(parts) == 1 else f"{{{', '.join(parts)}}}"
