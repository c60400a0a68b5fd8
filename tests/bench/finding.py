"""A page of one's own clips and of a search, among 30,000 clips against among 1,000.

Both should cost the same: the figure that counts is the ratio. Each kind of page takes turns
among few and among many clips, and the median of each counts. `DAILIES_BENCH_CLIPS=1000000`
tries it among as many; it takes 8 minutes and 2 GB of the disk. A search of words that are common
and never stand together has a ceiling instead: it looks for `storage.finding.COST` seconds of
a core and a block of the index, and then says that there may be more.
"""

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import accumulate
from pathlib import Path
from statistics import median

from bot.orders.access import Access
from bot.orders.finding import STATES, Finding
from bot.orders.requester import Requester
from storage import Brief, Store, Wanted, open_store
from storage.database import Database
from storage.finding import COST
from storage.jobs import columns_of
from tests.bench.table import Row, text
from tests.rig.drafts import draft

FEW, MANY = 1_000, int(os.environ.get("DAILIES_BENCH_CLIPS", "30000"))
ROUNDS = 15
AT_ONCE = 10_000  #: clips that are written in one transaction
WORDS = [f"word{number}" for number in range(20_000)]
COMMON = list(accumulate(1 / rank for rank in range(1, len(WORDS) + 1)))  #: as words are used
LENGTH = 40  #: words of a prompt
OPEN, CLOSED, ME = 20, 21, 30
NO_HIT = "search, words that never stand together"
BLOCK = 8.0  #: milliseconds that the last block and the page itself may take beside the ceiling

ASKING = Requester(
    guild_id=10, channel_id=OPEN, user_id=ME, sees=lambda channel_id: channel_id == OPEN
)


async def fill(store: Store, count: int) -> None:
    """So many clips: half of them one's own, half of the others' in a channel one may not read.

    The first one alone has the word "first"; two words never stand together.
    """
    chosen = random.Random(1)  # the same clips each time
    names = [each for each in columns_of(draft(0)) if each != "id"]
    values = ", ".join(f":{each}" for each in names)
    sql = f"INSERT INTO job ({', '.join(names)}) VALUES ({values})"

    def row(number: int) -> dict[str, object]:
        words = [*chosen.choices(WORDS, cum_weights=COMMON, k=LENGTH)]
        words += ["odd" if number % 2 else "even", *(["first"] if number == 0 else [])]
        mine = number % 4 < 2
        channel_id = OPEN if mine or number % 4 == 2 else CLOSED
        brief = Brief(prompt=" ".join(words))
        return columns_of(
            draft(number, brief=brief, user_id=ME if mine else 31, channel_id=channel_id)
        )

    for begin in range(0, count, AT_ONCE):
        rows = [row(number) for number in range(begin, min(count, begin + AT_ONCE))]

        def write(db: Database, rows: list[dict[str, object]] = rows) -> None:
            db.executemany(sql, rows)

        await store.writer.write(write)


async def timed(page: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds until there is a page, or the sentence that there is none."""
    begun = time.perf_counter()
    try:
        await page()
    except Exception as no:  # noqa: BLE001  # a search without a hit ends in a sentence
        assert "No clip" in str(no), no
    return 1000 * (time.perf_counter() - begun)


def pages(store: Store, count: int) -> dict[str, Callable[[], Awaitable[object]]]:
    """What is asked for, by its name."""
    finding = Finding(store, Access(store))

    def searched(words: str, edge: int = 2**62) -> Callable[[], Awaitable[object]]:
        return lambda: finding.with_words(words, requester=ASKING, edge=edge)

    def mine(wanted: Wanted, edge: int = 2**62) -> Callable[[], Awaitable[object]]:
        return lambda: finding.mine(wanted, requester=ASKING, edge=edge)

    return {
        "mine": mine(Wanted()),
        "mine, far back": mine(Wanted(), count // 50),
        "mine in progress": mine(Wanted(states=STATES["in progress"])),
        "mine in a channel": mine(Wanted(channel_id=OPEN)),
        "search, common": searched("word0 word1"),
        "search, far back": searched("word0 word1", count // 2),
        "search, the oldest": searched("first"),
        NO_HIT: searched("odd even"),
    }


async def measured(directory: Path, *, few: int, many: int) -> list[Row]:
    """Each kind of page in turn, among few and among many."""
    found = []
    async with open_store(directory / "few") as small, open_store(directory / "many") as large:
        await fill(small, few)
        await fill(large, many)
        before, after = pages(small, few), pages(large, many)
        for name in before:
            took = [(await timed(before[name]), await timed(after[name])) for _ in range(ROUNDS)]
            sides = [median(side) for side in zip(*took, strict=True)]
            if name == NO_HIT:
                found.append(
                    Row(
                        name=f"a page of clips ({name}), {many:,} clips",
                        against="–",
                        figures=tuple(large for _, large in took),
                        goal=1000 * COST + BLOCK,
                        at_least=False,
                        unit=" ms",
                        digits=1,
                        note="a ceiling, however many clips there are",
                    )
                )
                continue
            found.append(
                Row(
                    name=f"a page of clips ({name}), {many:,} clips",
                    against=f"{few:,} clips",
                    figures=(sides[1] / sides[0],),
                    goal=3,
                    at_least=False,
                    note=f"{sides[1]:.1f} against {sides[0]:.1f} ms",
                )
            )
    return found


def rows(*, few: int = FEW, many: int = MANY) -> list[Row]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as directory:  # /tmp may be memory
        return asyncio.run(measured(Path(directory), few=few, many=many))


def main() -> None:
    """Print the rows."""
    print(text(rows()), end="")
