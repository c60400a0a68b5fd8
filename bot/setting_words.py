"""Says in our words what is wrong with a setting, and which name was meant."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["behind_a_colon", "innermost", "meant", "said_of"]

#: What to write, by the kind of pydantic's finding; `{…}` are its own figures.
_WORDS: Mapping[str, str] = {
    "int_": "write a whole number",
    "float_": "write a number",
    "decimal_": "write a number",
    "finite_number": "write a number",
    "bool_": "write true or false",
    "string_too_short": "write at least {min_length} characters",
    "string_too_long": "write at most {max_length} characters",
    "string_": "write text",
    "path_": "write the path of a directory",
    "date_": "write a date such as 2026-12-01",
    "greater_than_equal": "write {ge} or more",
    "greater_than": "write more than {gt}",
    "less_than_equal": "write {le} or less",
    "less_than": "write less than {lt}",
    "literal_error": "write one of {expected}",
    "enum": "write one of {expected}",
    "missing": "it is missing",
    "extra_forbidden": "there is no such setting",
    "too_short": "write at least {min_length}",
    "too_long": "write at most {max_length}",
    "tuple_": "write a list",
    "list_": "write a list",
    "dict_": "write a section",
    "model_": "write a section",
}


def said_of(error: Mapping[str, Any]) -> str:
    """What one finding of a pydantic `ValidationError` comes to, without a stop at its end."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":  # a sentence of ours
        return behind_a_colon(str(context["error"]))
    figures = {name: _written(value) for name, value in context.items()}
    for begin, words in _WORDS.items():
        if kind.startswith(begin):
            return words.format_map(figures)
    return "this value is not allowed"


def behind_a_colon(sentence: str) -> str:
    """A sentence of ours as it reads behind "COMFYUI_URLS can't be used:", without its stop."""
    return (sentence[:1].lower() + sentence[1:]).rstrip(".")


def innermost(errors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those *errors* that no other lies within: a list whose entry is wrong is not also short."""
    places = [tuple(each["loc"]) for each in errors]

    def holds(place: tuple[Any, ...]) -> bool:
        return any(len(each) > len(place) and each[: len(place)] == place for each in places)

    return [each for each in errors if not holds(tuple(each["loc"]))]


def _written(value: object) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.10g}"
    # "'DEBUG', 'INFO' or 'ERROR'", as pydantic lists what it expects.
    return re.sub(r"'([^']*)'", r"\1", str(value))


def meant(name: str, known: Iterable[str], *, alike: float = 0.6) -> str | None:
    """The one of *known* that *name* looks most like, if any does; *alike* is from 0 to 1."""
    upper = {each.upper(): each for each in known}
    found = difflib.get_close_matches(name.upper(), upper, n=1, cutoff=alike)
    return upper[found[0]] if found else None
