"""Frames of clips that pieces made here begin with: priced from the clip, written when ordered."""

from pathlib import Path

from bot.errors import Refusal
from bot.files.cache import ClipCache
from bot.media.probe import MediaError, last_frame, picture_size, poster
from bot.orders.requester import Requester
from bot.orders.takes import Takes, Verb
from storage import Brief, Input, Job, Plan


class Frames:
    """Says which frame a piece begins with, and writes it once."""

    def __init__(self, takes: Takes, *, data: Path, cache: ClipCache) -> None:
        self._takes = takes
        self._data = data
        self._cache = cache

    def of(self, job: Job, plan: Plan) -> Input:
        """The frame of *job*'s clip that the piece of *plan* begins with. `made` writes its file.

        Prices are asked for with every clip, and most are never extended.
        """
        at = _moment(plan)
        name = "last" if at is None else f"{round(at * 1000)}"
        file = Path("inputs") / f"frame-{job.id}-{name}.png"
        there = (self._data / file).exists()
        return Input(
            file=str(file),
            type="image/png",
            size=(self._data / file).stat().st_size if there else 0,
            width=plan.clip.width,
            height=plan.clip.height,
            take=job.id,
        )

    async def made(self, brief: Brief, *, requester: Requester) -> Brief:
        """*brief* with the frame that it begins with on the disk, if it begins with one.

        Raises `Refusal` where the clip that it is a frame of is no longer kept.
        """
        plan, image = brief.plan, brief.image
        if plan is None or image is None or image.take is None:
            return brief
        to = self._data / image.file
        if not to.exists():
            job = await self._takes.ready(image.take, Verb.RETAKE, requester=requester)
            await self._write(job, _moment(plan), to)
        size = picture_size(to)
        if size is None:
            raise Refusal(f"No frame of #{image.take} can be read.")
        return brief.but(
            image=Input(
                file=image.file,
                type=image.type,
                size=to.stat().st_size,
                width=size[0],
                height=size[1],
                take=image.take,
            )
        )

    async def _write(self, job: Job, at: float | None, to: Path) -> None:
        await self._cache.at_hand(job.file or "")
        to.parent.mkdir(parents=True, exist_ok=True)
        clip = self._data / (job.file or "")
        try:
            if at is None:
                await last_frame(clip, to)
            else:
                await poster(clip, to, at)
        except MediaError as error:
            raise Refusal(f"#{job.id} can't be used here. {error}") from error


def _moment(plan: Plan) -> float | None:
    """The second of the clip that a piece begins with; None for its end."""
    return {"start": 0.0, "part": plan.start}.get(plan.place)
