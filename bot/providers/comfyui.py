"""ComfyUI on a team's own GPUs: workflows from a folder, on as many servers as there are.

https://github.com/Comfy-Org/ComfyUI, `server.py`: its routes are the document. What a server says
over HTTP decides; its websocket only tells how far a clip is. docs/own-gpus.md is for operators.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr

from bot.catalog.model import Model
from bot.errors import Busy, Failure, Refusal, Unclear
from bot.providers import Connection, Finding, Limits, Order, Receipt, Report, ServerState
from bot.providers._comfyui.addresses import Address, addresses
from bot.providers._comfyui.downloads import Downloads
from bot.providers._comfyui.examine import examined
from bot.providers._comfyui.following import Following
from bot.providers._comfyui.measured import Measured
from bot.providers._comfyui.placing import Placing, named
from bot.providers._comfyui.server import Server
from bot.providers._comfyui.trust import trusting
from bot.providers._comfyui.workflow import Workflow, loaded_from
from bot.providers._overrides import overridden
from bot.providers._settings import SETTINGS, read
from bot.setting_words import behind_a_colon
from bot.settings import BadSetting, TypedPath, typed_path

__all__ = ["EXAMPLE", "KEY_FROM", "ComfyUI", "Settings", "connect", "folder_of"]

log = logging.getLogger(__name__)

KEY_FROM = "your own server, such as http://gpu1:8188"
#: Settings with which it exists, for the documents; the first of them makes it exist.
EXAMPLE: Mapping[str, str] = MappingProxyType(
    {"COMFYUI_URLS": "http://127.0.0.1:8188", "COMFYUI_WORKFLOWS": "/nowhere"}
)

DAY = 24 * 3600.0
ASKED_FOR = 300.0  #: seconds that a server is waited for which cannot say whether it has a clip
LOOK = 60.0  #: seconds between two looks at what each server has


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
    ca_file: TypedPath | None = Field(
        None,
        description="A PEM file of certificates that your servers may have besides those that "
        "browsers accept: of your own CA, or self-signed ones.",
    )
    workflows: TypedPath = Field(
        Path("workflows"), description="The folder of your workflows, each a .json and a .toml."
    )
    jobs_per_server: int = Field(
        2, ge=1, le=20, description="Clips that a server is given at once: one runs, others wait."
    )
    usd_per_second: Decimal = Field(
        Decimal(0),
        ge=0,
        le=100,
        description="What a second of a clip costs, in US dollars.",
    )
    max_minutes: int = Field(
        120, ge=1, le=24 * 60, description="Minutes after which a clip is given up."
    )


def connect(connection: Connection) -> "ComfyUI | None":
    """The servers of this deployment; None without `COMFYUI_URLS`.

    A workflow that can't be used is left out, and the log and `dailies doctor` say why. Raises
    `BadSetting`.
    """
    settings = read(Settings, "COMFYUI", connection.environ, key="urls")
    if settings is None:
        return None
    headers = settings.headers.get_secret_value() if settings.headers is not None else ""
    servers = addresses(settings.urls.get_secret_value(), headers)
    trust = trusting(settings.ca_file)
    workflows, wrong = loaded_from(settings.workflows, usd_per_second=settings.usd_per_second)
    for name, why in wrong.items():
        log.warning("The workflow %s is left out: %s", name, why)
    return ComfyUI(servers, workflows, settings, connection, trust=trust, wrong=wrong)


def folder_of(environ: Mapping[str, str]) -> Path:
    """Where the workflows of this deployment are, whether or not it has servers.

    Raises `BadSetting`.
    """
    said = environ.get("COMFYUI_WORKFLOWS", "").strip()
    try:
        return typed_path(Path(said or Settings.model_fields["workflows"].default))
    except ValueError as error:
        said = behind_a_colon(str(error))
        raise BadSetting(f"COMFYUI_WORKFLOWS can't be used: {said}.") from error


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
        trust: ssl.SSLContext,
        wrong: Mapping[str, str] = MappingProxyType({}),
        wall: Callable[[], float] = time.time,
    ) -> None:
        """*trust* is what servers' certificates are held to, *wrong* what is the matter with the
        workflows that are not among *workflows*."""
        self._data = connection.data / "comfyui"
        self._measured = Measured(self._data / "measured.json")
        self._clock = connection.clock
        self._wrong = wrong
        self._folder = settings.workflows
        self._servers = {
            each.name: Server(
                each,
                partial(self._measured.client_id, each.name),
                trust=trust,
                clock=self._clock,
            )
            for each in servers
        }
        self._workflows = _overridden(workflows, connection.toml)
        self._placing = Placing(
            self._servers,
            self._measured,
            data=self._data,
            jobs_per_server=settings.jobs_per_server,
        )
        self._downloads = Downloads(self._data, clock=self._clock, wall=wall)
        self._following = Following(
            self._servers,
            self._workflows,
            self._placing,
            self._measured,
            downloads=self._downloads,
            clock=self._clock,
            wall=wall,
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
        workflow, prompt_id = self._workflows.get(order.model.name), named(order.attempt)
        if order.again:
            found, silent = await self._placing.find([prompt_id], workflow)
            if found is not None:
                self._unsure.pop(order.attempt, None)
                return self._following.receipt(*found)
            since = self._unsure.setdefault(order.attempt, self._clock())
            if silent and self._clock() - since < ASKED_FOR:
                raise Unclear(f"{silent[0]} can't be asked whether it already has the clip.")
            for name in silent:  # if it has, it is not to render what is made elsewhere
                self._servers[name].abandoned.add(prompt_id)
            self._unsure.pop(order.attempt, None)
        if workflow is None:
            raise Refusal(
                "Its workflow is gone. Its operator has to check it.",
                failure=Failure.REFUSED,
            )
        server = await self._placing.place(order, workflow, prompt_id, sending=order.sending)
        return self._following.receipt(server, prompt_id)

    # Following.

    async def poll(self, order: Order, remote_id: str) -> Report:
        """Ask its server how far it is; a clip that was lost is made once more."""
        return await self._following.poll(order, remote_id)

    async def fetch(self, order: Order, remote_id: str | None, url: str | None, to: Path) -> None:
        """Save the clip as *to*. Raises `Refusal` where it is no clip, or not there any more."""
        await self._following.fetch(order, remote_id or "", to)

    async def cancel(self, order: Order, remote_id: str) -> None:
        """Have its server stop it. Raises `Busy` while it may still be at work on it."""
        await self._following.cancel(remote_id)

    # Looking around.

    async def watch(self) -> None:
        """Learn every minute what each server has, until cancelled."""
        await asyncio.to_thread(self._downloads.sweep)
        while True:
            for server in self._servers.values():
                try:
                    await server.loras()
                    await server.stats()
                    await server.load()
                    await self._following.tidy(server)
                except Busy as busy:
                    log.debug("%s: %s %s", server.name, busy, busy.raw)
            await asyncio.sleep(LOOK)

    async def examine(self) -> Sequence[Finding]:
        """What `dailies doctor` says of each server and workflow."""
        return await examined(
            self._servers.values(), self._workflows.values(), self._wrong, folder=self._folder
        )

    async def remark(self) -> str | None:
        """Which servers are left alone, for `/healthz`."""
        away = {each.name: each.trouble for each in self._servers.values() if each.trouble}
        if not away:
            return None
        why = "; ".join(f"{name}: {trouble.rstrip('.')}" for name, trouble in away.items())
        return f"{len(away)} of {len(self._servers)} ComfyUI servers left alone ({why})"

    def servers(self) -> Sequence[ServerState]:
        """Each server, as it was last seen."""
        return [
            ServerState(
                name=each.name,
                up=not each.trouble,
                ours=len(each.ours),
                queue=None if each.trouble else each.queue,
                trouble=each.trouble,
            )
            for each in self._servers.values()
        ]

    async def close(self) -> None:
        """Let go of all connections."""
        await self._downloads.close()
        for server in self._servers.values():
            await server.close()


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
            f"providers.comfyui.models.{unknown[0]} in dailies.toml is not a workflow. "
            "A new one is a pair of files in COMFYUI_WORKFLOWS."
        )
    return {model.name: workflows[model.name].offering(model) for model in models}
