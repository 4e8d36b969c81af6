"""Progress bars on a terminal or in a notebook, nothing elsewhere; and the time and memory of stages."""

import html
import math
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from .dataset import Item, Track

REDRAWN, LONG = 0.5, 5.0
"""Seconds between two pictures of a bar in a notebook, and from which work is worth a line in a log."""


def terminal_track(console: Console) -> Track:
    """A Track that draws a bar on `console` if that is a terminal, and else writes lines about what takes long."""
    if not console.is_terminal:
        return _written_to(console)

    def track(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
        columns = (
            TextColumn("{task.description:<26}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console, transient=True) as progress:
            yield from progress.track(items, total=total, description=label)

    return track


def _written_to(console: Console) -> Track:
    """For logs: a line once work has gone on for a while, with how long it may take, and one at its end."""

    def track(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
        start, is_said = time.monotonic(), False
        for done, item in enumerate(items, 1):
            yield item
            seconds = time.monotonic() - start
            if not is_said and seconds > LONG and done < total:
                left = duration(seconds / done * (total - done))
                console.print(f"{label}: {done:,} of {total:,}, about {left} left", markup=False, highlight=False)
                is_said = True
        if is_said:
            seconds = time.monotonic() - start
            console.print(f"{label}: {total:,} in {seconds:,.0f} seconds", markup=False, highlight=False)

    return track


def notebook_track() -> Track | None:
    """A Track that draws a bar below the cell of a notebook that runs; None elsewhere."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    if type(shell).__name__ != "ZMQInteractiveShell":
        return None
    from IPython.display import HTML, display

    handle = display(HTML(""), display_id=True)  # one place for all bars, empty in the end

    def track(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
        start = drawn = time.monotonic()
        handle.update(HTML(_bar(label, 0, total, 0.0)))
        for done, item in enumerate(items, 1):
            yield item
            now = time.monotonic()
            if now - drawn > REDRAWN:
                drawn = now
                handle.update(HTML(_bar(label, done, total, now - start)))
        handle.update(HTML(""))

    return track


def _bar(label: str, done: int, total: int, seconds: float) -> str:
    left = f", {seconds / done * (total - done):,.0f} s left" if done else ""
    return f'{html.escape(label)} <progress value="{done}" max="{total}"></progress> {done:,} of {total:,}{left}'


@dataclass(frozen=True)
class Clock:
    """How long something has taken, and what is left of the seconds it may take; no end to them where they are None."""

    seconds: float | None
    started: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds, less than none once they are over."""
        return math.inf if self.seconds is None else self.seconds - self.gone

    @property
    def gone(self) -> float:
        """Seconds."""
        return time.monotonic() - self.started


def duration(seconds: float) -> str:
    """Roughly, in words."""
    return f"{max(10, round(seconds / 10) * 10)} seconds" if seconds < 90 else f"{round(seconds / 60)} minutes"


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note how long the block takes."""
    start = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - start, 2)


def peak_megabytes() -> float:
    """Peak memory of this process; nan on Windows."""
    if sys.platform == "win32":
        return float("nan")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)
