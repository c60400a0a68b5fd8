"""What a finished job takes on the disk, once the links of its provider have died.

Jobs live as they do in the product, some dozens at a time, so that rows grow and pages split as
they do there.
"""

import asyncio
import random
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from storage import Brief, Defaults, Job, Post, State, Store, Thread, links, open_store
from storage.opening import DATABASE
from tests.bench.history import NOW, SNOWFLAKE
from tests.bench.table import Row, text
from tests.rig.drafts import draft

JOBS = 3_000
AT_ONCE = 60
PEOPLE, SERVERS = 300, 20
FREE = Defaults(amount=None, budget=None, jobs_per_user=None, jobs_per_server=None, per_minute=None)
WORDS = ["red", "fox", "harbor", "storm", "lantern", "dancer", "engine", "glacier", "market"]


def ordered(number: int, chosen: random.Random) -> Job:
    """An order of some words, with numbers as Discord has them."""
    brief = Brief(
        prompt=f"a slow dolly shot of a {' '.join(chosen.choices(WORDS, k=6))}",
        resolution="1080p",
        aspect="16:9",
        duration=6,
        fps=24,
        seed=chosen.randrange(2**31),
        sound=True,
    )
    return draft(
        brief=brief,
        request=f"interaction:{SNOWFLAKE + number}",
        guild_id=SNOWFLAKE + number % SERVERS,
        channel_id=SNOWFLAKE + number % 100,
        user_id=SNOWFLAKE + number % PEOPLE,
        provider="ltx",
        model="ltx-2-pro",
        price=20,
        since=NOW,
        due_at=NOW,
    )


async def live(store: Store, number: int, chosen: random.Random) -> None:
    """Order, make and post one clip."""
    taken = await store.policy.admit(ordered(number, chosen), roles=())
    thread, message = SNOWFLAKE + number // 4, SNOWFLAKE + 10**9 + number
    job = await store.jobs.set_places(
        taken.job.id, thread_id=thread, card_channel_id=taken.job.channel_id, card_id=message - 1
    )

    async def move(to: State, **changes: object) -> Job:
        await asyncio.sleep(0.02 * chosen.random())
        return await store.jobs.save(job.to(to, now=NOW, due_at=NOW, **changes))

    job = await move(State.SUBMITTING, attempt=1, token=f"{chosen.randrange(2**128):032x}")
    job = await move(State.RENDERING, remote_id=f"{chosen.randrange(2**128):032x}")
    url = f"https://example.com/{chosen.randrange(2**512):0128x}/clip.mp4"
    job = await move(State.FETCHING, result_url=url, cost=0.36)
    job = await move(State.DELIVERING, file=f"takes/{job.id}.mp4", billed="yes")
    await store.takes.set_thread(
        Thread(id=thread, guild_id=job.guild_id, parent_id=job.channel_id, board_id=None), at=NOW
    )
    await store.takes.number(job, thread)
    await store.takes.posted(Post(message_id=message, channel_id=thread, job_id=job.id, at=NOW))
    await store.jobs.save(job.to(State.DONE, now=NOW, result_id=message))


async def measured(directory: Path, *, jobs: int) -> list[Row]:
    """How large the file is for each of so many *jobs*, and how large the log became."""
    chosen, now = random.Random(1), [float(NOW)]
    free = asyncio.Semaphore(AT_ONCE)
    async with open_store(
        directory, defaults=FREE, wall=lambda: now[0], ticks=lambda: now[0]
    ) as store:

        async def one(number: int) -> None:
            async with free:
                await live(store, number, chosen)

        await asyncio.gather(*(one(number) for number in range(jobs)))
        log = (directory / f"{DATABASE}-wal").stat().st_size
        now[0] += links.DIE + 2 * links.EACH
        while await store.privacy._tidy_is_due():
            await store.privacy.tidy()
    path = directory / DATABASE
    with closing(sqlite3.connect(path)) as db:
        [free, page] = db.execute(
            "SELECT freelist_count, page_size FROM pragma_freelist_count, pragma_page_size"
        ).fetchone()
        largest = db.execute(
            "SELECT name, sum(pgsize) FROM dbstat GROUP BY 1 ORDER BY 2 DESC LIMIT 6"
        ).fetchall()
    return [
        Row(
            name="bytes a finished job, after its links died",
            against="–",
            # What links leave when they die is written over by what comes next.
            figures=((path.stat().st_size - free * page) / jobs,),
            goal=1_100,
            at_least=False,
            unit=" B",
            digits=0,
            note=", ".join(f"{name} {size / jobs:,.0f}" for name, size in largest),
        ),
        Row(
            name="the log of writes after as many jobs",
            against="–",
            figures=(log / 2**20,),
            goal=16,
            at_least=False,
            unit=" MiB",
            digits=1,
        ),
    ]


def rows(*, jobs: int = JOBS) -> list[Row]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:
        return asyncio.run(measured(Path(directory), jobs=jobs))


def main() -> None:
    """Print the rows."""
    print(text(rows()), end="")
