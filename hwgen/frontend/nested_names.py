"""Which layer of a model inside the model a weight of Keras 2 belongs to, by the weight's name.

Keras 2 names a weight after its layer (``a/kernel:0``), Keras 3 in its ``.h5`` after the models around it too
(``outer/inner/a/kernel``), and both put names of parts behind it (``a/lstm_cell/kernel``).
"""

from dataclasses import dataclass

from hwgen.frontend.architecture import Architecture, LayerEntry

_MOST_SCOPES = 40  # names around a weight's own


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A layer that is no model, and the names of the models that it is in, from the outside, and its own."""

    path: tuple[str, ...]
    entry: LayerEntry


def leaves(model: Architecture, path: tuple[str, ...]) -> list[Leaf]:
    """Every layer of a model and of the models inside it.

    Args:
        path: of the model.
    """
    found = []
    for entry in model.layers:
        own = (*path, entry.name)
        found += [Leaf(own, entry)] if entry.inside is None else leaves(entry.inside, own)
    return found


class Owners:
    """The layers of a model, to be found by the names of their weights."""

    def __init__(self, inside: list[Leaf]) -> None:
        self._by_name: dict[str, list[tuple[tuple[str, ...], Leaf]]] = {}
        for leaf in inside:
            wrapped = leaf.entry.wrapped
            for name in (leaf.entry.name, *([wrapped.name] if wrapped else [])):
                self._by_name.setdefault(name, []).append(((*leaf.path[:-1], name), leaf))

    def of(self, weight: str) -> Leaf | None:
        """The layer whose path the name holds most of, then furthest in front; None where none is, or more than one."""
        names = weight.split("/")[:-1]
        if len(names) > _MOST_SCOPES:
            return None
        best: tuple[int, int] = (0, 0)
        found: list[Leaf] = []
        for start in range(len(names)):
            for end in range(start + 1, len(names) + 1):  # a layer's name may hold slashes
                for path, leaf in self._by_name.get("/".join(names[start:end]), ()):
                    count, first = _matched(names[:end], path)
                    if (count, -first) > best or not found:
                        best, found = (count, -first), [leaf]
                    elif (count, -first) == best and leaf not in found:
                        found.append(leaf)
        return found[0] if len(found) == 1 else None


def _matched(names: list[str], path: tuple[str, ...]) -> tuple[int, int]:
    """How many names at the end of a path end a list of names, and where in the list they begin."""
    count, end = 0, len(names)
    for name in reversed(path):
        parts = name.split("/")
        if names[max(end - len(parts), 0) : end] != parts:
            break
        count, end = count + 1, end - len(parts)
    return count, end
