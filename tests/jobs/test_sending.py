"""An order that was never sent is never unclear: killed while it waits, it is simply sent later."""

import asyncio
import contextlib
import socket

import pytest

from bot.events import Events
from bot.jobs.tracker import Tracker
from bot.jobs.worker import Worker
from bot.providers import Connection, apixo, ltx
from playground.providers._server import Answer
from playground.providers.apixo import ApixoServer
from playground.providers.ltx import LtxServer
from storage import Admitted, Brief, Defaults, DiskTrouble, Input, Mode, State, open_store
from tests.rig.databases import fresh
from tests.rig.doubles import Clock, Presenter
from tests.rig.drafts import draft
from tests.rig.house import until

TEXT = Brief(mode=Mode.TEXT, prompt="a fox", resolution="1080p", aspect="16:9", fps=24, duration=6)
#: Where a job may be when its process dies, before its order is on its way.
WAITS = ("slot", "rate", "upload's link", "upload", "link", "connection")


class Rig:
    """A store, imitated companies, and one process of the worker after another."""

    def __init__(self, store, data, media, clock):
        self.store, self.data, self.media, self.clock = store, data, media, clock
        self.gate = asyncio.Event()  #: what a link waits for
        self.linking = 0

    def image(self, server):
        """A brief that begins with a picture, which has to reach *server* first."""
        file = "inputs/picture.png"
        (self.data / "inputs").mkdir(exist_ok=True)
        (self.data / file).write_bytes(self.media.picture.read_bytes())
        size = self.media.picture.stat().st_size
        given = Input(file=file, type="image/png", size=size, width=192, height=108)
        if isinstance(server, LtxServer):
            return TEXT.but(mode=Mode.IMAGE, image=given)
        return Brief(mode=Mode.IMAGE, prompt="a fox", resolution="720p", duration=10, image=given)

    async def order(self, number, provider, model, brief):
        now = self.store.clock.now()
        times = {"created_at": now, "since": now, "due_at": now}
        wanted = draft(number, provider=provider, model=model, brief=brief, price=0, **times)
        asked = await self.store.policy.admit(wanted, roles=())
        assert isinstance(asked, Admitted)
        # Its card stands.
        return await self.store.jobs.set_places(asked.job.id, card_channel_id=20, card_id=number)

    async def _link(self, job, given):
        self.linking += 1
        await self.gate.wait()
        return "https://clips.example.com/picture.png"

    @contextlib.asynccontextmanager
    async def process(self, *providers):
        """A worker with these providers; at the end it is gone from one moment to the next."""
        known, events = {each.name: each for each in providers}, Events()
        worker = Worker(
            self.store,
            known,
            Presenter(),
            tracker=Tracker(self.store, known, events),
            events=events,
            data=self.data,
            link=self._link,
        )
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            for each in (task, *worker._tasks):
                each.cancel()
            await asyncio.wait({task, *worker._tasks})
            for each in providers:
                await each.close()

    async def states(self):
        return {job.state for job in await self.store.jobs.newest()}


@pytest.fixture
async def rig(tmp_path, media):
    unlimited = Defaults(per_minute=None, jobs_per_user=None, budget=None, amount=None)
    clock = Clock()
    async with open_store(fresh(tmp_path), defaults=unlimited, wall=clock, ticks=clock) as store:
        yield Rig(store, tmp_path, media, clock)


def client(module, server, tmp_path, *, url=None, **environ):
    prefix = module.TITLE.upper()
    given = {"API_KEY": server.key, "BASE_URL": url or server.url, "PER_MINUTE": "6000"}
    provider = module.connect(
        Connection(
            data=tmp_path,
            environ={f"{prefix}_{name}": value for name, value in {**given, **environ}.items()},
            loopback=frozenset({(url or server.url).removeprefix("http://")}),
        )
    )
    assert provider is not None
    return provider


