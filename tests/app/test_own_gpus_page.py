"""docs/own-gpus.md was followed, word by word: what it shows is what is there."""

import asyncio
import json
import re
import shlex
from pathlib import Path

import pytest

from bot.catalog.model import ANY
from bot.providers._comfyui.addresses import addresses
from bot.providers._comfyui.manifest import manifest_of
from bot.providers._comfyui.workflow import SAVING
from bot.providers.comfyui import Settings
from tests.app.test_cli import dailies
from tests.app.test_workflows_command import two_passes
from tests.rig.gpus import gpus

PAGE = (Path(__file__).parent.parent.parent / "docs" / "own-gpus.md").read_text()
BLOCKS = re.findall(r"^ *```(\w*)\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)


def blocks(kind):
    return [re.sub(r"(?m)^ {3}", "", text) for name, text in BLOCKS if name == kind]


@pytest.mark.parametrize(
    "line",
    [each for text in blocks("sh") for each in text.splitlines() if re.match(r"[A-Z_]+=", each)],
)
def test_each_setting_that_is_shown_can_be_used(line):
    name, _, value = line.partition("=")
    assert name.removeprefix("COMFYUI_").lower() in Settings.model_fields
    if name == "COMFYUI_URLS":
        assert addresses(value)
    elif name == "COMFYUI_HEADERS":
        assert addresses("gpu2=http://x", value)[0].headers["Authorization"] == "Bearer the-token"


def test_the_manifest_that_is_shown_has_every_entry_there_is():
    whole = max(blocks("toml"), key=len)
    manifest = manifest_of(whole)
    shown = set(manifest.model_fields_set)
    assert set(type(manifest).model_fields) - shown == {"note", "multiple", "prompt_max", "loras"}
    for name in type(manifest.inputs).model_fields:
        assert re.search(rf"\b{name}\b", whole), f"{name} is not explained"
    assert all(name in PAGE for name in SAVING)
    assert manifest.price.per_second > 0
    assert ANY


def test_each_setting_is_named():
    for name in Settings.model_fields:
        assert f"COMFYUI_{name.upper()}" in PAGE or name == "workflows"


async def test_from_nothing_to_the_doctor(media, tmp_path):
    """The commands of the page, in its order; the graph is one of ours."""
    (tmp_path / "video_ltx2_3_t2v.json").write_text(json.dumps(two_passes()))
    typed = [
        each for text in blocks("sh") for each in text.splitlines() if each.startswith("dailies")
    ]
    assert typed == [
        "dailies workflows import video_ltx2_3_t2v.json --name ltx",
        "dailies workflows check",
    ]
    async with gpus(media, tmp_path / "gpus", names=("gpu1",)) as servers:
        (tmp_path / ".env").write_text(f"COMFYUI_URLS=gpu1={servers['gpu1'].url}\n")

        def type_it(line):
            return dailies(*shlex.split(line)[1:], cwd=tmp_path)

        done = await asyncio.to_thread(type_it, typed[0])
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "workflows" / "ltx.toml").exists()
        assert "✓ ltx: workflows/ltx.json, workflows/ltx.toml" in done.stdout
        assert '  prompt: "s:2.value" (what leads to the positive side' in done.stdout
        assert "dailies workflows check" in done.stdout
        done = await asyncio.to_thread(type_it, typed[1])
        assert done.returncode == 1
        said = done.stdout.splitlines()
        shown = next(text for text in blocks("") if "✓ ComfyUI gpu1" in text).splitlines()
        assert said[0] == shown[0].strip()
        assert said[1].startswith("✗ ComfyUI gpu1, ltx: lacks the node ")
        assert said[1].partition(" → ")[2] == shown[1].partition(" → ")[2]
        done = await asyncio.to_thread(type_it, "dailies doctor")
        assert said[0] in done.stdout.splitlines()
