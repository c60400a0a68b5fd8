"""Rows as a table that spreadsheets open: none of what people wrote becomes a formula."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any


def as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """*rows* as CSV, with the names of the first one above them; empty for no rows."""
    text = io.StringIO()
    if rows:
        table = csv.DictWriter(text, list(rows[0]))
        table.writeheader()
        for row in rows:
            table.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue().encode("utf-8-sig")  # a spreadsheet takes UTF-8 for granted only so


#: What a spreadsheet takes for the beginning of a formula, also in its wide forms.
_FORMULA = frozenset("=+-@|%＝＋－＠−")


def _cell(value: Any) -> Any:
    """*value* as a spreadsheet shows it: what begins like a formula must not become one."""
    if isinstance(value, str):
        value = value.replace("\t", " ").replace("\r", "")
        if value.lstrip()[:1] in _FORMULA:
            return f"'{value}"
    return "" if value is None else value
