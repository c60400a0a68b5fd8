"""Renders what the imitated providers are asked for, with the embedded renderer."""

import asyncio
import itertools
import zipfile
from collections.abc import Mapping
from pathlib import Path

from bot.catalog.model import ASPECTS, RESOLUTIONS
from bot.errors import Refusal
from bot.files.fetch import Fetcher
from bot.media.ffmpeg import ffmpeg
from bot.orders.inputs import Inputs
from bot.providers import Connection, Order, Stage
from bot.providers.local import connect
from playground.providers import Wish
from storage import Brief, Input, Mode

EXR_FRAMES = 8  #: of an imitated HDR result; a real one has every frame
_FIELDS = {
    "image": "image",
    "last_image": "last_image",
    "audio": "audio",
    "image_uri": "image",
    "image_url": "image",
    "image_urls": "image",
    "last_frame_uri": "last_image",
    "audio_uri": "audio",
    "video_uri": "video",
}


class StandIn:
    """Calls itself with a wish; gives the file of the clip, or of a ZIP of frames for HDR."""

    def __init__(self, data: Path, *, loopback: frozenset[str]) -> None:
        self._data = data
        self._local = connect(Connection(data=data))
        self._inputs = Inputs(data, Fetcher(loopback=loopback))
        self._numbers = itertools.count(1)

    async def __call__(self, wish: Wish) -> Path:
        number = next(self._numbers)
        given = {}
        for name, content in wish.inputs.items():
            kept = self._data / f"given-{number}-{_FIELDS[name]}"
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(content)
            given[_FIELDS[name]] = await self._inputs.kept(_FIELDS[name], kept)
        for name, link in wish.links.items():
            given[_FIELDS[name]] = await self._inputs.fetched(_FIELDS[name], link)
        order = self._order(wish, number, given)
        receipt = await self._local.submit(order)
        remote_id = receipt.remote_id or ""
        while (await self._local.poll(order, remote_id)).stage is not Stage.READY:  # noqa: ASYNC110  # it is asked
            await asyncio.sleep(0.2)
        clip = self._data / f"made-{number}.mp4"
        await self._local.fetch(order, remote_id, None, clip)
        return await _frames(clip) if wish.mode == "hdr" else clip

    async def close(self) -> None:
        """Stop what is being rendered."""
        await self._local.close()

    def _order(self, wish: Wish, number: int, given: Mapping[str, Input]) -> Order:
        mode = Mode(wish.mode)
        length = round(wish.seconds) if wish.seconds is not None else None
        if mode in {Mode.TEXT, Mode.IMAGE}:
            length = min(max(length or 6, 2), 20)
        brief = Brief(
            mode=mode,
            prompt=wish.prompt or wish.mode,
            resolution=_nearest(min(wish.width or 1280, wish.height or 720)),
            aspect=_shape(wish.width or 1280, wish.height or 720),
            duration=length,
            fps=wish.fps or 24,
            seed=wish.seed or number,
            sound=wish.sound,
            start=0.0 if mode is Mode.RETAKE else None,
            replace="both" if mode is Mode.RETAKE else None,
            direction="end" if mode is Mode.EXTEND else None,
        ).but(**given)

        async def link(_: Input) -> str:
            raise Refusal("The embedded renderer needs no links.")

        return Order(
            job=number,
            attempt=f"stand-in-{number}",
            model=self._local.models[0],
            brief=brief,
            path=lambda kept: self._data / kept.file,
            link=link,
        )


def _nearest(short: int) -> str:
    return min(RESOLUTIONS, key=lambda name: abs(RESOLUTIONS[name] - short))


def _shape(width: int, height: int) -> str:
    return min(ASPECTS, key=lambda name: abs(float(ASPECTS[name]) - width / height))


async def _frames(clip: Path) -> Path:
    """A ZIP of the clip's first frames as EXR, as official HDR gives it."""
    folder = clip.with_suffix(".frames")
    folder.mkdir(exist_ok=True)
    await ffmpeg(
        *("-i", clip, "-frames:v", str(EXR_FRAMES), "-vf", "format=gbrpf32le"),
        *("-c:v", "exr", str(folder / "frame-%04d.exr")),
        timeout=120,
    )
    packed = clip.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for frame in sorted(folder.glob("*.exr")):
            archive.write(frame, frame.name)
    return packed
