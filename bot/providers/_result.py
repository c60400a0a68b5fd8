"""Fetches a finished clip from where its provider says it is, by a fresh link where one died."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.errors import Busy, Failure, Refusal
from bot.fetch import Fetcher, Gone
from bot.providers import Report

__all__ = ["fetch_clip"]

MAX_CLIP = 512 * 1024 * 1024  #: bytes; twenty seconds of 4K have some hundred million
DEADLINE = 600.0  #: seconds for one download


async def fetch_clip(
    fetcher: Fetcher,
    url: str | None,
    to: Path,
    *,
    title: str,
    ask: Callable[[], Awaitable[Report]],
) -> None:
    """Write the clip at *url* to *to*; *ask* gives a new link where that one does not work.

    Raises Busy where it may work later, Refusal (BAD_RESULT) for what is not a clip.
    """
    try:
        if url is not None:
            try:
                return await _download(fetcher, url, to)
            except Gone:
                pass  # signed links die; the job still knows where its result is
        fresh = (await ask()).url
        if fresh is None:
            raise Busy(f"{title} does not say where the clip is.")
        return await _download(fetcher, fresh, to)
    except Gone as gone:
        # A clip that is paid for is not given up at once: a store may be late, not only over.
        raise Busy(f"{title}'s link to the clip does not work.", raw=gone.raw) from gone
    except Refusal as refusal:
        if refusal.failure is not None:
            raise
        raise Refusal(
            f"{title} finished, but what it gave cannot be fetched.",
            failure=Failure.BAD_RESULT,
            raw=f"{refusal} {refusal.raw}",
            billed=True,
        ) from refusal


async def _download(fetcher: Fetcher, url: str, to: Path) -> None:
    await fetcher.download(url, to, max_bytes=MAX_CLIP, check=_clip, deadline=DEADLINE)


def _clip(head: bytes) -> None:
    if head[4:8] != b"ftyp":
        raise Refusal("It is not an MP4.", raw=repr(head[:40]))
