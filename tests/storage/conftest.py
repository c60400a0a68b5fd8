"""Storage tests run on both engines, unless they are marked with the one that they are about."""

from collections.abc import Iterator

import pytest

from tests.rig import engines

ENGINES = ("sqlite", "postgresql")
#: Files of which `make test` runs the PostgreSQL half, too: each kind of statement is in one of
#: them. `make long` runs it of all.
REPRESENTATIVE = {
    *("test_accounting", "test_batches", "test_checking", "test_finding", "test_restoration"),
    *("test_schedule", "test_shots", "test_transactions"),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on each engine that it is about."""
    marks = {mark.name for mark in metafunc.definition.iter_markers()}
    wanted = [engine for engine in ENGINES if engine in marks] or ENGINES
    part = metafunc.module.__name__.rpartition(".")[2]
    few = "postgresql" in marks or part in REPRESENTATIVE
    metafunc.parametrize(
        "engine",
        [
            pytest.param(each, marks=() if each == "sqlite" or few else (pytest.mark.long,))
            for each in wanted
        ],
        indirect=True,
    )


@pytest.fixture(autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """The engine that this test runs on."""
    name = getattr(request, "param", "sqlite")
    if name == "sqlite":
        yield name
        return
    databases = request.getfixturevalue("databases")
    engines.current[0] = databases
    try:
        yield name
    finally:
        engines.current[0] = None
        databases.empty()
