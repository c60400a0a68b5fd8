"""How a finished result is brought home: from the link a provider gave, without its key."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.errors import Failure, Refusal
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
    link = url or await fresh()
    for last in (False, True):
        if link is None:
            raise _useless(title, "it named no link to it")
        try:
            await fetcher.download(
                link, to, max_bytes=max_bytes, check=check or is_mp4, deadline=deadline
            )
        except Gone as error:
            again = None if last else await fresh()
            if again is None or again == link:
                raise _useless(title, "its link has expired", error.raw) from None
            link = again
        except Refusal as error:
            raise _useless(title, str(error).rstrip(".").lower(), error.raw) from None
        else:
            return


def is_mp4(head: bytes) -> None:
    """Raise `Refusal` unless *head* begins an MP4."""
    if head[4:8] != b"ftyp":
        raise Refusal("It is not an MP4.")


def is_zip(head: bytes) -> None:
    """Raise `Refusal` unless *head* begins a ZIP archive."""
    if not head.startswith(b"PK\x03\x04"):
        raise Refusal("It is not a ZIP archive.")


def _useless(title: str, why: str, raw: str = "") -> Refusal:
    return Refusal(
        f"{title} finished, but gave no usable clip: {why}.",
        failure=Failure.BAD_RESULT,
        raw=raw,
        billed=True,
    )
