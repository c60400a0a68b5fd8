"""Chooses the server that makes a clip and gives it the graph; finds a clip that one has already.

ComfyUI takes a job's name from us and does not mind getting the same one twice: it would run both.
So whoever may have sent a job before looks for it first, on every server.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid5

from bot.errors import Busy, Failure, Refusal, Unclear
from bot.providers import Order
from storage import Input

from .client import Reply, Unreachable
from .failures import Lacking, lacking, unusable
from .fill import filled, given_to, write_blank
from .measured import Measured
from .outputs import by_name
from .server import LONG_REST, REST, Server
from .workflow import Workflow, lora_name

__all__ = ["Placing", "filled_knobs", "named"]

log = logging.getLogger(__name__)

_NAMES = UUID("6f0c6a52-1c0e-4d7f-9a35-6a1d3d0f7c55")
ROOM_AGAIN = 5.0  #: seconds after which a full server is asked again
DOWN_AGAIN = 30.0
_WORDS = {"image": "image", "last_image": "last frame", "audio": "sound", "video": "clip"}


def named(attempt: str, *, again: bool = False) -> str:
    """What the job of an attempt is called, on every server; *again*: after one lost it."""
    return str(uuid5(_NAMES, f"{attempt}/again" if again else attempt))


@dataclass(slots=True)
class _Search:
    """What became of one search for a server."""

    tried: set[str] = field(default_factory=set)
    lacking: dict[str, Lacking] = field(default_factory=dict)
    waits: list[Busy] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)  #: an input is too large for a server


class Placing:
    """Who makes the next clip."""

    def __init__(
        self,
        servers: Mapping[str, Server],
        measured: Measured,
        *,
        data: Path,
        jobs_per_server: int,
    ) -> None:
        self._servers = servers
        self._measured = measured
        self._blank = data / "blank.png"
        self._jobs_per_server = jobs_per_server
        self._choosing = asyncio.Lock()

    async def find(
        self,
        prompt_ids: Sequence[str],
        workflow: Workflow | None,
        *,
        but: tuple[str, str] | None = None,
    ) -> tuple[tuple[Server, str] | None, list[str]]:
        """The server that knows one of these jobs, or has its clip; and those that cannot say.

        *but* is a server and a job that need not be asked about.
        """
        silent: list[str] = []
        for server in self._servers.values():
            for prompt_id in prompt_ids:
                if but == (server.name, prompt_id):
                    continue
                try:
                    if await self._knows(server, prompt_id, workflow):
                        return (server, prompt_id), silent
                except Busy:
                    silent.append(server.name)
                    break
        return None, silent

    async def _knows(self, server: Server, prompt_id: str, workflow: Workflow | None) -> bool:
        if await server.job(prompt_id) is not None:
            return True
        if workflow is None:
            return False
        for output in by_name(workflow.graph.type_of(workflow.output), prompt_id):
            if await server.client.exists(output.params):
                return True
        return False

    async def place(
        self,
        order: Order,
        workflow: Workflow,
        prompt_id: str,
        *,
        sending: Callable[[], Awaitable[None]],
    ) -> Server:
        """Give the clip to the best server that takes it.

        Raises `Busy` where none can now, `Refusal` where none ever will, and `Unclear` where one
        may have taken it.
        """
        search = _Search()
        for server in self._servers.values():
            server.ours.discard(prompt_id)
        while True:
            async with self._choosing:
                server = await self._choose(order, workflow, search)
                server.ours.add(prompt_id)
            kept = False
            try:
                taken = await self._give(server, order, workflow, prompt_id, sending, search)
                kept = taken
                if taken:
                    return server
            except Unclear:
                kept = True
                raise
            finally:
                if not kept:
                    server.ours.discard(prompt_id)
            search.tried.add(server.name)

    # Choosing.

    async def _choose(self, order: Order, workflow: Workflow, search: _Search) -> Server:
        left = [each for each in self._servers.values() if each.name not in search.tried]
        loads = await asyncio.gather(*(self._load(each, order, workflow, search) for each in left))
        may = [
            (load * self._measured.usual(server.name, workflow.name), server)
            for server, load in zip(left, loads, strict=True)
            if load is not None
        ]
        if not may:
            raise self._nobody(search)

        def rank(choice: tuple[float, Server]) -> tuple[float, bool, float]:
            waits, server = choice
            warm = self._measured.last(server.name) == workflow.name
            return waits, not warm, self._measured.usual(server.name, workflow.name)

        return min(may, key=rank)[1]

    async def _load(
        self, server: Server, order: Order, workflow: Workflow, search: _Search
    ) -> int | None:
        """How much a server has to do; None where it cannot make this clip, or not now."""
        if server.rests:
            search.waits.append(Busy(f"{server.name}: {server.rests}.", retry_after=DOWN_AGAIN))
            return None
        if len(server.ours) >= self._jobs_per_server:
            sentence = f"{server.name} has enough to do for Dailies."
            search.waits.append(Busy(sentence, retry_after=ROOM_AGAIN, failure=Failure.RATE))
            return None
        try:
            if (what := await self._lacks(server, order, workflow)) is not None:
                search.lacking[server.name] = Lacking(what=what, elsewhere=True)
                return None
            # What is on its way there is in no queue yet.
            return max(await server.load(), len(server.ours))
        except Busy as busy:
            again = busy.retry_after or DOWN_AGAIN
            search.waits.append(
                Busy(str(busy), retry_after=again, failure=busy.failure, raw=busy.raw)
            )
            return None

    async def _lacks(self, server: Server, order: Order, workflow: Workflow) -> str | None:
        """What this server has not that the clip needs, in words; None where it has all of it."""
        missing = await server.lacks(workflow.graph, but=filled_knobs(workflow))
        if missing:
            return f"lacks {missing[0]} that this workflow needs"
        least = workflow.manifest.min_vram_gb
        if least is not None:
            vram = (await server.stats()).vram_gb
            if vram is not None and vram < 0.95 * least:  # a card of 24 GB says 23.6
                return f"has {vram:.0f} GB of video memory. This workflow needs {least:g}"
        if order.brief.loras:
            there = await server.loras()
            for lora in order.brief.loras:
                file = _lora_file(lora.path, there)
                if not workflow.allows(lora_name(file or lora.path)):
                    return f"may not use the LoRA {lora.path} with this workflow"
                if file is None:
                    return f"lacks the LoRA {lora.path}"
        return None

    def _nobody(self, search: _Search) -> Busy | Refusal:
        """Why no server makes it: for now where one may, else for good."""
        if search.waits:
            return min(search.waits, key=lambda busy: busy.retry_after or 0.0)
        if search.refused:
            return search.refused[0]
        name, why = next(iter(search.lacking.items()), ("", Lacking(what="", elsewhere=True)))
        if not name:
            return Busy("No ComfyUI server can be reached.", retry_after=DOWN_AGAIN)
        return unusable(name, why)

    # Giving.

    async def _give(
        self,
        server: Server,
        order: Order,
        workflow: Workflow,
        prompt_id: str,
        sending: Callable[[], Awaitable[None]],
        search: _Search,
    ) -> bool:
        """Give the clip to *server*; False where it surely did not take it, and another may."""
        for again in (False, True):
            try:
                files = await self._files(server, order, workflow)
                loras = await self._loras(server, order)
            except Refusal as refusal:
                search.refused.append(refusal)
                return False
            except Unreachable as error:
                search.waits.append(Busy(str(error), retry_after=DOWN_AGAIN, raw=error.raw))
                return False
            graph = filled(workflow, order.brief, prompt_id=prompt_id, files=files, loras=loras)
            await server.socket.listening(prompt_id)
            await sending()
            try:
                reply = await server.order(graph, prompt_id)
            except Unreachable as error:
                server.rest(REST, error.because)
                if error.sent:
                    raise Unclear(
                        f"{server.name} may have taken the clip: its answer was lost.",
                        raw=error.raw,
                    ) from None
                search.waits.append(Busy(str(error), retry_after=DOWN_AGAIN, raw=error.raw))
                return False
            except Busy as busy:  # the password
                server.rest(LONG_REST, str(busy))
                search.waits.append(busy)
                return False
            if reply.status == 200 and isinstance(reply.data, Mapping):
                return await self._accepted(server, reply, prompt_id)
            if reply.status == 400 and isinstance(reply.data, Mapping):
                why = lacking(reply.data, reply.raw)
                log.warning("%s does not take %s: %s", server.name, workflow.name, why.raw)
                server.forget()
                if why.uploads and not again:
                    continue  # somebody emptied its input folder
                if not why.elsewhere:
                    raise unusable(server.name, why)
                search.lacking[server.name] = why
                return False
            return await self._odd(server, reply, prompt_id, search)
        return False

    async def _accepted(self, server: Server, reply: Reply, prompt_id: str) -> bool:
        """Whether the whole graph runs: outputs that do not validate are dropped without a no."""
        if not reply.data.get("node_errors") and reply.data.get("prompt_id") == prompt_id:
            return True
        name = reply.data.get("prompt_id")
        await server.stop(name if isinstance(name, str) else prompt_id)
        raise unusable(server.name, lacking(reply.data, reply.raw))

    async def _odd(self, server: Server, reply: Reply, prompt_id: str, search: _Search) -> bool:
        """An answer that no document has: whether the server has the clip all the same."""
        raw = f"/prompt answers {reply.status}: {reply.raw[:500]}"
        log.warning("%s: %s", server.name, raw)
        try:
            if await server.job(prompt_id) is not None:
                return True
        except Busy:
            raise Unclear(f"{server.name} may have taken the clip.", raw=raw) from None
        server.rest(REST, f"it answers {reply.status} to an order")
        search.waits.append(
            Busy(f"{server.name} is down right now.", retry_after=DOWN_AGAIN, raw=raw)
        )
        return False

    async def _files(self, server: Server, order: Order, workflow: Workflow) -> dict[str, str]:
        """The names of the inputs on *server*, uploaded where they are not there."""
        found = {}
        for name, given in given_to(workflow, order.brief).items():
            if given is not None:
                found[name] = await server.uploaded(order.path(given), given, what=_WORDS[name])
            elif name in ("image", "last_image"):
                if not self._blank.exists():
                    await asyncio.to_thread(write_blank, self._blank)
                nothing = Input(file="", type="image/png", size=self._blank.stat().st_size)
                found[name] = await server.uploaded(self._blank, nothing, what="blank image")
        return found

    async def _loras(self, server: Server, order: Order) -> dict[str, float]:
        """The file names of the LoRAs, and how strongly each is applied."""
        if not order.brief.loras:
            return {}
        there = await server.loras()
        return {_lora_file(each.path, there) or each.path: each.scale for each in order.brief.loras}


def _lora_file(name: str, there: Iterable[str]) -> str | None:
    """The file that a person's *name* stands for, with or without its ending."""
    wanted = {lora_name(name), f"{lora_name(name)}.safetensors"}
    return next((each for each in sorted(there) if lora_name(each) in wanted), None)


def filled_knobs(workflow: Workflow) -> set[str]:
    """The inputs of a workflow, as "node.input", that are sent otherwise than its file has them."""
    said = workflow.manifest
    names = [knob for _, knobs in said.inputs if knobs is not None for knob in knobs]
    names += [*said.fixed, *(name for literals in said.absent.values() for name in literals)]
    found = set()
    for name in names:
        node, given = workflow.graph.knob(name)
        found.add(f"{node}.{given}")
    return found | {f"{workflow.output}.filename_prefix"}
