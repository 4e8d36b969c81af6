"""Charts of the same values are drawn once: test_plots.py makes sure that they are equal each time."""

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dataaudit.reporting import charts


def drawn_once(draw: Callable[..., str]) -> Callable[..., str]:
    known: dict[bytes, str] = {}

    def drawn(*arguments: Any, **options: Any) -> str:
        key = pickle.dumps((arguments, options))
        if key not in known:
            known[key] = draw(*arguments, **options)
        return known[key]

    return drawn


@pytest.fixture(scope="session", autouse=True)
def same_charts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        for name in ("bars", "curve", "histogram", "scatter", "shares", "trust_meter"):
            patched.setattr(charts, name, drawn_once(getattr(charts, name)))
        yield
