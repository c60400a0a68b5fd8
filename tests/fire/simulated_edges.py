"""The edges at which one life of the bot meets the simulated world: its disk, its companies and its
screen. At each the dice may kill the bot, let it wait, or have something fail: before its work,
after it, or with the reply lost."""

import asyncio
import errno
import sqlite3
from dataclasses import replace
from datetime import date
from decimal import Decimal

from bot.catalog.model import Price
from bot.errors import Busy, Failure, Refusal, Unclear
from bot.jobs.presenter import Undeliverable
from bot.providers import Limits, Receipt, Report, Stage
from tests.rig.doubles import model

DEADLY = 0.004  #: of the edges, those at which the bot dies
PRICE = Price(per_second={"*": Decimal("0.01")}, dated=date(2026, 1, 1), source="the simulation")
MODELS = (model(price=PRICE),)
LIMITS = Limits(
    concurrency=2,
    per_minute=600,
    first_poll=5,
    poll_every=20,
    max_runtime=300,
    keeps_for=1800,
    source="the simulation",
)


class Edges:
    """Where one life of the bot meets the world. A dead bot meets it no more."""

    def __init__(self, world):
        self.world = world
        self.dead = False
        self.died = asyncio.get_running_loop().create_future()
        self.busy = 0  #: edges at which something is awaited

    async def edge(self, where, *, slow=0.3):
        """Wait at *where*; for ever, if the bot dies there."""
        world = self.world
        if self.dead:
            await self.never()
        if not world.calm and world.dice.random() < DEADLY:
            world.crashes += 1
            world.note(f"the bot dies: {where}")
            self.die()
            await self.never()
        pause = world.dice.random() ** 4 * 40 if world.dice.random() < slow else 0.0
        self.busy += 1
        try:
            await asyncio.sleep(pause)
        finally:
            self.busy -= 1
        if self.dead:
            await self.never()
        world.note(where)

    def die(self):
        self.dead = True
        if not self.died.done():
            self.died.set_result(None)

    async def never(self):
        await asyncio.get_running_loop().create_future()


class Disk:
    """A connection to the database, on the loop itself: a commit is one instant, and the bot may
    die before it, or after it and before it hears of it."""

    def __init__(self, edges, raw, *, writes):
        self._edges, self._raw, self._writes = edges, raw, writes

    async def run(self, fn):
        if self._writes:
            await self._edges.edge("commit", slow=0.05)
            if fault := self._edges.world.fault("SQLITE_FULL", "SQLITE_IOERR", share=0.004):
                error = sqlite3.OperationalError("the disk of the simulation")
                error.sqlite_errorcode = getattr(sqlite3, fault)
                raise error
        elif self._edges.dead:
            await self._edges.never()
        done = fn(self._raw)
        await (self._edges.edge("committed", slow=0.05) if self._writes else asyncio.sleep(0))
        return done


