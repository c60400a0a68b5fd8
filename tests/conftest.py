"""What more than one test file needs."""

import os
import sys
from collections.abc import AsyncIterator

import hypothesis
import pytest

from playground import Person, Playground, open_playground
from tests.rig.footage import Media
from tests.rig.house import working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import paid_provider
from tests.rig.proving import Proof

# Many tests start processes: compiling everything anew would be most of what each of them does.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# No example fails for taking long: that would be about the machine.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


#: Files that take longest are begun first, so that they do not hold up the end.
LONG = (
    *("test_provider_matrix", "test_page", "test_kill", "test_takes_delivery", "test_fitting"),
    *("test_local_provider", "test_takes_reactions", "test_takes_buttons", "test_takes_page"),
    *("test_comfyui_through_the_bot", "test_comfyui", "test_comfyui_matrix"),
    *("test_machine", "test_races_counted", "test_races", "test_each_route", "test_schema"),
)
#: What makes a test slow: a Discord with a bot in it, ffmpeg, a process of ours.
SLOW_FIXTURES = frozenset({"playground", "media", "place", "stage"})
SLOW_FILES = frozenset(
    {
        *("test_kill", "test_kill_joined", "test_cli", "test_settings", "test_documents"),
        *("test_seams", "test_fitting", "test_media", "test_local_provider", "test_posters"),
        *("test_memory", "test_callbacks", "test_adding_one", "test_auditing"),
        *("test_charts", "test_bucket_played", "test_bucket", "test_each_route", "test_job_report"),
        *("test_verifying", "test_inputs", "test_doors", "test_page_fonts"),
        *("test_workflows_command", "test_own_gpus_page"),
        *("test_schema", "test_prompt_rules", "test_odd_media", "test_playable", "test_decoding"),
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files, several of which are done at a time; mark what `make check` leaves out."""
    rank = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(LONG)))
    for item in items:
        uses = SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if uses or item.path.stem in SLOW_FILES:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    """A Discord on loopback, fresh for this test, with nothing connected to it."""
    async with open_playground() as running:
        yield running


@pytest.fixture
def proof(request: pytest.FixtureRequest) -> Proof:
    """Where a test marked `prove` notes what it tried."""
    return Proof(request.node)


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Media:
    """A tiny clip, picture, sound and ZIP of frames."""
    return Media(tmp_path_factory.mktemp("media"))


@pytest.fixture
def mira(playground: Playground) -> Person:
    """A member."""
    return playground.person("mira")


@pytest.fixture
def jonas(playground: Playground) -> Person:
    """Another member."""
    return playground.person("jonas")


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


@pytest.fixture
def plain():
    """A provider that makes tiny real clips, and neither extends nor retakes them."""
    return Maker("plain", PLAIN)


@pytest.fixture
async def house(playground, tmp_path, plain):
    """The whole bot, with that provider alone."""
    async with working(playground, tmp_path, providers={"plain": plain}) as deployment:
        yield deployment
