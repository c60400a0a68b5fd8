"""Many people type `/video text` at once: what it costs to acknowledge them, and who is too late.

The bot is a process of its own, so only its CPU time counts. It is compared with a discord.py bot
that answers "ok" over an equal playground. An interaction is acknowledged when its answer was
handed to the system; Discord wants that within 3 seconds.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from statistics import median

from playground import Person, Playground, open_playground
from tests.bench.acknowledging import COMMAND, Bot, acknowledging
from tests.bench.damming import Dam, damming
from tests.bench.table import Row, text

BARE = 'a bare discord.py bot that answers "ok"'
WITHIN = 3.0  #: seconds that Discord waits
SENDING = 1.0  #: seconds in which the playground has told the dam of thousands
EACH = 50  #: interactions of one person, where there are thousands
PATIENCE = 2 * WITHIN  #: seconds until nobody waits for answers that are too late anyhow


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """What became of interactions that came at once."""

    ids: tuple[int, ...]
    began: float  #: of `time.monotonic`
    cpu: float  #: seconds that the bot had used then
    bot: Bot

    @property
    def took(self) -> list[float]:
        """Seconds until each was acknowledged, sorted; those that never were are left out."""
        sent = self.bot.notes.sent
        return sorted(sent[each] - self.began for each in self.ids if each in sent)

    @property
    def cost(self) -> float:
        """Milliseconds of CPU until Discord had taken the last answer, for each."""
        taken = [self.bot.notes.taken[each] for each in self.ids if each in self.bot.notes.taken]
        return 1000 * (max(taken) - self.cpu) / len(taken)

    @property
    def lags(self) -> list[float]:
        """Milliseconds that the loop was late until the last was acknowledged."""
        end = self.began + self.took[-1]
        return [1000 * late for at, late in self.bot.notes.lags if self.began <= at <= end + late]

    @property
    def in_time(self) -> int:
        """How many were acknowledged as soon as Discord wants it."""
        return sum(each <= WITHIN for each in self.took)


async def burst(
    playground: Playground, bot: Bot, people: Sequence[Person], each: int, dam: Dam | None = None
) -> Burst:
    """Each of *people* types it so many times, all at once; until all are acknowledged, or it is
    long too late for them. With a *dam*, the bot is told of all of them in one moment."""
    # The playground's clock stands: who is late is counted here, and all are let through.
    with playground.clock.stopped():
        if dam is not None:
            await dam.hold()
        asked = [
            await person.type(COMMAND, prompt=f"a red fox {number}")
            for number in range(each)
            for person in people
        ]
        cpu, began = bot.cpu, time.monotonic()  # nothing was sent before the first real wait
        if dam is not None:
            await asyncio.sleep(SENDING)
            cpu, began = bot.cpu, await dam.release()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                for one in asked:
                    await one.answered
    return Burst(ids=tuple(one.id for one in asked), began=began, cpu=cpu, bot=bot)


async def fifty(*, people: int, turns: int) -> list[Row]:
    """So many people at once; the bots take turns."""
    found: list[tuple[Burst, Burst]] = []
    async with AsyncExitStack() as stack:
        sides = []
        for kind in ("ours", "bare"):
            playground = await stack.enter_async_context(open_playground(rate_limits=False))
            bot = await stack.enter_async_context(acknowledging(kind, playground))
            crowd = [playground.add_person(f"person{number}") for number in range(people)]
            sides.append((playground, bot, crowd))
        for turn in range(1 + turns):
            pair = []
            for playground, bot, crowd in sides:
                pair.append(await burst(playground, bot, crowd, 1))
                await bot.settled()
            if turn:  # the first one loads what a first command needs
                found.append((pair[0], pair[1]))
    costs = [median(each.cost for each in side) for side in zip(*found, strict=True)]
    slow = [
        [_p99(each.lags) for each in side if each.lags] or [0.0]
        for side in zip(*found, strict=True)
    ]
    waits = [median(each.took[-1] for each in side) for side in zip(*found, strict=True)]
    name = f"{people} people at once"
    return [
        Row(
            name=f"{name}, CPU to acknowledge a {COMMAND}",
            against=BARE,
            figures=tuple(one.cost / other.cost for one, other in found),
            goal=2,
            at_least=False,
            note=f"CPU {costs[0]:.1f} against {costs[1]:.1f} ms; the last after "
            f"{waits[0]:.2f} against {waits[1]:.2f} s",
        ),
        Row(
            name=f"{name}: lag of the loop, p99",
            against="–",
            figures=tuple(slow[0]),
            goal=15,
            at_least=False,
            unit=" ms",
            digits=1,
            note=f"{median(slow[1]):.1f} ms of the bare bot's",
        ),
    ]


def _p99(lags: list[float]) -> float:
    return sorted(lags)[int(0.99 * len(lags))]


async def thousands(*, count: int, turns: int) -> list[Row]:
    """So many interactions at once; each bot begins anew for each."""
    found: dict[str, list[Burst]] = {"ours": [], "bare": [], "wire": []}
    for _ in range(turns):
        for kind, bursts in found.items():
            async with open_playground(rate_limits=False) as playground:
                crowd = [
                    playground.add_person(f"person{each}") for each in range(-(-count // EACH))
                ]
                async with (
                    damming(playground.gateway_url) as dam,
                    acknowledging(kind, playground, dam.url) as bot,
                ):
                    await burst(playground, bot, crowd[:1], 1)  # what a first command needs
                    await bot.settled()
                    bursts.append(await burst(playground, bot, crowd, min(count, EACH), dam))
    said = {
        kind: f"{median(each.in_time for each in bursts):,.0f}, "
        f"CPU {median(each.cost for each in bursts):.1f} ms each"
        for kind, bursts in found.items()
    }
    return [
        Row(
            name=f"{count:,} {COMMAND} at once: acknowledged within {WITHIN:.0f} s",
            against="all",
            figures=tuple(100 * each.in_time / len(each.ids) for each in found["ours"]),
            goal=100,
            unit=" %",
            digits=0,
            note=f"{said['ours']}; {BARE}: {said['bare']}; ready-made answers, so what the "
            f"playground can do: {said['wire']}",
        )
    ]


def rows(*, people: int = 50, turns: int = 3, count: int = 3_000, rounds: int = 1) -> list[Row]:
    """The rows of the table."""
    return [
        *asyncio.run(fifty(people=people, turns=turns)),
        *asyncio.run(thousands(count=count, turns=rounds)),
    ]


def main() -> None:
    """Print the rows."""
    print(text(rows()), end="")
