"""One ComfyUI server, two of them, and two that sample for a second."""

import asyncio

import pytest

from bot.providers import Stage
from tests.rig.gpus import fleet


@pytest.fixture
async def two(media, tmp_path):
    async with fleet(media, tmp_path) as found:
        yield found


@pytest.fixture
async def one(media, tmp_path):
    async with fleet(media, tmp_path, names=("gpu1",)) as found:
        yield found


@pytest.fixture
async def slow(media, tmp_path):
    """Servers that sample for a second."""
    async with fleet(media, tmp_path, pace=0.8) as found:
        yield found


def hold(fleet):
    """Let the first clip sample until it is stopped: whoever looks for it finds it."""
    held = []

    def decide(prompt):
        prompt.stalled = not held
        held.append(prompt)

    for server in fleet.servers.values():
        server.decide = decide


async def running(fleet, order, remote_id):
    """Until its server works at it."""
    async with asyncio.timeout(30):
        while (await fleet.provider.poll(order, remote_id)).stage is not Stage.RUNNING:
            await asyncio.sleep(0.02)
