"""What a person sees: progress with rate and ETA, lines and tables; and the one JSON for scripts.

With `--json` stdout carries only the result document; everything else goes to stderr.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TextIO

from rich.console import Console as RichConsole
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

_PLAIN_EVERY_S = 10.0
_WHOLE_CHARS = 40


class Progress(Protocol):
    """A running stage."""

    def advance(self, amount: int = 1) -> None:
        """Count `amount` more units as done."""

    def note(self, text: str) -> None:
        """Show a short remark beside the bar, such as the loss."""


class Console:
    """The terminal of one command."""

    def __init__(self, json_output: bool = False, quiet: bool = False) -> None:
        self.json_output = json_output
        self._errors = RichConsole(stderr=True, quiet=quiet)
        self._out = self._errors if json_output else RichConsole(quiet=quiet)
        self._results = sys.stdout

    @contextmanager
    def progress(self, label: str, total: int | None, unit: str) -> Iterator[Progress]:
        """A bar on a terminal, else a line every ten seconds; always on stderr."""
        if not self._errors.is_terminal:
            plain, complete = _PlainProgress(self._errors, label, total, unit), False
            try:
                yield plain
                complete = True
            finally:
                plain.end(complete)
            return
        columns = (
            SpinnerColumn(),
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            _Rate(unit),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[note]}"),
        )
        with RichProgress(*columns, console=self._errors) as bars:
            yield _BarProgress(bars, bars.add_task(label, total=total, note=""))

    def line(self, text: str) -> None:
        """One line for a person."""
        self._out.print(text, markup=False, highlight=False, soft_wrap=True)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table for a person; columns after the first are right-aligned."""
        table = Table(title=title, title_justify="left")
        for position, column in enumerate(columns):
            justify: Literal["left", "right"] = "right" if position else "left"
            short = position == 0 and all(len(row[0]) <= _WHOLE_CHARS for row in rows)
            # names and ids are there to be copied: never cut, and in one piece where they are short
            table.add_column(column, justify=justify, overflow="fold", no_wrap=short)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self._out.print(table)

    def result(self, value: Mapping[str, Any]) -> None:
        """The result document, when `--json` was asked for."""
        if self.json_output:
            text = json.dumps(value, ensure_ascii=False, default=str)
            print(text, file=self._results, flush=True)


class _BarProgress:
    def __init__(self, bars: RichProgress, task: Any) -> None:
        self._bars = bars
        self._task = task

    def advance(self, amount: int = 1) -> None:
        self._bars.advance(self._task, amount)

    def note(self, text: str) -> None:
        self._bars.update(self._task, note=text)


class _PlainProgress:
    """A line every ten seconds, also while nothing gets done, so that a log shows that it still runs."""

    def __init__(self, console: RichConsole, label: str, total: int | None, unit: str) -> None:
        self._console = console
        self._label, self._total, self._unit = label, total, unit
        self._done, self._note = 0, ""
        self._start = time.monotonic()
        self._ended = threading.Event()
        self._ticks = threading.Thread(target=self._tick, name=f"progress: {label}", daemon=True)
        self._ticks.start()

    def advance(self, amount: int = 1) -> None:
        self._done += amount

    def note(self, text: str) -> None:
        self._note = text

    def end(self, complete: bool) -> None:
        """The last state of a stage that is complete, so that a log shows every one."""
        self._ended.set()
        self._ticks.join()
        if complete:
            self._show()

    def _tick(self) -> None:
        while not self._ended.wait(_PLAIN_EVERY_S):
            self._show()

    def _show(self) -> None:
        took = time.monotonic() - self._start
        of = f"/{self._total}" if self._total is not None else ""
        rate = f", {rate_text(self._done / took)}" if self._done and took > 0 else f", {took:.0f} s"
        left = (self._total or 0) - self._done
        eta = f", {left * took / self._done:.0f} s left" if self._done and left > 0 else ""
        note = f", {self._note}" if self._note else ""
        text = f"{self._label}: {self._done}{of} {self._unit}{rate}{eta}{note}"
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def rate_text(per_s: float) -> str:
    """A rate in the unit of time in which it is a number one can read: "12/s", "0.40/s", "4.2/min"."""
    if per_s >= 10:
        return f"{per_s:.0f}/s"
    if per_s >= 0.1:
        return f"{per_s:.2g}/s"
    return f"{per_s * 60:.2g}/min" if per_s * 60 >= 0.1 else f"{per_s * 3600:.2g}/h"


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{self._unit} {rate_text(speed)}" if speed else self._unit, style="cyan")


def print_error(kind: str, message: str, results: TextIO | None) -> None:
    """An error on stderr, and as a JSON document on `results` for scripts."""
    RichConsole(stderr=True).print(
        Text.assemble((f"{kind}: ", "bold red"), message), soft_wrap=True, highlight=False
    )
    if results is not None:
        document = {"error": {"type": kind, "message": message}}
        print(json.dumps(document, ensure_ascii=False), file=results, flush=True)
