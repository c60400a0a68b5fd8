"""Says of each server and workflow whether it is well, and what is missing."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from bot.errors import Busy
from bot.providers import Finding

from .client import Untrusted
from .placing import filled_knobs
from .server import Server
from .workflow import Workflow

__all__ = ["examined"]


async def examined(
    servers: Iterable[Server],
    workflows: Collection[Workflow],
    wrong: Mapping[str, str],
    *,
    folder: Path,
) -> list[Finding]:
    """A finding for each server, for what is wrong with workflow files, and for each workflow that
    a server cannot do."""
    found = []
    for server in servers:
        found += await _server(server, workflows)
    found += [
        Finding(part=f"workflow {name}", found=f"skipped: {why}", mend=f"mend it in {folder}")
        for name, why in wrong.items()
    ]
    if not workflows and not wrong:
        found.append(
            Finding(
                part="workflows",
                found=f"none in {folder}",
                mend="export one from ComfyUI and type `dailies workflows import FILE`",
            )
        )
    return found


async def _server(server: Server, workflows: Iterable[Workflow]) -> list[Finding]:
    part = f"ComfyUI {server.name}"
    try:
        stats = await server.stats()
        limit = await server.upload_limit()
        parts = [
            f"version {stats.version or 'unknown'}",
            stats.device or "no device named",
            f"{stats.vram_gb:.0f} GB" if stats.vram_gb is not None else "",
            f"uploads up to {limit / 1e6:,.0f} MB",
        ]
        found = [Finding(part=part, found=", ".join(each for each in parts if each))]
        found += [await _workflow(server, each, stats.vram_gb) for each in workflows]
    except Untrusted as error:
        return [Finding(part=part, found=str(error).rstrip("."), mend=error.mend)]
    except Busy as busy:
        said = str(busy).rstrip(".")
        return [
            Finding(
                part=part,
                found=f"{said}: {busy.raw}" if busy.raw else said,
                mend="start it with --listen, and check COMFYUI_URLS and COMFYUI_HEADERS",
            )
        ]
    return found


async def _workflow(server: Server, workflow: Workflow, vram_gb: float | None) -> Finding:
    part = f"ComfyUI {server.name}, {workflow.name}"
    missing = await server.lacks(workflow.graph, but=filled_knobs(workflow))
    least = workflow.manifest.min_vram_gb
    if least is not None and vram_gb is not None and vram_gb < 0.95 * least:
        missing.append(f"{least:g} GB of video memory")
    if not missing:
        return Finding(part=part, found="can be made there")
    return Finding(
        part=part,
        found=f"lacks {', '.join(missing[:5])}{' and more' if len(missing) > 5 else ''}",
        mend="put it there, or leave this workflow to the other servers",
    )
