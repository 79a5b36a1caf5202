"""What reading found: faults that stop it, and the lines of the cleaning report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from kgrec.errors import DataError, raise_faults

_SCHEMA = {"table": pl.String, "check": pl.String, "rows": pl.Int64, "action": pl.String, "examples": pl.String}
_ROWS_NOTE = "rows are counted from 1, and the header of a CSV file is row 1"
EXAMPLES = 5  # how many values or rows a message shows

Line = tuple[str, str, int, str, str]


@dataclass(frozen=True, slots=True, eq=False)
class CleaningReport:
    """What was found in the tables and what was done about it; nothing is dropped that isn't a line here.

    Parameters
    ----------
    table : polars.DataFrame
        Columns `table, check, rows, action, examples`; one line per finding, in the order it was made.
    """

    table: pl.DataFrame

    @classmethod
    def of(cls, lines: Iterable[Line]) -> CleaningReport:
        """Make a report of lines `(table, check, rows, action, examples)`."""
        return cls(pl.DataFrame(list(lines), schema=_SCHEMA, orient="row"))

    def rows(self, table: str, check: str) -> int:
        """How many rows of `table` the finding `check` is about; 0 when there was no such finding.

        >>> report = CleaningReport.of([("events", "exact duplicate", 3, "dropped", "")])
        >>> report.rows("events", "exact duplicate"), report.rows("items", "missing title")
        (3, 0)
        """
        return int(self.table.filter((pl.col("table") == table) & (pl.col("check") == check))["rows"].sum())

    def plus(self, lines: Iterable[Line]) -> CleaningReport:
        """Return this report with more lines at its end."""
        return CleaningReport(pl.concat([self.table, CleaningReport.of(lines).table]))

    def __str__(self) -> str:
        if not self.table.height:
            return "Cleaning report: nothing to report"
        cells = [tuple(_SCHEMA)]
        cells += [(table, check, f"{rows:,}", action, examples) for table, check, rows, action, examples in self._lines]
        widths = [max(len(row[column]) for row in cells) for column in range(4)]
        return "\n".join(["Cleaning report", *(_aligned(row, widths) for row in cells)])

    @property
    def _lines(self) -> list[Line]:
        return self.table.rows()


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    table, check, rows, action, examples = row
    start = f"  {table:<{widths[0]}}  {check:<{widths[1]}}  {rows:>{widths[2]}}  {action:<{widths[3]}}"
    return f"{start}  {examples}".rstrip()


@dataclass(slots=True)
class Findings:
    """Collects the faults and the report lines of one reading."""

    faults: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def fault(self, where: str, problem: str, fix: str = "") -> None:
        """Note a fault: `where: problem; fix`."""
        self.faults.append(f"{where}: {problem}" + (f"; {fix}" if fix else ""))

    def line(self, table: str, check: str, rows: int, action: str, examples: Iterable[object] = ()) -> None:
        """Note a finding of the cleaning; nothing when it is about no row."""
        if rows:
            shown = [str(value) for value, _ in zip(examples, range(EXAMPLES), strict=False)]
            self.lines.append((table, check, rows, action, ", ".join(shown)))

    def raise_faults(self, where: str) -> None:
        """Raise one DataError with every fault noted; do nothing when there are none.

        Raises
        ------
        DataError
            When there is a fault.
        """
        raise_faults(DataError, f"{where} can't be read ({_ROWS_NOTE})", self.faults)
