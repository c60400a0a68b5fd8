"""docs/own-gpus.md was followed, word by word: what it shows is what is there."""

import asyncio
import json
import re
import shlex
from base64 import b64encode
from pathlib import Path

import pytest

from bot.catalog.model import ANY
from bot.providers._comfyui.addresses import addresses
from bot.providers._comfyui.manifest import manifest_of
from bot.providers._comfyui.workflow import SAVING
from bot.providers.comfyui import Settings
from playground.providers.simulated import WORKFLOWS
from tests.app.test_cli import dailies
from tests.app.test_workflows_command import two_passes
from tests.e2e.test_kill import exactly_one_clip, order, run
from tests.rig.gpus import SMALL, gpus, over_https

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


async def test_two_gpus_one_behind_a_password_and_a_lora_to_the_first_clip(
    playground, media, tmp_path
):
    """The rest of the page, as it is typed: the second server has the LoRA, and is reached through
    a proxy with a name, a password and a certificate of its own."""
    (tmp_path / "export.json").write_text((WORKFLOWS / "ltx-text.json").read_text())
    certificate = Path(__file__).parent.parent / "rig" / "tls" / "loopback.pem"
    (tmp_path / "cert.pem").write_text(certificate.read_text().partition("-----BEGIN PRIVATE")[0])
    async with (
        gpus(media, tmp_path / "gpus") as servers,
        over_https(servers["gpu2"], certificate) as url,
    ):
        servers["gpu2"].vices.password = f"Basic {b64encode(b'dailies:the-password').decode()}"
        servers["gpu1"].models["loras"].clear()
        secret = url.replace("//", "//dailies:the-password@")
        environ = {
            "COMFYUI_URLS": f"gpu1={servers['gpu1'].url},gpu2={secret}",
            "COMFYUI_CA_FILE": "cert.pem",
        }
        lines = [f"{name}={value}" for name, value in environ.items()]
        (tmp_path / ".env").write_text("\n".join(lines))

        async def type_it(*words):
            return await asyncio.to_thread(dailies, *words, cwd=tmp_path)

        done = await type_it("workflows", "import", "export.json", "--name", "ltx")
        assert done.returncode == 0, done.stderr
        manifest = tmp_path / "workflows" / "ltx.toml"
        manifest.write_text(re.sub(r"(?m)^sizes = .*$", SMALL, manifest.read_text()))
        done = await type_it("workflows", "check")
        assert done.returncode == 0, done.stdout
        for name in servers:
            assert f"✓ ComfyUI {name}, ltx: can be made there" in done.stdout
        assert "the-password" not in done.stdout + done.stderr
        mira, log = playground.person("mira"), tmp_path / "log"
        environ |= {
            "COMFYUI_CA_FILE": str(tmp_path / "cert.pem"),
            "COMFYUI_WORKFLOWS": str(manifest.parent),
        }
        async with run(playground, tmp_path / "data", log, **environ):
            given = {"model": "ltx", "duration": 2, "loras": "claymation@0.8"}
            await order(playground, mira, provider="comfyui", **given)
            await exactly_one_clip(playground, mira, log)
            assert any("free" in message.text for message in mira.everything())
        assert servers["gpu1"].runs == []
        [prompt] = servers["gpu2"].runs
        assert "claymation.safetensors" in json.dumps(prompt.graph)
        assert "the-password" not in log.read_text()
