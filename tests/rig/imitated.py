"""A bot that is a client of the four imitated companies, in a playground of its own."""

import asyncio
import contextlib
import itertools
import socket
from urllib.parse import urlsplit

from playground import open_playground
from playground.people.person import PersonCannot
from playground.providers.simulated import simulated
from storage import State
from storage.jobs import requested
from tests.rig.house import HANGS, working

#: Far above anything a test orders: what is tried here is what providers do.
UNLIMITED = {
    "dailies_quota": 10**9,
    "dailies_budget": 10**9,
    "dailies_jobs_per_user": 1000,
    "dailies_jobs_per_server": 10_000,
    "dailies_orders_per_minute": 60_000,
}
PREFIXES = {"ltx": "LTX", "ltx2api": "LTX2API", "apixo": "APIXO", "pixazo": "PIXAZO"}


class Stage:
    """A playground, the bot in it, and the imitated companies it is a client of."""

    def __init__(self, playground, deployment, servers, media):
        self.playground = playground
        self.deployment = deployment
        self.store = deployment.store
        self.servers = servers  #: by the provider's name
        self.media = media
        self.people = [playground.person(name) for name in ("mira", "jonas", "ada")]
        self._turns = itertools.cycle(self.people)

    async def order(self, command, *, person=None, **options):
        """Type */video command*; the job that it became."""
        person = person or next(self._turns)
        asked = await person.type(f"/video {command}", **options)
        with contextlib.suppress(PersonCannot):  # a busy machine answers too late, and takes it
            await asked.answered
        # An order of more than a second is answered "thinking…" first.
        job = await self._job_of(asked)
        assert job is not None, asked.message and asked.message.text
        return job

    async def refused(self, command, **options):
        """Type */video command*, which must not become a job; the sentence why not."""
        asked = await self.people[0].type(f"/video {command}", **options)
        await asked.answered
        assert await self._job_of(asked, wait=False) is None
        assert asked.ephemeral
        return asked.message.text

    async def _job_of(self, asked, wait=True):
        request = f"interaction:{asked.id}"
        async with asyncio.timeout(HANGS):
            while True:
                job = await self.store.writer.read(lambda db: requested(db, request))
                if job is not None and (job.card_id is not None or not wait):
                    return job
                if asked.ephemeral or not wait:
                    return None
                await asyncio.sleep(0.05)

    async def job(self, id):
        return await self.store.jobs.get(id)

    async def settled(self, ids, *, timeout=HANGS):
        """The jobs once each has ended, or is on hold, and its person was told.

        The clock is turned whenever nothing is being done, by more and more.
        """
        ids, stride = frozenset(ids), 6.0
        async with asyncio.timeout(timeout):
            while True:
                jobs = [due for due in await self.store.jobs.live() if due.id in ids]
                if not jobs:
                    return {number: await self.job(number) for number in ids}
                stride = self._turn(jobs, stride)
                await asyncio.sleep(0.25)

    def _turn(self, jobs, stride):
        """Turn the clock to where something is to be done; the stride of the next time."""
        clock = self.playground.clock
        waits = [job.due_at - clock.now() for job in jobs]
        if any(wait > 0 for wait in waits):
            clock.advance(min(max(waits) + 0.01, 400))
        elif all(job.state is State.RENDERING for job in jobs):
            clock.advance(stride)  # until the provider is asked again, or given up
            return min(stride * 1.5, 600)
        return stride

    async def notice(self, job):
        """The message with which *job* ended, as its person sees it, without markdown's escapes."""
        person = next(each for each in self.people if each.id == job.user_id)
        message = person.message(job.result_id)
        assert message is not None, f"#{job.id} ended without a message"
        return message, message.text.replace("\\", "")

    def card(self, job):
        """The text of *job*'s card now."""
        person = next(each for each in self.people if each.id == job.user_id)
        return person.message(job.card_id, job.card_channel_id).text.replace("\\", "")


@contextlib.asynccontextmanager
async def imitated(
    media, data, *, only=tuple(PREFIXES), environ=None, render=None, public=False, **settings
):
    """A place with the companies *only*. *environ* are more settings of providers.

    *render* makes their clips instead of *media*. With *public*, they can call back.
    """
    if public:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        settings |= {"dailies_callback_port": port, "public_url": f"http://127.0.0.1:{port}"}
    async with contextlib.AsyncExitStack() as stack:
        paid = await stack.enter_async_context(simulated(render or media.render))
        playground = await stack.enter_async_context(
            open_playground(rate_limits=False, patient=True)
        )
        servers = {name: paid.servers[PREFIXES[name]] for name in only}
        prefixes = tuple(f"{PREFIXES[name]}_" for name in only)
        wanted = {name: value for name, value in paid.environ.items() if name.startswith(prefixes)}
        for name in only:
            wanted |= {f"{PREFIXES[name]}_PER_MINUTE": "10000"}
            wanted |= {f"{PREFIXES[name]}_CONCURRENCY": "1000"}
        deployment = await stack.enter_async_context(
            working(
                playground,
                data,
                environ={**wanted, **(environ or {})},
                loopback=paid.hosts | {urlsplit(playground.api_url).netloc},
                **{**UNLIMITED, **settings},
            )
        )
        yield Stage(playground, deployment, servers, media)
        for server in servers.values():
            assert server.complaints == [], "what was sent is not what the document says"
