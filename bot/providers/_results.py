"""How a finished result is brought home: from the link a provider gave, without its key."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.errors import Busy, Refusal
from bot.files.fetch import Fetcher, Gone

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

    *check* is `is_mp4` unless given. Raises Busy where it could not be had now, whatever the
    host gave in its place: what is paid for is not given up for one answer, or for many. What
    *fresh* raises, the provider says itself.
    """

    async def download(link: str) -> Busy | None:
        """None once the result is there; else why it is not, where another link may help."""
        try:
            await fetcher.download(
                link, to, max_bytes=max_bytes, check=check or is_mp4, deadline=deadline
            )
        except Refusal as error:  # gone, a page, another kind of file, a link that is none
            wait = error.retry_after if isinstance(error, Gone) else None
            why = "doesn't work" if isinstance(error, Gone) else "leads to no clip"
            sentence = f"{title}'s link to the result {why}."
            return Busy(sentence, raw=f"{error} {error.raw}".strip(), retry_after=wait)
        return None

    failed = await download(url) if url is not None else None
    if url is not None and failed is None:
        return
    if failed is not None and failed.retry_after is not None:
        raise failed  # a new link would lead to the host that asked to be left alone
    link = await fresh()
    if link is None:
        raise failed or Busy(f"{title} doesn't say where the result is.")
    if (failed := await download(link)) is not None:
        raise failed


def is_mp4(head: bytes) -> None:
    """Raise `Refusal` unless *head* begins an MP4."""
    if head[4:8] != b"ftyp":
        raise Refusal("It is not an MP4 file.", raw=repr(head[:40]))


def is_zip(head: bytes) -> None:
    """Raise `Refusal` unless *head* begins a ZIP archive."""
    if not head.startswith(b"PK\x03\x04"):
        raise Refusal("It is not a ZIP archive.", raw=repr(head[:40]))
