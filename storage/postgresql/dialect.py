"""Writes the store's SQL as PostgreSQL and psycopg read it. What it means is the same."""

import re
from functools import lru_cache

_TOKEN = re.compile(
    r"""
    (?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<comment>--[^\n]*)
    | (?P<cast>::)
    | (?P<numbered>\?(?P<place>\d+))
    | (?P<mark>\?)
    | :(?P<name>[A-Za-z_]\w*)
    | (?P<percent>%)
    | (?P<match>\bclip_words\s+MATCH\s+\?)
    | (?P<cross>\bCROSS\s+JOIN\b)
    | (?P<hint>\bINDEXED\s+BY\s+\w+)
    """,
    re.VERBOSE,
)


@lru_cache(maxsize=2000)
def translated(sql: str) -> tuple[str, bool]:
    """*sql* with psycopg's placeholders; and whether its parameters are looked up by name, which
    `?1` has, too: it is called p1.

    `CROSS JOIN … ON` and `INDEXED BY` are hints to SQLite's planner.
    """
    named = False

    def written(found: re.Match[str]) -> str:
        nonlocal named
        kind, text = found.lastgroup, found[0]
        match kind:
            case "comment":
                return ""
            case "cast":
                return text
            case "name":
                named = True
                return f"%({found['name']})s"
            case "numbered" | "place":
                named = True
                return f"%(p{found['place']})s"
            case "mark":
                return "%s"
            case "match":
                return "clip_words.words @@ words_query(%s)"
            case "cross":
                return "JOIN"
            case "hint":
                return ""
            case _:
                return text.replace("%", "%%")

    return _TOKEN.sub(written, sql), named
