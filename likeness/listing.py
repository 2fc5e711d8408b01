"""Rows for people: a table where there is room for one, and a paragraph for each row where there is not."""

import shutil
from collections.abc import Sequence

from rich.columns import Columns
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

UNLIMITED = 100_000
"""Width of what no terminal shows, in characters: no row is ever so long."""
# What is wrapped needs so many characters, at least, to be read with ease; the first such column says what a row is.
_KEY_WIDTH = 24
_TEXT_WIDTH = 16
_INDENT = 4
_GAP = "  "


def plain(text: str) -> Text:
    """Return a text from elsewhere, such as a file's name, with nothing in it that a terminal would obey."""
    return Text("".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text))


def answers() -> Console:
    """Return a console for stdout: as wide as the terminal or as COLUMNS says, and in a pipe without a limit."""
    return Console(highlight=False, width=shutil.get_terminal_size((UNLIMITED, 0)).columns)


class Listing:
    """Rows under headings. Nothing in them is ever cut: what does not fit in its line is wrapped."""

    def __init__(self, title: str, *columns: str) -> None:
        """A column is its heading, and `:right` where it is aligned so and never wrapped; one column is not."""
        self._title = plain(title)
        self._headings = [plain(column.removesuffix(":right")) for column in columns]
        self._right = [column.endswith(":right") for column in columns]
        self._key = self._right.index(False)
        self._rows: list[Sequence[Text]] = []

    def add(self, *cells: str | Text) -> None:
        """Add a row."""
        self._rows.append([cell if isinstance(cell, Text) else plain(cell) for cell in cells])

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        natural = self._width([UNLIMITED] * len(self._headings))
        return Measurement(min(self._least_width(), options.max_width), min(natural, options.max_width))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._least_width() <= options.max_width:
            yield self._table()
        else:
            yield from self._paragraphs(options.max_width)

    def _least_width(self) -> int:
        limits = [UNLIMITED if right else _TEXT_WIDTH for right in self._right]
        limits[self._key] = _KEY_WIDTH
        return self._width(limits)

    def _width(self, limits: Sequence[int]) -> int:
        """Return how wide the table is where each column has its longest text in a line, up to a limit."""
        columns = zip(self._headings, *self._rows, strict=True)
        widths = (max(text.cell_len for text in column) for column in columns)
        # A border before each column and after the last, and a space on both sides of each text.
        cells: int = sum(map(min, widths, limits))
        return cells + 3 * len(limits) + 1

    def _table(self) -> Table:
        table = Table(title=self._title, title_justify="left", title_style="bold")
        for heading, right in zip(self._headings, self._right, strict=True):
            table.add_column(heading, justify="right" if right else "left", no_wrap=right, overflow="fold")
        for row in self._rows:
            table.add_row(*row)
        return table

    def _paragraphs(self, width: int) -> RenderResult:
        yield Text(self._title.plain, style="bold", overflow="fold")
        for row in self._rows:
            head = Text(_GAP).join(row[: self._key + 1])
            head.overflow = "fold"
            yield head
            named = list(zip(self._headings, row, strict=True))[self._key + 1 :]
            pieces = [Text(" ").join(pair) for pair in named if pair[1]]
            yield Padding(_filled(pieces, max(1, width - _INDENT)), (0, 0, 0, _INDENT), expand=False)


class SideBySide:
    """Several listings, as many beside each other as there is room for."""

    def __init__(self, listings: Sequence[Listing]) -> None:
        self._listings = listings

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.max_width == UNLIMITED:
            yield from self._listings
        else:
            yield Columns(self._listings)


def _filled(pieces: Sequence[Text], width: int) -> Text:
    """Return the pieces in lines that hold as many as fit; a piece is wrapped only where it has a line of its own."""
    lines: list[Text] = []
    for piece in pieces:
        if lines and lines[-1].cell_len + len(_GAP) + piece.cell_len <= width:
            lines[-1] = Text(_GAP).join([lines[-1], piece])
        else:
            lines.append(piece)
    filled = Text("\n").join(lines)
    filled.overflow = "fold"
    return filled
