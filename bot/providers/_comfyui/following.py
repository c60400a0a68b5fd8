"""What becomes of a clip that a server has: how far it is, what it lost, how it is stopped."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bot.catalog.model import pixels
from bot.errors import Busy, Failure, Refusal, Unclear
from bot.machine_trouble import trouble_of
from bot.media.decode import decode
from bot.media.probe import MediaError, sniff
from bot.providers import Order, Receipt, Report, Stage
from storage import Brief

from .downloads import Downloads
from .failures import Kind, ended
from .fill import seconds_of
from .measured import Measured
from .outputs import Output, by_name, clip_of
from .placing import Placing, named
from .progress import Watch
from .server import DEAD, LONG_REST, Server
from .workflow import Workflow

__all__ = ["Following"]

log = logging.getLogger(__name__)

GONE = 10.0  #: seconds between two answers that a job is not known, before it counts as lost
STOPPING_AGAIN = 2.0  #: seconds until a server that is stopping a clip is asked again
STOPPED = 120.0  #: seconds that a server is waited for which does not answer when it is to stop
STUCK = 600.0  #: seconds at work without a sign, after which the operator is told
MEMORY = 2  #: clips in a row that did not fit into a server's memory, before it rests
_KINDS = frozenset({"video/mp4", "video/quicktime", "video/webm", "video/x-matroska"})


class Following:
    """Asks servers about the clips they have. Nothing that it remembers has to outlive a restart.

    *downloads* are the clips that it finished; times are seconds of *clock*, *wall* is Unix time.
    """

    def __init__(
        self,
        servers: Mapping[str, Server],
        workflows: Mapping[str, Workflow],
        placing: Placing,
        measured: Measured,
        *,
        downloads: Downloads,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._servers = servers
        self._workflows = workflows
        self._placing = placing
        self._measured = measured
        self._downloads = downloads
        self._clock = clock
        self._wall = wall
        self._silent: dict[str, float] = {}  # jobs: since when their server does not answer
        self._gone: dict[str, float] = {}  # jobs: since when their server does not know them
        self._stopping: dict[str, float] = {}  # jobs: since when they are being stopped
        self._seen: dict[str, float] = {}  # jobs: when they were first seen at work

    def receipt(self, server: Server, prompt_id: str) -> Receipt:
        """*server* has the clip from now on."""
        server.abandoned.discard(prompt_id)
        server.ours.add(prompt_id)
        server.socket.watch(prompt_id)
        return Receipt(remote_id=f"{server.name}/{prompt_id}")

    async def poll(self, order: Order, remote_id: str) -> Report:
        """Ask its server how far it is; a clip that was lost is made once more."""
        name, prompt_id = _parts(remote_id)
        server = self._servers.get(name)
        try:
            if server is None:
                raise Busy(f"{name} is no longer among the servers.")
            await self.tidy(server)
            job = await server.job(prompt_id)
        except Busy as busy:
            if self._downloads.has(prompt_id):
                self._downloads.forget(prompt_id)
                return Report(stage=Stage.READY, fraction=1.0)
            since = self._silent.setdefault(prompt_id, self._clock())
            if self._clock() - since < DEAD:
                raise
            return await self._lost(order, name, prompt_id, str(busy), silent=True)
        self._silent.pop(prompt_id, None)
        workflow = self._workflow(order)
        if job is None:
            return await self._unknown(order, server, prompt_id, workflow)
        self._gone.pop(prompt_id, None)
        match job.get("status"):
            case "completed":
                return await self._completed(order, server, prompt_id, workflow, job)
            case "failed" | "cancelled":
                raise self._failed(order, server, prompt_id, job)
            case "pending":
                return await self._waiting(server, prompt_id, workflow, job)
            case _:
                return self._running(order, server, prompt_id, workflow)

    async def _waiting(
        self, server: Server, prompt_id: str, workflow: Workflow | None, job: Mapping[str, Any]
    ) -> Report:
        server.ours.add(prompt_id)
        server.socket.watch(prompt_id)
        ahead = await server.ahead_of(job)
        if ahead is None:
            return Report(stage=Stage.WAITING, says=f"{server.name}: in its queue")
        left = None
        if workflow is not None and self._measured.run(server.name, workflow.name) is not None:
            left = (ahead + 1) * self._measured.usual(server.name, workflow.name)
        place = f"{ahead} before it in the queue" if ahead else "next in the queue"
        return Report(stage=Stage.WAITING, says=f"{server.name}: {place}", left=left)

    def _running(
        self, order: Order, server: Server, prompt_id: str, workflow: Workflow | None
    ) -> Report:
        server.ours.add(prompt_id)
        watch = server.socket.watch(prompt_id, running=True)
        now = self._clock()
        began = self._seen.setdefault(prompt_id, now)
        if now - max(watch.heard or began, began) > STUCK:
            if not watch.told_stuck:
                log.error(
                    "%s shows no sign of work on job %s for %.0f min: its worker may be dead; "
                    "look at its own log, and restart it if so",
                    *(server.name, order.job, STUCK / 60),
                )
                watch.told_stuck = True
            return Report(stage=Stage.RUNNING, says=f"{server.name}: no sign of work for a while")
        if workflow is None:
            return Report(stage=Stage.RUNNING, says=f"{server.name}: working")
        run = self._measured.run(server.name, workflow.name)
        scale = _work(order.brief) / run.work if run is not None and run.work > 0 else 1.0
        far = watch.far(workflow.graph, run.nodes if run is not None else {}, scale, now)
        return Report(
            stage=Stage.RUNNING,
            says=f"{server.name}: {far.says or 'working'}",
            fraction=far.fraction,
            left=far.left,
        )

    async def _completed(
        self,
        order: Order,
        server: Server,
        prompt_id: str,
        workflow: Workflow | None,
        job: Mapping[str, Any],
    ) -> Report:
        node = workflow.output if workflow is not None else None
        clip = clip_of(job, node=node, prompt_id=prompt_id)
        if clip is not None and not await self._downloads.bring(server, prompt_id, clip):
            return Report(
                stage=Stage.RUNNING, says=f"{server.name}: sending the clip", fraction=1.0
            )
        watch = self._over(server, prompt_id)
        if clip is None:
            raise Refusal(
                f"The workflow ended on {server.name} without a clip. "
                "Its operator has to check it.",
                failure=Failure.BAD_RESULT,
                raw=str(job.get("outputs"))[:2000],
                final=True,
            )
        server.memory_failures = 0
        began, over = job.get("execution_start_time"), job.get("execution_end_time")
        if (
            workflow is not None
            and isinstance(began, int | float)
            and isinstance(over, int | float)
        ):
            self._measured.note(
                server.name,
                workflow.name,
                seconds=max(over - began, 0) / 1000,
                work=_work(order.brief),
                words=_words(order.brief),
                nodes=watch.took() if watch is not None and watch.whole else {},
                at=self._wall(),
            )
        return Report(stage=Stage.READY, fraction=1.0)

    def _failed(
        self, order: Order, server: Server, prompt_id: str, job: Mapping[str, Any]
    ) -> Refusal:
        ours = prompt_id in self._stopping
        self._over(server, prompt_id)
        run = self._measured.run(server.name, order.model.name)
        why = ended(
            job,
            server=server.name,
            fits=run.fitted if run is not None and run.fits < _work(order.brief) else None,
            ours=ours,
        )
        if why.kind is Kind.DISK:
            server.rest(LONG_REST, "its disk is full")
        elif why.kind is Kind.MEMORY:
            server.memory_failures += 1
            if server.memory_failures >= MEMORY:
                server.rest(LONG_REST, "clip after clip does not fit into its memory")
                server.memory_failures = 0
        return why.refusal

    # What a server lost.

    async def _unknown(
        self, order: Order, server: Server, prompt_id: str, workflow: Workflow | None
    ) -> Report:
        """A server that was started anew knows no job, and still has the files it finished."""
        if workflow is not None:
            names = by_name(workflow.graph.type_of(workflow.output), prompt_id)
            if await self._downloads.bring_kept(server, prompt_id, names):
                self._over(server, prompt_id)
                return Report(stage=Stage.READY, fraction=1.0)
        since = self._gone.setdefault(prompt_id, self._clock())
        if self._clock() - since < GONE:
            raise Busy(f"{server.name} doesn't know the clip right now.", retry_after=GONE)
        return await self._lost(order, server.name, prompt_id, "it does not know the clip any more")

    async def _lost(
        self, order: Order, name: str, prompt_id: str, why: str, *, silent: bool = False
    ) -> Report:
        """A server lost the clip: it is looked for everywhere, then made once more, and no more.

        *silent*: it did not say so, and may still have it.
        """
        first, second = named(order.attempt), named(order.attempt, again=True)
        server = self._servers.get(name)
        if server is not None:
            server.ours.discard(prompt_id)
            server.socket.forget(prompt_id)
        if prompt_id != first:
            raise Refusal(
                f"{name} stopped in the middle of this clip, and so did the server before it. "
                "It may be too much for their memory.",
                failure=Failure.LOST,
                raw=why,
            )
        workflow = self._workflow(order)
        but = None if silent else (name, prompt_id)
        found, _ = await self._placing.find([second, first], workflow, but=but)
        if found is not None:
            there, known = found
            if (there.name, known) == (name, prompt_id):
                raise Busy(f"{name} answers again.")
        else:
            if workflow is None:
                raise Refusal(f"{name} lost the clip.", failure=Failure.LOST, raw=why)
            try:
                there = await self._placing.place(order, workflow, second, sending=_nothing)
            except Unclear as unclear:
                raise Busy(str(unclear), raw=unclear.raw) from None
            known = second
        if server is not None and known != prompt_id:
            server.abandoned.add(prompt_id)
        log.warning("Job %s was lost by %s (%s); %s makes it", order.job, name, why, there.name)
        for kept in (self._silent, self._gone, self._seen):
            kept.pop(prompt_id, None)
        if known != prompt_id:
            await self._downloads.drop(prompt_id)
        self.receipt(there, known)
        return Report(
            stage=Stage.WAITING,
            says=f"{there.name}: in its queue",
            remote_id=f"{there.name}/{known}",
            note=f"{name} stopped in the middle of it, so it was started again on {there.name}.",
        )

    # Bringing home.

    async def fetch(self, order: Order, remote_id: str, to: Path) -> None:
        """Save the clip as *to*. Raises `Refusal` where it is no clip, or not there any more."""
        name, prompt_id = _parts(remote_id)
        here = self._downloads.file(prompt_id)
        if not here.exists():
            await self._download(order, name, prompt_id, here)
        to.parent.mkdir(parents=True, exist_ok=True)
        here.replace(to)
        try:
            await self._check(to, name)
        except (Busy, MediaError):  # nobody knows what it is, and its server may be gone
            to.replace(here)
            raise

    async def _download(self, order: Order, name: str, prompt_id: str, to: Path) -> None:
        server, workflow = self._servers.get(name), self._workflow(order)
        if server is None:
            raise Busy(f"{name} is no longer among the servers.", retry_after=300)
        job = await server.job(prompt_id)
        outputs: list[Output] = []
        if job is not None:
            node = workflow.output if workflow is not None else None
            found = clip_of(job, node=node, prompt_id=prompt_id)
            outputs = [found] if found is not None else []
        elif workflow is not None:
            outputs = list(by_name(workflow.graph.type_of(workflow.output), prompt_id))
        for output in outputs:
            if await server.client.download(output.params, to):
                return
        raise Refusal(
            f"The clip is not on {server.name} any more.",
            failure=Failure.BAD_RESULT,
            final=True,
        )

    async def _check(self, file: Path, name: str) -> None:
        """Raise `Refusal` unless *file* is one of the kinds of clips that workflows save, and can
        be opened."""
        kind: str | None = await asyncio.to_thread(sniff, file)
        if kind in _KINDS:
            try:
                await decode(file)  # it is remembered, and asked for again when it is compared
            except MediaError as error:
                if error.ours:
                    raise trouble_of(error) or error from error
                kind = f"{kind}: {error} {error.stderr}"[:2000]
        if kind not in _KINDS:
            file.unlink(missing_ok=True)
            raise Refusal(
                f"What the workflow saved on {name} is not a clip. Its operator has to check it.",
                failure=Failure.BAD_RESULT,
                raw=str(kind),
                final=True,
            )

    # Stopping.

    async def cancel(self, remote_id: str) -> None:
        """Have its server stop it. Raises `Busy` while it may still be at work on it."""
        name, prompt_id = _parts(remote_id)
        server = self._servers.get(name)
        since = self._stopping.setdefault(prompt_id, self._clock())
        if server is None:
            return
        try:
            stopped = await server.stop(prompt_id)
        except Busy:
            if self._clock() - since < STOPPED:
                raise
            server.abandoned.add(prompt_id)  # it is stopped if it is at work again
            stopped = True
        if not stopped:
            raise Busy(f"{name} is stopping it.", retry_after=STOPPING_AGAIN)
        self._over(server, prompt_id)
        await self._downloads.drop(prompt_id)

    async def tidy(self, server: Server) -> None:
        """Stop what a server may still be at work on that nobody waits for."""
        for prompt_id in list(server.abandoned):
            if await server.stop(prompt_id):
                server.abandoned.discard(prompt_id)

    # Small things.

    def _workflow(self, order: Order) -> Workflow | None:
        return self._workflows.get(order.model.name)

    def _over(self, server: Server, prompt_id: str) -> Watch | None:
        """Nothing more happens to a job: what was heard of it."""
        server.ours.discard(prompt_id)
        self._seen.pop(prompt_id, None)
        self._stopping.pop(prompt_id, None)
        return server.socket.forget(prompt_id)


async def _nothing() -> None:
    """What is written down about the order is already."""


def _parts(remote_id: str) -> tuple[str, str]:
    """The server and the name there of a job."""
    name, _, prompt_id = remote_id.rpartition("/")
    return name, prompt_id


def _work(brief: Brief) -> float:
    """How much there is to render: pixels times frames, as far as the brief says."""
    if brief.size is not None:
        width, _, height = brief.size.partition("x")
        area = int(width) * int(height)
    else:
        across, down = pixels(brief.resolution or "720p", brief.aspect or "16:9")
        area = across * down
    return area * (seconds_of(brief) or 5.0) * (brief.fps or 24)


def _words(brief: Brief) -> str:
    """'5 s at 720p'."""
    seconds = seconds_of(brief)
    length = f"{seconds:g} s" if seconds is not None else "a clip"
    return f"{length} at {brief.resolution}" if brief.resolution else length
