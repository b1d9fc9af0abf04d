"""How far a training is: the events that ``train`` reports, and bars for them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """One step of one stage is done.

    Attributes:
        stage: what is going on, such as "quantized network"; a stage's first event has ``done`` 0.
        done: steps finished, 0 to ``total``.
        total: steps of this stage; epochs where it trains.
        note: figures so far, such as "75 % pruned, accuracy 0.963"; may be empty.
    """

    stage: str
    done: int
    total: int
    note: str = ""


Report = Callable[[TrainProgress], None]


@contextmanager
def progress_bars(console: Console | None = None) -> Iterator[Report]:
    """Give a function for ``train`` that draws one bar a stage; on standard error unless ``console`` says otherwise."""
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console or Console(stderr=True)) as bars:
        tasks = {}

        def report(event: TrainProgress) -> None:
            if event.stage not in tasks:
                tasks[event.stage] = bars.add_task(event.stage, total=event.total, note=event.note)
            bars.update(tasks[event.stage], completed=event.done, note=event.note)

        yield report
