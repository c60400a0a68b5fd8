"""The fixtures of the page's tests: a browser, and a stage with the page and a bot."""

import subprocess
from collections.abc import AsyncIterator

import imageio_ffmpeg
import pytest
import pytest_asyncio

from playground import open_playground
from tests.rig.browsing import ARGUMENTS, CHROMIUM
from tests.rig.pagebot import PageBot
from tests.rig.stage import Stage, png
from tests.rig.toybot import connected


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> bytes:
    """One second of a test card with a tone, as H.264 and AAC."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    sources = ["-f", "lavfi", "-i", "testsrc=s=320x180:r=12:d=1", "-f", "lavfi", "-i", "sine=d=1"]
    coding = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"]
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run([ffmpeg, "-loglevel", "error", *sources, *coding, str(path)], check=True)
    return path.read_bytes()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[object]:
    from playwright import async_api

    async with async_api.async_playwright() as tool:
        running = await tool.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="module")
async def stage(clip, browser) -> AsyncIterator[Stage]:
    async with open_playground(patient=True) as playground:
        bot = PageBot(clip=clip, picture=png(64, 40))
        async with connected(playground, bot):
            yield Stage(playground, bot, browser)
