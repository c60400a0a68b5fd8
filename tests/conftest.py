"""What more than one test file needs."""

import contextlib
import gc
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from playground import Person, Playground, open_playground
from tests.rig import pooler
from tests.rig.footage import Media
from tests.rig.house import PACE, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.memory import write_to_memory
from tests.rig.paid import paid_provider
from tests.rig.postgres import (
    MISSING,
    Cluster,
    Databases,
    binaries,
    make_template,
    shared_cluster,
)
from tests.rig.proving import LEFT_OUT, Proof
from tests.rig.replica import Pair, pair, seed

# Many tests start processes: compiling everything anew would be most of what each of them does.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

write_to_memory()
gc.disable()  # until all is loaded: none of it is garbage, and to look takes an eighth of the time

# No example fails for taking long: that would be about the machine.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


#: Files that take longest are begun first, so that they do not hold up the end.
LONG = (
    *("test_shards", "test_toxics", "test_benches"),  # which mostly wait
    *("test_server_races", "test_sharded", "test_cut_off", "test_reloading"),  # so do these
    *("test_page", "test_page_places", "test_page_messages", "test_page_text", "test_kill"),
    *("test_comfyui_through_the_bot", "test_posting_trouble"),
    *("test_helping_page", "test_setup_page", "test_ended_page", "test_first_week_page"),
    *("test_provider_matrix", "test_schema", "test_callbacks", "test_local_provider"),
    *("test_machine", "test_permissions", "test_cli", "test_unanswered", "test_bucket_played"),
    *("test_local_renders", "test_restored", "test_takes_reactions", "test_charts"),
    *("test_batches", "test_worker", "test_sent_once", "test_odd_rows", "test_late_clips"),
    *("test_brought_home", "test_moving_on", "test_starting", "test_catch_up", "test_verifying"),
    *("test_media", "test_page_keyboard", "test_clip_form_page", "test_takes_page"),
    *("test_containers", "test_takes_delivery", "test_fitting", "test_takes_buttons"),
    *("test_comfyui", "test_comfyui_lost", "test_comfyui_failures", "test_comfyui_stopping"),
    *("test_comfyui_placing", "test_comfyui_only_ours", "test_comfyui_matrix"),
    *("test_races_counted", "test_races"),
    "test_architecture",  # it reads every file
)
#: What makes a test slow: a Discord with a bot in it, ffmpeg, a process, PostgreSQL, a wait.
SLOW_FIXTURES = frozenset({"playground", "media", "place", "stage", "databases", "own_server"})
SLOW_FILES = frozenset(
    {
        *("test_kill", "test_kill_joined", "test_cli", "test_settings", "test_documents"),
        *("test_seams", "test_fitting", "test_media", "test_local_provider", "test_posters"),
        *("test_local_renders", "test_memory", "test_callbacks", "test_adding_one"),
        "test_auditing",
        *("test_charts", "test_bucket_played", "test_bucket", "test_each_route", "test_job_report"),
        *("test_verifying", "test_inputs", "test_doors", "test_page_fonts"),
        *("test_workflows_command", "test_own_gpus_page"),
        *("test_schema", "test_prompt_rules", "test_odd_media", "test_playable", "test_decoding"),
        *("test_mishaps", "test_take_sheet", "test_reel", "test_lengthy", "test_benches"),
        *("test_clock_jumps", "test_checking", "test_owed"),
        *("test_power", "test_addresses", "test_mutants", "test_secrets"),
        *("test_kills", "test_replies", "test_simulation", "test_toxics", "test_ids"),
        *("test_cadence", "test_answers_first", "test_loading", "test_forms", "test_comparing"),
        *("test_replica", "test_pooler", "test_cards", "test_looking", "test_backups"),
        *("test_erasing", "test_open", "test_sentences", "test_order_cost", "test_lost_files"),
        *("test_periods", "test_said_words", "test_readers", "test_shown", "test_finding"),
        *("test_webhooks", "test_http_edge", "test_flat", "test_prompt_help", "test_sent_once"),
        *("test_odd_rows", "test_polling"),
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files, several of which are done at a time; mark what `make check` leaves out."""
    rank = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(LONG)))
    for item in items:
        uses = SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if uses or item.path.stem in SLOW_FILES or "[postgresql" in item.name:
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("long") and not item.get_closest_marker("prove"):
            item.user_properties.append((LEFT_OUT, "yes"))


def pytest_collection_finish() -> None:
    """Keep what was loaded out of the collections to come, which are a tenth of the time else, and
    have fewer of those: a test lasts half a second."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Undo what a command said about logs: it speaks for its process, which here has more tests."""
    root, hook = logging.getLogger(), sys.excepthook
    loggers = [each for each in root.manager.loggerDict.values() if type(each) is logging.Logger]
    levels = [(each, each.level) for each in (root, *loggers)]
    handlers = root.handlers[:]
    yield
    sys.excepthook, root.handlers[:] = hook, handlers
    for each, level in levels:
        if each.level != level:  # to set one makes all others forget what they worked out
            each.setLevel(level)


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    """A Discord on loopback, fresh for this test, with nothing connected to it."""
    async with open_playground(rate_windows=PACE, patient=True) as running:
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


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Databases]:
    """Databases of this worker on the run's own PostgreSQL."""
    if binaries() is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    root = tmp_path_factory.getbasetemp()
    shared = root if worker_id == "master" else root.parent
    with shared_cluster(shared) as cluster:
        yield Databases(cluster, worker_id)


@pytest.fixture(scope="session")
def stopped_server(databases: Databases) -> Iterator[Path]:
    """The files of a PostgreSQL, to make servers of."""
    del databases  # says where PostgreSQL is missing
    with seed() as folder:
        yield folder


@pytest.fixture
def servers(stopped_server: Path) -> Iterator[Pair]:
    """A PostgreSQL and the replica that its commits wait for."""
    with pair(stopped_server) as found:
        yield found


@pytest.fixture
def pooled() -> None:
    """What needs PgBouncer is skipped where it is not installed, and fails in CI."""
    if pooler.program() is None:
        if os.environ.get("CI"):
            pytest.fail(pooler.MISSING)
        pytest.skip(pooler.MISSING)


@pytest.fixture
def own_server(databases: Databases) -> Iterator[Cluster]:
    """A PostgreSQL of this test's own, which it may stop and kill."""
    folder = Path(tempfile.mkdtemp(prefix="dailies-pg-"))
    folder.chmod(0o755)
    cluster = Cluster.made(folder / "cluster")
    make_template(cluster)
    try:
        yield cluster
    finally:
        with contextlib.suppress(AssertionError):  # the test has stopped it
            cluster.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)
