"""The embedded provider: free previews, rendered on this machine with the ffmpeg that pip brought.

It is what answers when no company's key is set.
"""

import asyncio
import itertools
import json
import logging
import math
import os
import re
import shutil
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from bot.catalog.formats import types
from bot.catalog.model import ANY, ASPECTS, RESOLUTIONS, Accepts, Capability, Model, Price, Shape
from bot.errors import Busy, Failure, Refusal
from bot.machine_trouble import trouble_of
from bot.media.ffmpeg import FfmpegError
from bot.media.probe import MediaError
from bot.providers import Connection, Limits, Order, Receipt, Report, Stage
from bot.providers._preview.moves import CAMERA
from bot.settings import BadSetting
from storage import Brief, Mode

__all__ = ["LAST_RESORT", "MODEL", "Local", "connect"]

log = logging.getLogger(__name__)

LAST_RESORT = True

_FREE = Price(base={ANY: Decimal(0)}, dated=date(2026, 11, 21), source="it runs on your machine")
_SHAPE = Shape(
    resolutions=tuple(RESOLUTIONS),
    aspects=tuple(ASPECTS),
    fps=(24, 25, 30, 50),
    durations=tuple(range(2, 21)),
)
_DEFAULT = Brief(resolution="720p", aspect="16:9", duration=6, fps=24)
_LORAS = 3  #: accepted, and named on the slate; a preview has nothing to apply them to
_SEEDS = range(1, 2**31)
_MIB = 1024 * 1024
_PICTURE = Accepts(
    types=types("image"),
    max_bytes=50 * _MIB,
    max_pixels=64_000_000,
)
_SOUND = Accepts(
    types=types("audio"),
    max_bytes=100 * _MIB,
    min_seconds=1,
    max_seconds=60,
)
_CLIP = Accepts(
    types=types("video"),
    max_bytes=500 * _MIB,
    max_pixels=3840 * 2160,
    min_seconds=0.5,
    max_seconds=120,
)
_PROMPT_MAX = 6000  #: characters; Discord's own limit for a command's option

MODEL = Model(
    name="preview",
    title="Dailies local preview",
    note=(
        "Draws your words over drifting light, free and on this machine. Its HDR is a vivid grade "
        "in an ordinary H.264 clip, so that it plays everywhere."
    ),
    capabilities=(
        Capability(
            mode=Mode.TEXT,
            shapes=(_SHAPE,),
            default=_DEFAULT,
            price=_FREE,
            prompt_max=_PROMPT_MAX,
            seeds=_SEEDS,
            sound=True,
            camera=tuple(CAMERA),
            loras=_LORAS,
        ),
        Capability(
            mode=Mode.IMAGE,
            shapes=(_SHAPE,),
            default=_DEFAULT,
            price=_FREE,
            prompt_max=_PROMPT_MAX,
            prompt_required=False,
            seeds=_SEEDS,
            sound=True,
            camera=tuple(CAMERA),
            loras=_LORAS,
            last_image=True,
            inputs={"image": _PICTURE, "last_image": _PICTURE},
        ),
        Capability(
            mode=Mode.AUDIO,
            shapes=(replace(_SHAPE, durations=()),),
            default=_DEFAULT,
            price=_FREE,
            prompt_max=_PROMPT_MAX,
            prompt_required=False,
            seeds=_SEEDS,
            camera=tuple(CAMERA),
            loras=_LORAS,
            inputs={"audio": _SOUND, "image": _PICTURE},
        ),
        Capability(
            mode=Mode.EXTEND,
            shapes=(Shape(durations=_SHAPE.durations),),
            default=Brief(duration=6, direction="end"),
            price=_FREE,
            prompt_max=_PROMPT_MAX,
            prompt_required=False,
            seeds=_SEEDS,
            sound=True,
            loras=_LORAS,
            directions=("end", "start"),
            inputs={"video": _CLIP},
        ),
        Capability(
            mode=Mode.RETAKE,
            shapes=(Shape(),),
            default=Brief(replace="both"),
            price=_FREE,
            prompt_max=_PROMPT_MAX,
            prompt_required=False,
            seeds=_SEEDS,
            loras=_LORAS,
            replace=("both", "picture", "sound"),
            inputs={"video": _CLIP},
            min_part=1,
        ),
        Capability(
            mode=Mode.HDR,
            shapes=(Shape(),),
            default=Brief(),
            price=_FREE,
            prompt_required=False,
            inputs={"video": _CLIP},
        ),
    ),
)


