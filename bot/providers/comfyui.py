"""ComfyUI on a team's own GPUs: workflows from a folder, on as many servers as there are.

https://github.com/Comfy-Org/ComfyUI, `server.py`: its routes are the document. What a server says
over HTTP decides; its websocket only tells how far a clip is. docs/own-gpus.md is for operators.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr

from bot.catalog.model import Model, pixels
from bot.errors import Busy, Failure, Refusal, Unclear
from bot.media.decode import decode
from bot.media.probe import MediaError, sniff
from bot.providers import Connection, Finding, Limits, Order, Receipt, Report, Stage
from bot.providers._comfyui.addresses import Address, addresses
from bot.providers._comfyui.examine import examined
from bot.providers._comfyui.failures import Kind, ended
from bot.providers._comfyui.fill import seconds_of
from bot.providers._comfyui.measured import Measured
from bot.providers._comfyui.outputs import Output, by_name, clip_of
from bot.providers._comfyui.placing import Placing, named
from bot.providers._comfyui.progress import Watch
from bot.providers._comfyui.server import LONG_REST, Server
from bot.providers._comfyui.workflow import Workflow, loaded_from
from bot.providers._overrides import overridden
from bot.providers._settings import SETTINGS, read
from bot.settings import BadSetting
from storage import Brief

__all__ = ["EXAMPLE", "KEY_FROM", "ComfyUI", "Settings", "connect", "folder_of"]

log = logging.getLogger(__name__)

KEY_FROM = "nobody: it is your own server, such as http://gpu1:8188"
#: Settings with which it exists, for the documents; the first of them makes it exist.
EXAMPLE: Mapping[str, str] = MappingProxyType(
    {"COMFYUI_URLS": "http://127.0.0.1:8188", "COMFYUI_WORKFLOWS": "/nowhere"}
)

DAY = 24 * 3600.0
GONE = 10.0  #: seconds between two answers that a job is not known, before it counts as lost
DEAD = 300.0  #: seconds that a server is waited for which does not answer about a clip it has
ASKED_FOR = 300.0  #: the same, where it is only not known whether it has the clip
STOPPED = 120.0  #: seconds that a server is waited for which does not answer when it is to stop
STUCK = 600.0  #: seconds at work without a sign, after which the operator is told
LOOK = 60.0  #: seconds between two looks at what each server has
MEMORY = 2  #: clips in a row that did not fit into a server's memory, before it rests
_KINDS = frozenset({"video/mp4", "video/quicktime", "video/webm", "video/x-matroska"})


class Settings(BaseModel):
    """What an operator decides about ComfyUI."""

    model_config = SETTINGS
    urls: SecretStr = Field(
        description="Where your servers are, with commas between: `http://gpu1:8188`, or with a "
        "name and a password `gpu2=https://dailies:secret@gpu2.example`. Without, the provider "
        "does not exist."
    )
    headers: SecretStr | None = Field(
        None,
        description="Headers for all of them, or by a server's name, as JSON: "
        '`{"gpu2": {"Authorization": "Bearer …"}}`.',
    )
    workflows: Path = Field(
        Path("workflows"), description="The folder of your workflows, each a .json and a .toml."
    )
    jobs_per_server: int = Field(
        2, ge=1, le=20, description="Clips that a server is given at once: one runs, others wait."
    )
    usd_per_second: Decimal = Field(
        Decimal(0),
        ge=0,
        le=100,
        description="What a second of a clip costs whoever orders it, in US dollars.",
    )
    max_minutes: int = Field(
        120, ge=1, le=24 * 60, description="Minutes after which a clip is given up."
    )


def connect(connection: Connection) -> "ComfyUI | None":
    """The servers of this deployment; None without `COMFYUI_URLS`.

    A workflow that cannot be used is left out, and the log and `dailies doctor` say why. Raises
    `BadSetting`.
    """
    settings = read(Settings, "COMFYUI", connection.environ, key="urls")
    if settings is None:
        return None
    headers = settings.headers.get_secret_value() if settings.headers is not None else ""
    servers = addresses(settings.urls.get_secret_value(), headers)
    workflows, wrong = loaded_from(
        settings.workflows.expanduser(), usd_per_second=settings.usd_per_second
    )
    for name, why in wrong.items():
        log.warning("The workflow %s is left out: %s", name, why)
    return ComfyUI(servers, workflows, settings, connection, wrong=wrong)


def folder_of(environ: Mapping[str, str]) -> Path:
    """Where the workflows of this deployment are, whether or not it has servers."""
    said = environ.get("COMFYUI_WORKFLOWS", "").strip()
    return Path(said or Settings.model_fields["workflows"].default).expanduser()


class ComfyUI:
    """Several servers, and what they are doing for us."""

    name = "comfyui"
    title = "ComfyUI"
    idempotent = True  # a job is looked for before it is sent again
    cancels = True
    announces: Literal[True] = True

    def __init__(
        self,
        servers: Sequence[Address],
        workflows: Mapping[str, Workflow],
        settings: Settings,
        connection: Connection,
        *,
        wrong: Mapping[str, str] = MappingProxyType({}),
        wall: Callable[[], float] = time.time,
    ) -> None:
        """*wrong* is what is the matter with the workflows that are not among *workflows*."""
        self._data = connection.data / "comfyui"
        self._measured = Measured(self._data / "measured.json")
        self._clock = connection.clock
        self._wall = wall
        self._wrong = wrong
        self._folder = settings.workflows
        self._servers = {
            each.name: Server(each, partial(self._measured.client_id, each.name), clock=self._clock)
            for each in servers
        }
        self._workflows = _overridden(workflows, connection.toml)
        self._placing = Placing(
            self._servers,
            self._measured,
            data=self._data,
            jobs_per_server=settings.jobs_per_server,
        )
        self.limits = Limits(
            concurrency=len(servers) * settings.jobs_per_server,
            per_minute=6000,
            first_poll=1.0,
            poll_every=2.0,
            max_runtime=settings.max_minutes * 60.0,
            keeps_for=7 * DAY,
            source="ComfyUI's server.py",
        )
        self._unsure: dict[str, float] = {}  # attempts: since when nobody can say who has them
        self._silent: dict[str, float] = {}  # jobs: since when their server does not answer
        self._gone: dict[str, float] = {}  # jobs: since when their server does not know them
        self._stopping: dict[str, float] = {}  # jobs: since when they are being stopped
        self._noted: set[str] = set()  # jobs that were measured
        self._seen: dict[str, float] = {}  # jobs: when they were first seen at work

    @property
    def models(self) -> Sequence[Model]:
        """A model a workflow, with the LoRAs that the servers have."""
        loras = {name for server in self._servers.values() for name in server.loras_known}
        return [workflow.with_loras(loras) for workflow in self._workflows.values()]

    @property
    def healthy(self) -> bool:
        """Whether any server may be asked."""
        return any(not server.rests for server in self._servers.values())

    # Ordering.

    async def submit(self, order: Order) -> Receipt:
        """Give the clip to a server; *order.again*: look first whether one has it already."""
        workflow, prompt_id = self._workflow(order), named(order.attempt)
        if order.again:
            found, silent = await self._placing.find([prompt_id], workflow)
            if found is not None:
                self._unsure.pop(order.attempt, None)
                return self._receipt(*found)
            since = self._unsure.setdefault(order.attempt, self._clock())
            if silent and self._clock() - since < ASKED_FOR:
                raise Unclear(f"{silent[0]} cannot be asked whether it has the clip already.")
            self._unsure.pop(order.attempt, None)
        if workflow is None:
            raise Refusal(
                "Its workflow is not there any more; an operator has to look at it.",
                failure=Failure.REFUSED,
            )
        server = await self._placing.place(order, workflow, prompt_id, sending=order.sending)
        return self._receipt(server, prompt_id)

    def _receipt(self, server: Server, prompt_id: str) -> Receipt:
        server.ours.add(prompt_id)
        server.socket.watch(prompt_id)
        return Receipt(remote_id=f"{server.name}/{prompt_id}")

    # Following.

    async def poll(self, order: Order, remote_id: str) -> Report:
        """Ask its server how far it is; a clip that was lost is made once more."""
        name, prompt_id = _parts(remote_id)
        server = self._servers.get(name)
        try:
            if server is None:
                raise Busy(f"{name} is no longer among the servers.")
            await self._tidy(server)
            job = await server.job(prompt_id)
        except Busy as busy:
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
                return self._completed(order, server, prompt_id, workflow, job)
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

    def _completed(
        self,
        order: Order,
        server: Server,
        prompt_id: str,
        workflow: Workflow | None,
        job: Mapping[str, Any],
    ) -> Report:
        node = workflow.output if workflow is not None else None
        watch = self._over(server, prompt_id)
        if clip_of(job, node=node, prompt_id=prompt_id) is None:
            raise Refusal(
                f"The workflow ended on {server.name} without a clip; an operator has to look.",
                failure=Failure.BAD_RESULT,
                raw=str(job.get("outputs"))[:2000],
                final=True,
            )
        server.memory_failures = 0
        began, over = job.get("execution_start_time"), job.get("execution_end_time")
        if (
            workflow is not None
            and prompt_id not in self._noted
            and isinstance(began, int | float)
            and isinstance(over, int | float)
        ):
            self._noted.add(prompt_id)
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
        self._over(server, prompt_id)
        run = self._measured.run(server.name, order.model.name)
        why = ended(
            job,
            server=server.name,
            fits=run.fitted if run is not None and run.fits < _work(order.brief) else None,
            ours=prompt_id in self._stopping,
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
        if workflow is not None and await self._kept(server, prompt_id, workflow):
            self._over(server, prompt_id)
            return Report(stage=Stage.READY, fraction=1.0)
        since = self._gone.setdefault(prompt_id, self._clock())
        if self._clock() - since < GONE:
            raise Busy(f"{server.name} does not know the clip just now.", retry_after=GONE)
        return await self._lost(order, server.name, prompt_id, "it does not know the clip any more")

    async def _kept(self, server: Server, prompt_id: str, workflow: Workflow) -> bool:
        """Bring the clip home by its name, if it is there and whole: what a killed server had
        begun to write is no clip."""
        here = self._here(prompt_id)
        if here.exists():
            return True
        part = here.with_suffix(".try")
        for output in by_name(workflow.graph.type_of(workflow.output), prompt_id):
            try:
                if not await server.client.download(output.params, part):
                    continue
                made = await decode(part)
                if made.picture is not None and made.complete:
                    part.replace(here)
                    return True
            except MediaError as error:
                log.info("%s kept half of %s: %s", server.name, output.filename, error)
            finally:
                part.unlink(missing_ok=True)
        return False

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
                f"{name} stopped in the middle of this clip, and so did the server before it; "
                "it may be too much for their memory.",
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
        self._receipt(there, known)
        return Report(
            stage=Stage.WAITING,
            says=f"{there.name}: in its queue",
            remote_id=f"{there.name}/{known}",
            note=f"{name} stopped in the middle of it, so it was begun anew on {there.name}.",
        )

    # Bringing home.

    async def fetch(self, order: Order, remote_id: str | None, url: str | None, to: Path) -> None:
        """Save the clip as *to*. Raises `Refusal` where it is no clip, or not there any more."""
        name, prompt_id = _parts(remote_id or "")
        here = self._here(prompt_id)
        if here.exists():
            to.parent.mkdir(parents=True, exist_ok=True)
            here.replace(to)
            return
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
                await self._check(to, server)
                return
        raise Refusal(
            f"The clip is not on {server.name} any more.",
            failure=Failure.BAD_RESULT,
            final=True,
        )

    async def _check(self, file: Path, server: Server) -> None:
        """Raise `Refusal` unless *file* is one of the kinds of clips that workflows save."""
        kind = await asyncio.to_thread(sniff, file)
        if kind not in _KINDS:
            file.unlink(missing_ok=True)
            raise Refusal(
                f"What the workflow saved on {server.name} is no clip; an operator has to look.",
                failure=Failure.BAD_RESULT,
                raw=str(kind),
                final=True,
            )

    # Stopping.

    async def cancel(self, order: Order, remote_id: str) -> None:
        """Have its server stop it. Raises `Busy` while it may still be at work on it."""
        name, prompt_id = _parts(remote_id)
        server = self._servers.get(name)
        since = self._stopping.setdefault(prompt_id, self._clock())
        if server is None:
            return
        try:
            if await server.stop(prompt_id):
                self._over(server, prompt_id)
                return
        except Busy:
            if self._clock() - since < STOPPED:
                raise
            server.abandoned.add(prompt_id)  # it is stopped if it is at work again
            self._over(server, prompt_id)
            return
        raise Busy(f"{name} is stopping it.", retry_after=self.limits.poll_every)

    async def _tidy(self, server: Server) -> None:
        """Stop what a server may still be at work on that nobody waits for."""
        for prompt_id in list(server.abandoned):
            if await server.stop(prompt_id):
                server.abandoned.discard(prompt_id)

    # Looking around.

    async def watch(self) -> None:
        """Learn every minute what each server has, until cancelled."""
        while True:
            for server in self._servers.values():
                try:
                    await server.loras()
                    await server.stats()
                    await self._tidy(server)
                except Busy as busy:
                    log.debug("%s: %s %s", server.name, busy, busy.raw)
            await asyncio.sleep(LOOK)

    async def examine(self) -> Sequence[Finding]:
        """What `dailies doctor` says of each server and workflow."""
        return await examined(
            self._servers.values(), self._workflows.values(), self._wrong, folder=self._folder
        )

    async def close(self) -> None:
        """Let go of all connections."""
        for server in self._servers.values():
            await server.close()

    # Small things.

    def _workflow(self, order: Order) -> Workflow | None:
        return self._workflows.get(order.model.name)

    def _here(self, prompt_id: str) -> Path:
        return self._data / f"{prompt_id}.clip"

    def _over(self, server: Server, prompt_id: str) -> Watch | None:
        """Nothing more happens to a job: what was heard of it."""
        server.ours.discard(prompt_id)
        self._seen.pop(prompt_id, None)
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


def _overridden(
    workflows: Mapping[str, Workflow], section: Mapping[str, Any]
) -> dict[str, Workflow]:
    """*workflows* as dailies.toml changes them. Raises `BadSetting`."""
    if not section:
        return dict(workflows)
    models = overridden([each.model for each in workflows.values()], section, provider="comfyui")
    unknown = [model.name for model in models if model.name not in workflows]
    if unknown:
        raise BadSetting(
            f"providers.comfyui.models.{unknown[0]} in dailies.toml is no workflow; a new one is "
            "a pair of files in COMFYUI_WORKFLOWS."
        )
    return {model.name: workflows[model.name].offering(model) for model in models}
