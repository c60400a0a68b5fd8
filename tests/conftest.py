"""What more than one test file needs."""

from collections.abc import AsyncIterator

import pytest

from playground import Playground, open_playground


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    """A Discord on loopback, fresh for this test, with nothing connected to it."""
    async with open_playground() as running:
        yield running
