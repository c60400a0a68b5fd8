"""Measures by how much the event loop is late: everything else is late by that much, too."""

import asyncio

from prometheus_client import Histogram

EVERY = 0.5  #: seconds between two looks


async def measure(lag: Histogram, *, every: float = EVERY) -> None:
    """Note in *lag*, for ever, by how many seconds a timer is late."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + every
        await asyncio.sleep(every)
        lag.observe(max(0.0, loop.time() - due))
