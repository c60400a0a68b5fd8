"""One history of the bot's core on virtual time: people order, a moderator decides, everything
around fails as the dice say, the bot dies and comes back. Then all calms down, and the promises
are looked at.

A history is its seed: the same seed is the same history, to the last line of its trace.
"""

import asyncio
import contextlib
import json
import logging
import random
import shutil
import sqlite3
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import Busy, Refusal
from bot.events import Events
from bot.jobs.tracker import Tracker
from bot.jobs.worker import Worker
from bot.moderation.parked import Parked
from bot.orders.consent import Consent
from bot.orders.requester import Requester
from storage import ENDED, Brief, Defaults, DiskTrouble, State
from storage.clock import Clock, gaps, mark, note_gap
from storage.commits import Commits
from storage.opening import DATABASE, _open, _open_reader, migrations
from storage.schedule import Schedule
from storage.store import Store
from storage.writer import Writer
from tests.fire.simulated_edges import Disk, Edges, Screen, fronts
from tests.fire.simulated_promises import broken
from tests.fire.simulated_world import World
from tests.rig import virtual
from tests.rig.databases import fresh
from tests.rig.memory import write_to_memory
from tests.rig.studios import studio_of

ORDERS = 6  #: a history, some of them of several takes
CALM_LASTS = 14 * 86_400.0  #: seconds until whoever is not settled by then never will be
UNLIMITED = Defaults(
    per_minute=None, jobs_per_user=None, jobs_per_server=None, budget=None, amount=None
)


class Broken(Exception):
    """A promise that was not kept."""


@dataclass
class History:
    """What happened, and what it came to."""

    seed: str
    trace: list[str]
    jobs: int
    crashes: int
    faults: int
    broken: list[str]
    states: list[str] = field(default_factory=list)