def connect(connection: Connection) -> "Local":
    """The provider of this deployment; it needs no key. `LOCAL_SECONDS` slows its renders down.

    Raises `BadSetting` when `LOCAL_SECONDS` is not a number of seconds.
    """
    said = connection.environ.get("LOCAL_SECONDS") or "0"
    try:
        pace = float(said)
    except ValueError:
        pace = math.nan
    if not 0 <= pace < math.inf:
        raise BadSetting("LOCAL_SECONDS must be a number of seconds, such as 20.")
    return Local(connection.data / "local", pace=pace)


@dataclass(slots=True, kw_only=True)
class _Render:
    """One render of this process: in line, running, or ended."""

    task: asyncio.Task[Refusal | Busy | None]  #: its result says why there is no clip
    began: float | None = None  #: None while it waits for its turn
    share: float = 0.0  #: of the work that is done

    def tell(self, share: float) -> None:
        """Note how far it is. ffmpeg's own word goes back where sound is written after picture."""
        self.share = max(self.share, share)


class Local:
    """Renders in children of this process, a few at once, in `data/local/<attempt>/`.

    Nothing but the finished file is believed after a restart: an attempt without one is rendered
    again from its order, which gives the same clip.
    """

    name = "local"
    title = "Local"
    models = (MODEL,)
    limits = Limits(
        concurrency=2,
        per_minute=6000,
        first_poll=0.3,
        poll_every=0.5,
        max_runtime=1800,
        keeps_for=24 * 3600,
        source="bot/providers/local.py",
    )
    idempotent = True
    cancels = True

    def __init__(
        self,
        data: Path,
        *,
        pace: float = 0.0,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._data = data
        self._pace = pace  #: seconds that every render takes at least
        self._clock = clock  #: what files are dated by
        self._steady = steady
        self._turns = asyncio.Semaphore(self.limits.concurrency)
        self._renders: dict[str, _Render] = {}
        self._cancelled: set[str] = set()  #: asked for again, they must not begin again
        self._numbers = itertools.count()

    @property
    def healthy(self) -> bool:
        """Whether it is worth choosing now."""
        return True  # it is this very machine

    async def submit(self, order: Order) -> Receipt:
        """Start the render, or put it in line; the same attempt again starts nothing."""
        await asyncio.to_thread(self._sweep)
        if not self._clip(order.attempt).exists():
            self._begun(order)
        return Receipt(remote_id=order.attempt)

    async def poll(self, order: Order, remote_id: str) -> Report:
        """How far the render is. One that a restart interrupted begins again."""
        if remote_id in self._cancelled:
            raise Refusal("The clip was canceled.", failure=Failure.REFUSED)
        if self._clip(remote_id).exists():
            self._renders.pop(remote_id, None)
            return Report(stage=Stage.READY, fraction=1.0)
        render = self._begun(order)
        if render.task.done() and isinstance(trouble := render.task.result(), Busy):
            self._renders.pop(remote_id, None)  # it begins again when it is asked for next
            raise trouble
        if render.task.done() and (refusal := render.task.result()) is not None:
            raise refusal
        if render.began is None:
            return Report(stage=Stage.WAITING)
        waited = (self._steady() - render.began) / self._pace if self._pace else 1.0
        return Report(stage=Stage.RUNNING, fraction=max(0.0, min(render.share, waited, 1.0)))

    async def fetch(self, order: Order, remote_id: str | None, url: str | None, to: Path) -> None:
        """Copy the finished clip to *to*. One that is gone is rendered again.

        It is gone where somebody emptied the directory, or where another process, on a disk of its
        own, takes over for the one that made it.
        """
        attempt = remote_id or order.attempt
        part = to.with_name(f"{to.name}.{os.getpid()}-{next(self._numbers)}.part")
        try:
            await asyncio.to_thread(shutil.copyfile, self._clip(attempt), part)
            part.replace(to)
        except FileNotFoundError as error:
            await self.poll(order, attempt)
            raise Busy(
                "The local preview is being rendered again.",
                retry_after=self.limits.poll_every,
                raw=str(error),
            ) from error
        finally:
            part.unlink(missing_ok=True)

    async def cancel(self, order: Order, remote_id: str) -> None:
        """Stop the render and throw away what there is of it."""
        self._cancelled.add(remote_id)
        render = self._renders.pop(remote_id, None)
        if render is not None:
            await _stop([render.task])
        await asyncio.to_thread(shutil.rmtree, self._clip(remote_id).parent, ignore_errors=True)

    async def close(self) -> None:
        """Stop every render; each begins again when it is asked for after the next start."""
        tasks = [render.task for render in self._renders.values()]
        self._renders.clear()
        await _stop(tasks)

    def _clip(self, attempt: str) -> Path:
        assert re.fullmatch(r"[\w-]{1,100}", attempt), "an attempt's id can name a directory"
        return self._data / attempt / "clip.mp4"

    def _begun(self, order: Order) -> _Render:
        """The render of this attempt, begun if there is none in this process."""
        render = self._renders.get(order.attempt)
        if render is None:
            task = asyncio.create_task(self._run(order), name=f"render #{order.job}")
            render = self._renders[order.attempt] = _Render(task=task)
        return render

    async def _run(self, order: Order) -> Refusal | Busy | None:
        """Render the clip in a room of its own; it gets its name when it is complete.

        Returns the refusal that `poll` raises, as nobody may be asking when it happens.
        """
        clip = self._clip(order.attempt)
        room = clip.with_name(f"room-{os.getpid()}-{next(self._numbers)}")
        render = self._renders[order.attempt]
        try:
            async with self._turns:
                render.began = self._steady()
                await asyncio.to_thread(_prepare, room, order)
                shot = await (await asyncio.to_thread(_renderer))(order, room, render.tell)
                await asyncio.sleep(render.began + self._pace - self._steady())
                shot.replace(clip)
        except (Refusal, Busy) as no:
            return no
        except (FfmpegError, MediaError) as error:
            if (trouble := trouble_of(error)) is not None:
                return trouble
            log.warning("The render of job %s failed: %s", order.job, error.reason)
            return _broken(error.reason)
        except Exception as error:
            if (trouble := trouble_of(error)) is not None:
                return trouble
            # Whatever it is, nothing was paid and nobody has to decide anything.
            log.exception("The render of job %s broke", order.job)
            return _broken(repr(error))
        finally:
            shutil.rmtree(room, ignore_errors=True)
        return None

    def _sweep(self) -> None:
        """Throw away attempts that nobody fetched in time."""
        if not self._data.exists():
            return
        for attempt in self._data.iterdir():
            old = self._clock() - attempt.stat().st_mtime > self.limits.keeps_for
            if old and attempt.name not in self._renders:
                shutil.rmtree(attempt, ignore_errors=True)


def _broken(reason: str) -> Refusal:
    return Refusal(
        "The local preview couldn't be rendered. The operator's log says why.",
        failure=Failure.DOWN,
        raw=reason,
    )


def _renderer() -> Callable[[Order, Path, Callable[[float], None]], Awaitable[Path]]:
    """What renders a clip. Pillow is loaded with the first of them, beside the loop."""
    from bot.providers._preview.render import Work, render

    return lambda order, room, progress: render(Work(order=order, room=room, progress=progress))


def _prepare(room: Path, order: Order) -> None:
    """Make the room, without what a killed process left, and note the order for the operator."""
    attempt = room.parent
    for left in attempt.glob("room-*"):
        shutil.rmtree(left, ignore_errors=True)
    room.mkdir(parents=True)
    note = {"job": order.job, "model": order.model.name, "brief": order.brief.to_json()}
    (attempt / "order.json").write_text(json.dumps(note, ensure_ascii=True, indent=1))


async def _stop(tasks: Sequence[asyncio.Task[Refusal | Busy | None]]) -> None:
    """Cancel the tasks and wait until they, and their processes, are gone."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
