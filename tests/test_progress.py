"""What is said of long work where there is no terminal, and how much time is left."""

import io

import pytest
from rich.console import Console

from dataaudit import progress
from dataaudit.progress import Clock, duration, terminal_track


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that goes on by the last number with every look at it."""
    now = [0.0, 1.0]

    def monotonic() -> float:
        now[0] += now[1]
        return now[0]

    monkeypatch.setattr(progress.time, "monotonic", monotonic)
    return now


def test_a_log_gets_two_lines_of_what_takes_long_and_none_of_the_rest(ticks: list[float]) -> None:
    log = io.StringIO()
    track = terminal_track(Console(file=log, width=80))
    assert list(track(range(20), "reading [b]", 20)) == list(range(20))
    assert log.getvalue().splitlines() == [
        "reading [b]: 6 of 20, about 10 seconds left",
        "reading [b]: 20 in 21 seconds",
    ]
    ticks[1] = 0.01
    log.truncate(0)
    log.seek(0)
    assert list(track(range(20), "quick", 20)) == list(range(20))
    assert log.getvalue() == ""


def test_time_runs_out_where_there_is_a_limit(ticks: list[float]) -> None:
    assert Clock(None).left == float("inf")
    clock = Clock(10, started=0)
    assert [clock.left for _ in range(12)][::11] == [9, -2]


@pytest.mark.parametrize(
    ("seconds", "words"), [(3, "10 seconds"), (84, "80 seconds"), (100, "2 minutes"), (3600, "60 minutes")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
