"""The command in the tests' own process."""

import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
import torch

from dataaudit import cli, pipeline

from .auditing import Command, Ended


@pytest.fixture
def dataaudit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """The command, in this process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["dataaudit", *map(str, arguments)])
        try:
            cli.main()
            code: Any = 0
        except SystemExit as stop:
            code = stop.code or 0
        return Ended(code, *capsys.readouterr())

    yield run
    torch.set_num_threads(threads)


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("an audit was begun")

    monkeypatch.setattr(pipeline, "run", refuse)
