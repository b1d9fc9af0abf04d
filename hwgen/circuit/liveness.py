"""Which words of a circuit matter: those that outputs depend on, and until which stage each is read."""

from hwgen.circuit.circuit import Circuit, Word
from hwgen.circuit.operations import Starting, sources


def is_constant(word: Word) -> bool:
    """Whether the word never changes, so that nothing is read for it and it needs no registers."""
    return word.low == word.high


def reads(word: Word) -> tuple[int, ...]:
    """The words that the hardware of a word reads, each once."""
    return () if is_constant(word) else tuple(dict.fromkeys(sources(word.operation)))


def reading_stage(circuit: Circuit, word: int, source: int) -> int:
    """In which stage of its own stream a source of the word is read."""
    reader = circuit.words[word]
    if not isinstance(reader.operation, Starting):
        return reader.stage
    taken = circuit.streams[reader.stream].sources
    return next(each.stage for each in taken if each.stream == circuit.words[source].stream)


def last_stages(circuit: Circuit) -> dict[int, int]:
    """For each word that an output depends on, the last stage in which it is read."""
    words = circuit.words
    last = {word: circuit.result_stage for result in circuit.results for word in result}
    for number in range(len(words) - 1, -1, -1):
        if number in last:
            for source in reads(words[number]):
                last[source] = max(last.get(source, 0), reading_stage(circuit, number, source))
    return last


def live_streams(circuit: Circuit) -> tuple[int, ...]:
    """The streams that lead to the outputs, that of the inputs first."""
    found = {circuit.result_stream}
    for number in range(circuit.result_stream, -1, -1):
        if number in found:
            found.update(source.stream for source in circuit.streams[number].sources)
    return tuple(sorted(found))


def last_stage(circuit: Circuit, stream: int) -> int:
    """The last stage of a stream in which it is taken, by another or by the outputs."""
    taken = [
        source.stage
        for each in live_streams(circuit)
        for source in circuit.streams[each].sources
        if source.stream == stream
    ]
    return max([*taken, circuit.result_stage] if stream == circuit.result_stream else taken)
