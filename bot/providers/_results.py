"""How a finished result is brought home: from the link a provider gave, without its key."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.errors import Busy, Failure, Refusal
from bot.fetch import Fetcher, Gone

__all__ = ["bring_home", "is_mp4", "is_zip"]

MAX_CLIP = 1024**3  #: bytes; ten seconds of 4K have a tenth of that
DEADLINE = 600.0  #: seconds for one download


async def bring_home(
    fetcher: Fetcher,
    url: str | None,
    to: Path,
    *,
    title: str,
    fresh: Callable[[], Awaitable[str | None]],
    check: Callable[[bytes], object] | None = None,
    max_bytes: int = MAX_CLIP,
    deadline: float = DEADLINE,
) -> None:
    """Save the result at *url* as *to*; where that link has died, at the one *fresh* finds.

    *check* is `is_mp4` unless given. Raises Busy where it may work later, else a Refusal with
    Failure.BAD_RESULT: the provider finished, and billed, what cannot be used.
    """

    async def download(link: str) -> None:
        await fetcher.download(
            link, to, max_bytes=max_bytes, check=check or is_mp4, deadline=deadline
        )

    try:
        if url is not None:
            try:
                return await download(url)
            except Gone:
                pass  # signed links die; the provider may name a new one
        link = await fresh()
        if link is None:
            raise Busy(f"{title} does not say where the result is.")
        return await download(link)
    except Gone as error:
        # What is paid for is not given up at once: a store may be late, and not only over.
        raise Busy(f"{title}'s link to the result does not work.", raw=error.raw) from None
    except Refusal as error:
        if error.failure is not None:
            raise
        why = str(error).rstrip(".")
        raise Refusal(
            f"{title} finished, but gave no usable clip: {why[:1].lower()}{why[1:]}.",
            failure=Failure.BAD_RESULT,
            raw=error.raw,
            billed=True,
        ) from None


def is_mp4(head: bytes) -> None:
    """Raise `Refusal` unless *head* begins an MP4."""
    if head[4:8] != b"ftyp":
        raise Refusal("It is not an MP4.", raw=repr(head[:40]))


def is_zip(head: bytes) -> None:
    """Raise `Refusal` unless *head* begins a ZIP archive."""
    if not head.startswith(b"PK\x03\x04"):
        raise Refusal("It is not a ZIP archive.", raw=repr(head[:40]))
