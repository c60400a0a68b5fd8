"""The playground under test keeps Discord's own pace."""

from collections.abc import AsyncIterator

import pytest

from playground import Playground, open_playground


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    """A Discord on loopback with rate limits as long as the real one's."""
    async with open_playground() as running:
        yield running
