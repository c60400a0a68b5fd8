"""The table of bugs fits the code: each has its place and its tests. `make mutants` tries them."""

import ast
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from tests.fire.mutants import MUTANTS, Mutant
from tools import mutants
from tools.mutants import Found, report, tried

ROOT = Path(__file__).parent.parent.parent


@cache
def names(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text())
    return frozenset(node.name for node in ast.walk(tree) if hasattr(node, "name") and node.name)


def test_each_bug_has_one_place_in_the_product() -> None:
    gone = [each.bug for each in MUTANTS if (ROOT / each.file).read_text().count(each.old) != 1]
    assert gone == []
    assert all(each.file.startswith(("bot/", "cogs/", "storage/")) for each in MUTANTS)
    assert all(each.old != each.new and each.tests for each in MUTANTS)


@pytest.mark.long
def test_what_is_written_is_python() -> None:
    for each in MUTANTS:
        if each.file.endswith(".py"):
            ast.parse((ROOT / each.file).read_text().replace(each.old, each.new), each.bug)


def test_each_test_that_is_named_is_there() -> None:
    for each in MUTANTS:
        for test in each.tests:
            file, _, name = test.partition("::")
            assert any(known.startswith("test_") for known in names(file)), test
            assert not name or name in names(file), test


def test_there_are_enough_of_them_and_none_twice() -> None:
    assert len({each.bug for each in MUTANTS}) == len(MUTANTS) >= 50
    assert len({(each.file, each.old, each.new) for each in MUTANTS}) == len(MUTANTS)


@pytest.mark.long
def test_a_bug_is_caught_survives_breaks_or_has_no_place(tmp_path: Path) -> None:
    (tmp_path / "product.py").write_text("def paid():\n    return 5\n")
    for name in ("tests/__init__.py", "tests/conftest.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "tests/test_paid.py").write_text(
        "import logging\n\nimport pytest\n\nfrom product import paid\n\n"
        "def test_it():\n    logging.error('Odd.')\n    assert paid() < 6\n\n"
        "@pytest.mark.long\ndef test_slowly():\n    assert paid() != 3\n"
    )
    by = []

    def verdict(old: str, new: str) -> str:
        mutant = Mutant("bug", "product.py", old, new, ("tests/test_paid.py",))
        found = tried(mutant, tmp_path)
        assert (tmp_path / "product.py").read_text() == "def paid():\n    return 5\n"
        by.append(found.by)
        return found.verdict

    assert verdict("return 5", "return 7") == "caught"
    assert by == ["tests/test_paid.py::test_it"]
    assert verdict("return 5", "return 3") == "caught"
    assert by[-1] == "tests/test_paid.py::test_slowly", "a long test is asked, too"
    assert verdict("return 5", "return 4") == "**survived**"
    assert verdict("return 5", "return (") == "**broke** (2)"
    assert verdict("return 6", "return 7") == "its place is there 0 times"
    # Without any bug: where all of its tests take long, none of them is red.
    assert mutants.tested_in_parts(tmp_path, ["tests/test_paid.py::test_slowly"]) == (0, "")


def test_the_report_says_how_many_were_caught() -> None:
    mutant = MUTANTS[0]
    found = [Found(mutant, "caught", by="tests/a.py::test_a"), Found(mutant, "**survived**")]
    text = report(
        found, commit="abc", at=datetime(2026, 1, 1, tzinfo=UTC), command="make mutants", took=60
    )
    assert "1 of 2 caught, in 1 minutes" in text
    assert "**survived** | – |" in text