@contextlib.contextmanager
def deaf():
    """A port where no connection is ever established: its line is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("wait", WAITS)
async def test_what_waited_when_the_process_died_is_sent_once_and_never_unclear(
    rig, tmp_path, wait
):
    module, made = (apixo, ApixoServer) if wait == "link" else (ltx, LtxServer)
    model = "ltx-2-19b" if wait == "link" else "ltx-2-3-fast"
    async with made(rig.media.render, key="sekret-key-123") as server:
        with deaf() as nowhere:
            options = {
                "slot": {"CONCURRENCY": "1"},
                "rate": {"PER_MINUTE": "1"},
                "connection": {"url": nowhere},
            }.get(wait, {})
            held = asyncio.Event()
            if wait == "upload's link":
                server.script("upload", *[Answer(gate=held)] * 2)
            elif wait == "upload":
                server.script("put", *[Answer(gate=held)] * 2)
            sends = 1 if wait in {"slot", "rate"} else 0  # the first of them takes it
            brief = TEXT if wait in {"slot", "rate", "connection"} else rig.image(server)
            name = module.__name__.rpartition(".")[2]
            jobs = [await rig.order(number, name, model, brief) for number in (1, 2)]
            async with rig.process(client(module, server, tmp_path, **options)):
                # Each is as far as it can come.
                await until(lambda: len(server.jobs) >= sends)
                if wait.startswith("upload"):
                    route = "put" if wait == "upload" else "upload"
                    await until(lambda: [each.route for each in server.seen].count(route) == 2)
                if wait == "link":
                    await until(lambda: rig.linking == 2)
                await asyncio.sleep(0.3)
            states = [(await rig.store.jobs.get(job.id)).state for job in jobs]
            waiting = [
                job for job, state in zip(jobs, states, strict=True) if state is State.QUEUED
            ]
            assert len(waiting) == len(jobs) - sends, states
            for job in waiting:
                assert (await rig.store.jobs.get(job.id)).attempt == 0, "no attempt was made"
            held.set()
        rig.gate.set()
        rig.clock.advance(120)  # past whatever they were told to wait
        async with rig.process(client(module, server, tmp_path)):
            await until(lambda: len(server.jobs) >= len(jobs))
            await asyncio.sleep(0.3)
        assert len(server.jobs) == len(jobs), "each was ordered once"
        assert State.UNCLEAR not in await rig.states()


async def test_what_had_left_when_the_process_died_is_unclear(rig, tmp_path):
    """The other side: had the order been on its way, nobody could know."""
    async with LtxServer(rig.media.render, key="sekret-key-123") as server:
        held = asyncio.Event()
        server.script("submit", Answer(gate=held, carried_out=True))
        await rig.order(1, "ltx", "ltx-2-3-fast", TEXT)
        async with rig.process(client(ltx, server, tmp_path)):
            await until(lambda: server.jobs)
        held.set()
        async with rig.process(client(ltx, server, tmp_path)):
            await until(lambda: rig.states())
            await asyncio.sleep(0.3)
        assert await rig.states() == {State.UNCLEAR}
        assert len(server.jobs) == 1


async def test_a_clip_that_is_cancelled_while_its_input_is_sent_is_never_ordered(rig, tmp_path):
    async with LtxServer(rig.media.render, key="sekret-key-123") as server:
        held = asyncio.Event()
        server.script("put", Answer(gate=held))
        job = await rig.order(1, "ltx", "ltx-2-3-fast", rig.image(server))
        async with rig.process(client(ltx, server, tmp_path)):
            await until(lambda: any(each.route == "put" for each in server.seen))
            row = await rig.store.jobs.get(job.id)
            await rig.store.jobs.save(
                row.to(State.CANCELLED, now=rig.store.clock.now(), cancelled_by=30)
            )
            held.set()
            await asyncio.sleep(0.5)
        assert await rig.states() == {State.CANCELLED}
        assert server.jobs == {}


async def test_an_intention_that_cannot_be_written_down_is_not_sent(rig, tmp_path):
    class Full:
        """A disk that takes no intention, under the real jobs."""

        def __init__(self, jobs):
            self._jobs, self.full = jobs, True

        def __getattr__(self, name):
            return getattr(self._jobs, name)

        async def save(self, job, why="", **options):
            if self.full and job.state is State.SUBMITTING:
                self.tried = True
                raise DiskTrouble("The disk is full, so nothing was saved.")
            return await self._jobs.save(job, why, **options)

    rig.store.jobs = Full(rig.store.jobs)
    async with LtxServer(rig.media.render, key="sekret-key-123") as server:
        await rig.order(1, "ltx", "ltx-2-3-fast", TEXT)
        async with rig.process(client(ltx, server, tmp_path)):
            await until(lambda: getattr(rig.store.jobs, "tried", False))
            await asyncio.sleep(0.3)
        assert await rig.states() == {State.QUEUED}
        assert server.seen == []
        rig.store.jobs.full = False
        rig.clock.advance(60)
        async with rig.process(client(ltx, server, tmp_path)):
            await until(lambda: server.jobs)
