"""What a command does not use it does not load: a start is short, and memory small."""

import gc
import json
import subprocess
import sys

import pytest

from bot.app.running import collecting_what_is_new
from tests.rig.processes import ROOT

#: Everything that a bot has before it is connected, and then each of its commands.
RUN = """
import importlib, json, sys
import bot.app.cli, cogs, bot.providers
for name in cogs.EXTENSIONS:
    importlib.import_module(name)
bot.providers.modules()
print(json.dumps(sorted(sys.modules)))
"""
#: What only something else needs, and what needs it.
LATER = {
    "PIL": "a picture or a chart",
    "matplotlib": "nothing",
    "numpy": "nothing",
    "obstore": "a bucket",
    "playground": "the playground",
    "simcord": "the playground",
    "bot.app.doctor": "`dailies doctor` and `dailies check`",
    "bot.app.job_report": "`dailies job`",
    "bot.app.playground": "the playground",
    "bot.app.simulated_render": "the playground",
    "bot.app.workflows": "`dailies workflows`",
    "bot.media.pictures": "a picture",
    "bot.media.typeset": "a preview or a reel",
    "bot.providers._preview.render": "the first preview",
    "bot.files.bucket": "a bucket",
    "hypothesis": "the tests",
    "pytest": "the tests",
    "uvloop": "nothing",
}


@pytest.fixture(scope="module")
def loaded():
    run = subprocess.run([sys.executable, "-c", RUN], cwd=ROOT, capture_output=True, check=True)
    return set(json.loads(run.stdout))


@pytest.mark.parametrize("module", LATER)
def test_a_run_loads_nothing_that_only_something_else_needs(loaded, module):
    found = sorted(each for each in loaded if each == module or each.startswith(f"{module}."))
    assert found == [], f"only needed by {LATER[module]}"


def test_what_a_run_needs_is_there(loaded):
    assert {"discord", "aiosqlite", "bot.app.deployment", "cogs.video.make"} <= loaded


def test_a_run_keeps_what_was_loaded_out_of_collections():
    with collecting_what_is_new():
        looked_at = len(gc.get_objects())
        assert gc.get_freeze_count() > 10 * looked_at
    assert gc.get_freeze_count() == 0