class Life(Edges):
    """One process of the bot, from its start to its death or its stop."""

    def __init__(self, world, folder, *, lies=False):
        super().__init__(world)
        self.folder = folder
        self._open = contextlib.ExitStack()
        path = folder / DATABASE
        self.raw = self._opened(_open(path, migrations(), whole=False))
        schedule = Schedule()
        schedule.watch(self.raw)
        clock = Clock(mark(self.raw), wall=world.now, ticks=world.ticks, gaps=gaps(self.raw))
        self.writer = Writer(
            Disk(self, self.raw, writes=True),
            watch=Commits(clock=clock, schedule=schedule),
            readers=[Disk(self, self._opened(_open_reader(path)), writes=False)],
        )
        self.store = Store(self.writer, clock=clock, defaults=UNLIMITED, schedule=schedule)
        self.events = Events()
        self.providers = fronts(world, self, folder, lies=lies)
        self.tracker = Tracker(self.store, self.providers, self.events)
        self.studio = studio_of(
            self.store, self.providers, events=self.events, tracker=self.tracker, clock=clock.now
        )
        self.parked = Parked(self.studio, clock=clock.now)
        self.screen = Screen(self, self.placed, self.events.card_failed.emit)

        async def link(job, given):
            return given.url

        self.worker = Worker(
            self.store,
            self.providers,
            self.screen,
            tracker=self.tracker,
            events=self.events,
            data=folder,
            link=link,
            alternative=self.studio.quotes.alternative,
        )

    def _opened(self, raw):
        self._open.callback(raw.close)
        return raw

    async def run(self):
        with contextlib.suppress(DiskTrouble):
            await self.writer.write(lambda db: note_gap(db, self.store.clock))
        while True:
            try:
                return await self.worker.run()
            except DiskTrouble:  # at its start; a process manager starts it again
                self.die()
                await self.never()

    async def placed(self, job):
        with contextlib.suppress(DiskTrouble):
            await self.studio.placed(job, card_channel_id=2, card_id=10_000 + job.id, thread_id=3)

    async def does(self, work):
        """What *work* returns; None where the bot died over it."""
        task = asyncio.ensure_future(work)
        await asyncio.wait({task, self.died}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() and not task.cancelled() else None

    def close(self):
        self.dead = True
        self._open.close()


class Play:
    """People, a moderator, an operator, and one life of the bot after another."""

    def __init__(self, seed, folder, *, lies=False):
        self.world = World(seed)
        self.dice = self.world.dice
        self.folder, self.lies = folder, lies
        self.life = None
        self.born = asyncio.Event()
        self.accepted = {}  #: the job of each request that was said yes to
        self.takes = {}  #: how many each request asked for
        self._own = set()
        self._stop = asyncio.Event()

    def _spawn(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self._own.add(task)
        return task

    async def alive(self):
        while self.life is None or self.life.dead:
            self.born.clear()
            await self.born.wait()
        return self.life

    async def played(self):
        self._own.add(asyncio.current_task())
        people = [self._spawn(self._person(number)) for number in range(ORDERS)]
        others = [
            self._spawn(each)
            for each in (self._moderator(), self._operator(), self._time(), self._lives())
        ]
        for person in people:
            await person
        await asyncio.sleep(self.dice.uniform(0, 200))
        self.world.calm = True
        self.world.note("it is calm")
        until = self.world.now() + CALM_LASTS
        while not self._settled() and self.world.now() < until:
            for task in others:
                if task.done():
                    task.result()  # why: none of them ends by itself
            await asyncio.sleep(5)
        for task in (*people, *others):
            task.cancel()
        await self._ended(self.life)

    def _settled(self):
        if self.life is None or self.life.dead:
            return False
        rows = self.life.raw.execute("SELECT state, due_at FROM job").fetchall()
        return all(State(state) in ENDED and due is None for state, due in rows)

    async def _lives(self):
        while True:
            self.life = life = Life(self.world, self.folder, lies=self.lies)
            self.world.note("the bot starts")
            running = asyncio.ensure_future(life.run())
            self.born.set()
            stop = asyncio.ensure_future(self._stop.wait())
            await asyncio.wait({life.died, stop, running}, return_when=asyncio.FIRST_COMPLETED)
            if running.done() and not life.dead:
                running.result()
                raise Broken("The worker ended by itself.")
            if self._stop.is_set() and not life.dead:
                self._stop.clear()
                self.world.note("the bot is stopped")
                await asyncio.wait(
                    {asyncio.ensure_future(life.worker.stop()), life.died},
                    return_when=asyncio.FIRST_COMPLETED,
                )
            stop.cancel()
            await self._ended(life)
            if self.dice.random() < 0.5:  # it is down for a while
                self.world.asleep += self.dice.random() ** 3 * 7200

    async def _ended(self, life):
        """Nothing of *life* goes on: as after kill -9, it does nothing to the world any more."""
        life.die()
        while left := asyncio.all_tasks() - self._own:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=1)
        life.close()

    async def _time(self):
        """Where nothing happens, let the time pass at once: for programs, the machine slept."""
        while True:
            await asyncio.sleep(2 if self.world.calm else 7)
            life = self.life
            if life is None or life.dead or life.busy:
                continue
            due = min(life.store.schedule._due.values(), default=0.0)
            gap = due - life.store.clock.now()
            if gap > (3 if self.world.calm else 8):
                self.world.asleep += gap - 1

    # What people do.

    async def _person(self, number):
        await asyncio.sleep(self.dice.uniform(0, 60))
        takes = self.dice.choice([1, 1, 1, 2, 4])
        provider = self.dice.choice([None, None, "plain", "keyed", "quiet", "direct"])
        for click in range(3):
            request = f"interaction:{number}{click}"
            self.takes[request] = takes
            asked = [self._ask(number, request, takes, provider)]
            if self.dice.random() < 0.1:  # Discord sends the same again
                asked.append(self._ask(number, request, takes, provider))
            answers = await asyncio.gather(*map(self._spawn, asked))
            if any(answers):
                break
            await asyncio.sleep(self.dice.uniform(1, 30))
        if self.dice.random() < 0.15 and request in self.accepted:
            await asyncio.sleep(self.dice.uniform(0, 60))
            await self._cancel(number, self.accepted[request])

    def _requester(self, number, *, moderator=False):
        return Requester(guild_id=1, channel_id=2, user_id=100 + number % 3, moderator=moderator)

    async def _ask(self, number, request, takes, provider):
        life = await self.alive()

        async def order():
            await life.edge(f"{request} arrives")
            job, _ = await life.studio.order(
                Brief(prompt="a fox"), request=request, requester=self._requester(number),
                provider=provider, consent=Consent.to(1000), takes=takes,
            )  # fmt: skip
            return job

        try:
            job = await life.does(order())
        except (Refusal, Busy, DiskTrouble) as no:
            self.world.note(f"{request}: {no}")
            return False
        if job is None:
            return False
        self.accepted[request] = job.id
        self.world.note(f"{request} is job {job.id}")
        if not life.dead:
            life.screen.ensure_card(job)
        return True

    async def _cancel(self, number, job_id):
        life = await self.alive()
        try:
            await life.does(life.studio.cancel(job_id, requester=self._requester(number)))
        except (Refusal, DiskTrouble) as no:
            self.world.note(f"cancel of {job_id}: {no}")

    async def _moderator(self):
        """Decides what is parked, and has what was not posted posted again."""
        who = self._requester(0, moderator=True)
        while True:
            await asyncio.sleep(self.dice.uniform(5, 60))
            life = await self.alive()
            try:
                waiting = await life.does(life.parked.trouble(who))
                for job in waiting.jobs if waiting else ():
                    parked = life.parked
                    ways = [parked.retry, parked.close]
                    ways += [parked.look_again] * 2 if job.remote_id or job.file else []
                    await life.does(self.dice.choice(ways)(who, job.id))
                owed = await life.does(life.parked.undelivered(who))
                for job in owed[0] if owed and self.dice.random() < 0.3 else ():
                    await life.does(life.parked.post(who, job.id, here=False))
                await self._call_back(life)
            except (Refusal, DiskTrouble) as no:
                self.world.note(f"moderator: {no}")

    async def _call_back(self, life):
        """A company tells of one of its clips; or somebody does, who guesses."""
        [plain, *_] = self.world.companies
        if plain.tasks and self.dice.random() < 0.7:
            task = self.dice.choice(list(plain.tasks.values()))
            named = self.dice.choice([task.id, task.id, "plain-1", "nothing"])
            if named != task.id and (life.dead or not self._has(life, named)):
                # Only the company has the address that an attempt is told of at. Where it names a
                # clip that no job has, nobody but itself knows that it is another one's.
                named = "nothing"
            with contextlib.suppress(Busy, KeyError):  # it is answered with an error
                await life.does(life.worker.callbacks.hear(task.attempt, named.encode()))

    def _has(self, life, remote_id):
        """Whether a job's row names that clip."""
        found = life.raw.execute("SELECT 1 FROM job WHERE remote_id = ?", (remote_id,)).fetchone()
        return found is not None

    async def _operator(self):
        """Stops it now and then; it is started again."""
        while True:
            await asyncio.sleep(self.dice.uniform(20, 400))
            if not self.world.calm:
                self._stop.set()


def played(seed, *, lies=False):
    """The history of *seed*."""
    folder = Path(tempfile.mkdtemp(prefix="dailies-"))
    before = random.getstate()
    random.seed(seed)  # the product's own dice: its pauses
    logging.disable()  # of what the worker says of bugs of the world; the trace tells them
    try:

        async def main():
            play = Play(seed, fresh(folder), lies=lies)
            await play.played()
            return play

        play = virtual.run(main())
        with contextlib.closing(sqlite3.connect(folder / DATABASE)) as db:
            states = [state for (state,) in db.execute("SELECT state FROM job ORDER BY id")]
        return History(
            seed=seed,
            trace=play.world.trace,
            jobs=len(states),
            crashes=play.world.crashes,
            faults=play.world.faults.total(),
            broken=broken(play),
            states=states,
        )
    finally:
        logging.disable(logging.NOTSET)
        random.setstate(before)
        shutil.rmtree(folder)


def main(seed, lies):
    """Print a history: `python -m tests.fire.simulation SEED`."""
    write_to_memory()
    history = played(seed, lies=lies)
    print(json.dumps({"trace": history.trace, "broken": history.broken}))  # noqa: T201


if __name__ == "__main__":
    import sys

    main(sys.argv[1], lies="lies" in sys.argv[2:])