class Front:
    """A company as one life of the bot knows it."""

    limits = LIMITS
    models = MODELS
    healthy = True

    def __init__(self, company, edges, data):
        self.company, self.edges, self.data = company, edges, data
        self.name, self.title = company.name, company.name.capitalize()
        self.idempotent, self.cancels = company.keyed, company.cancels

    async def submit(self, order):
        world, name = self.edges.world, self.name
        await self.edges.edge(f"{name}: job {order.job} is to be sent")
        if order.again:
            return await self._again(order)
        match world.fault("no connection", "no", "not now", "lost before", "lost after", "bug"):
            case "no connection":
                raise Busy("It cannot be reached.")
            case fault:
                await order.sending()
        await self.edges.edge(f"{name}: job {order.job} leaves")
        match fault:
            case "no":
                failure = world.dice.choice([Failure.CONTENT, Failure.CREDIT, Failure.KEY])
                raise Refusal("It will not.", failure=failure)
            case "not now":
                after = world.dice.choice([None, 5.0, 60.0])
                raise Busy("Not now.", answered=True, failure=Failure.RATE, retry_after=after)
            case "lost before":
                raise Unclear("Its answer was lost.")
        task = self.company.take(order)
        await self.edges.edge(f"{name}: {task.id} is answered")
        match fault:
            case "lost after":
                raise Unclear("Its answer was lost.")
            case "bug":
                raise ValueError("an answer that nobody thought of")
        if self.company.direct:
            file = self.data / f"{task.id}.part"
            file.write_text(task.id)
            return Receipt(file=file)
        return Receipt(remote_id=task.id)

    async def _again(self, order):
        """Send an attempt again that may have arrived: what it cannot tell, it says."""
        fault = self.edges.world.fault("lost before", "lost after")
        if fault == "lost before":
            raise Unclear("It cannot be reached.")
        task = self.company.take(order)
        await self.edges.edge(f"{self.name}: {task.id} is answered")
        if fault == "lost after":
            raise Unclear("Its answer was lost.")
        return Receipt(remote_id=task.id)

    async def poll(self, order, remote_id):
        await self.edges.edge(f"{self.name}: asked about {remote_id}")
        match self.edges.world.fault("busy", "no reply", "bug"):
            case "busy":
                raise Busy("Later.", retry_after=self.edges.world.dice.choice([None, 1.0, 90.0]))
            case "no reply":
                raise Unclear("No answer.")
            case "bug":
                raise KeyError("status")
        task = self.company.tasks.get(remote_id)
        if task is None or task.fate == "lost" or task.stopped:
            raise Refusal("It knows no such clip.", failure=Failure.LOST, billed=None)
        if task.fate == "never" or self.edges.world.now() < task.ready_at:
            return Report(stage=Stage.RUNNING)
        if task.fate in ("failed", "billed"):
            billed = task.fate == "billed"
            raise Refusal("It failed.", failure=Failure.REFUSED, billed=billed)
        return Report(stage=Stage.READY, url=f"https://x.test/{remote_id}")

    async def fetch(self, order, remote_id, url, to):
        await self.edges.edge(f"{self.name}: job {order.job} is fetched")
        name = remote_id or url.rpartition("/")[2]
        match self.edges.world.fault("half", "busy", "no clip", "no room"):
            case "half":
                to.write_text(name[:2])
                raise Unclear("It broke off.")
            case "busy":
                raise Busy("Later.")
            case "no clip":
                raise Refusal("That is no clip.", failure=Failure.BAD_RESULT)
            case "no room":
                raise OSError(errno.ENOSPC, "no room")
        to.write_text(name)
        await self.edges.edge(f"{self.name}: job {order.job} is here")

    async def cancel(self, order, remote_id):
        await self.edges.edge(f"{self.name}: {remote_id} is to be stopped")
        if self.edges.world.fault("busy"):
            raise Busy("Later.")
        self.company.tasks[remote_id].stopped = True

    async def close(self):
        pass


class Announcing(Front):
    """Says when an order leaves, and can be told of by a callback."""

    announces = True

    def callback(self, body):
        return body.decode()


class Screen:
    """A presenter on the world's Discord."""

    def __init__(self, edges, placed, without_card):
        self.edges, self.discord = edges, edges.world.discord
        self._placed, self._without_card = placed, without_card
        self._tasks = set()

    def show(self, job, glimpse):
        pass

    def ensure_card(self, job):
        task = asyncio.get_running_loop().create_task(self._card(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _card(self, job):
        await self.edges.edge(f"card of job {job.id}")
        if self.edges.world.fault("no card"):
            self._without_card(job)
        else:
            await self._placed(job)

    async def deliver(self, job, clip, *, again):
        return await self._post(("clip", job.id), again, clip.read_text())

    async def deliver_batch(self, jobs, sheet, *, again):
        return await self._post(("batch", sheet.batch, sheet.takes), again)

    async def tell(self, job, *, again):
        return await self._post(("end", job.id, str(job.state), job.since), again)

    async def _post(self, about, again, carries=None):
        await self.edges.edge(f"to be posted: {about}")
        match fault := self.edges.world.fault("busy", "nowhere", "rejected", "lost after", "bug"):
            case "busy":
                raise Busy("Later.")
            case "nowhere":
                raise Undeliverable("There is no channel.")
            case "rejected":
                raise Undeliverable("It does not take it.", rejected=True)
        if again and (found := self.discord.find(about)) is not None:
            return found
        message = self.discord.post(about, carries)
        await self.edges.edge(f"was posted: {about}")
        match fault:
            case "lost after":
                raise Busy("Its answer was lost.")
            case "bug":
                raise RuntimeError("an answer that nobody thought of")
        return message


def fronts(world, edges, data, *, lies=False):
    """What one life of the bot has for providers. With *lies*, two say of themselves that the same
    attempt is one clip, and make two: a bug that the simulation must find."""
    made = {}
    for company in world.companies:
        front = (Announcing if company.announces else Front)(company, edges, data)
        front.idempotent |= lies and not company.announces
        front.limits = replace(front.limits, concurrency=2 + len(made))
        made[company.name] = front
    return made
