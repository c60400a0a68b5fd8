"""What more than one test file needs."""

from collections.abc import AsyncIterator

import pytest

from playground import Person, Playground, open_playground
from tests.footage import Media
from tests.house import working
from tests.paid import paid_provider

#: Files that take longest, longest first: begun first, they do not hold up the end.
LONG = (
    "test_kill",
    "test_storage_machine",
    "test_provider_matrix",
    "test_page",
    "test_takes_page",
    "test_storage_policy",
    "test_takes_reactions",
    "test_refusals",
    "test_cli",
    "test_local_provider",
    "test_media",
    "test_newcomer",
    "test_takes_buttons",
    "test_takes_delivery",
    "test_end_to_end",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files, so that several at a time are done together."""
    rank = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(LONG)))


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    """A Discord on loopback, fresh for this test, with nothing connected to it."""
    async with open_playground() as running:
        yield running


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    """A tiny clip, picture, sound and ZIP of frames."""
    return Media(tmp_path_factory.mktemp("media"))


@pytest.fixture
def mira(playground: Playground) -> Person:
    """A member."""
    return playground.person("mira")


@pytest.fixture
def ada(playground: Playground) -> Person:
    """A moderator."""
    return playground.person("ada")


@pytest.fixture
def paid():
    """A provider whose clips cost credits."""
    return paid_provider()


@pytest.fixture
async def paid_house(playground, tmp_path, paid):
    """The whole bot, with that provider alone."""
    async with working(playground, tmp_path / "house", providers={"held": paid}) as deployment:
        yield deployment
