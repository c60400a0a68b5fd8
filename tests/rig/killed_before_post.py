"""A process that dies between the commit of a job's last move and the POST that tells of it.

Arguments: the data directory, and the receiver's name in the database.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from storage import State, open_store
from tests.rig.drafts import advance, draft


async def main():
    async with open_store(Path(sys.argv[1])) as store:
        await store.outbox.set_receivers({sys.argv[2]}, prompts=True)
        job, _ = await store.jobs.add(draft())
        await advance(store.jobs, job, State.SUBMITTING, State.FAILED)
        os.kill(os.getpid(), signal.SIGKILL)


asyncio.run(main())
