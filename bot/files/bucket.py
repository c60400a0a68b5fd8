"""An S3-compatible bucket: puts files there, gets them back, links to them.

Spoken through obstore, which signs each request with the hash of what it carries: a server that
checks signatures takes nothing that was changed on the way.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from bot.errors import Busy, Failure

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

PART = 8 * 2**20  #: bytes of a part of a large file; S3 allows 10,000 parts
AT_ONCE = 2  #: parts under way at once, each of which is in memory
LONGEST_LINK = 7 * 24 * 3600.0  #: seconds that S3 lets a link live

_CLIENT: "ClientConfig" = {
    "connect_timeout": timedelta(seconds=5),
    "read_timeout": timedelta(seconds=120),  # a part has to be there within this time
    "timeout": timedelta(hours=2),  # of a request, and so of a whole download
}
# Whoever asks tries again later; what is tried here is only a connection that was closed.
_RETRY: "RetryConfig" = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}


class Bucket:
    """One bucket, under one prefix. Everything here raises `Busy` while it cannot be used.

    What the exception says is for the operator. Keys are those behind the prefix.
    """

    def __init__(
        self,
        name: str,
        *,
        endpoint: str | None = None,
        region: str = "us-east-1",
        access_key: str | None = None,
        secret_key: str | None = None,
        prefix: str = "",
    ) -> None:
        """Without an *endpoint*: Amazon's. Without keys: those of the process's environment, or
        of the role of the machine."""
        config: S3Config = {"region": region, "disable_bulk_delete": True}
        if endpoint is not None:
            config["endpoint"] = endpoint.rstrip("/")
        if access_key is not None and secret_key is not None:
            config["access_key_id"] = access_key
            config["secret_access_key"] = secret_key
        plain = endpoint is not None and endpoint.startswith("http://")
        prefix = prefix.strip("/")
        #: What copies are filed under: what lies under another prefix is not ours.
        self.name = f"{name}/{prefix}" if prefix else name
        #: Whether links can be given. Those of a role die with its session, nobody knows when.
        self.links = access_key is not None
        self._store = S3Store(
            name,
            prefix=prefix or None,
            config=config,
            client_options={**_CLIENT, "allow_http": plain},
            retry_config=_RETRY,
        )

    async def put(self, key: str, file: Path) -> None:
        """Put *file* there, in parts if it is large, and look whether all of it came.

        That nothing of it was changed is what the signed hash of each part is for.
        """
        size = file.stat().st_size
        with self._words(else_busy=True):
            await obstore.put_async(
                self._store, key, file, chunk_size=PART, max_concurrency=AT_ONCE
            )
            there = await obstore.head_async(self._store, key)
        if there["size"] != size:
            raise Busy("The bucket did not receive the whole file.", raw=str(there))

    async def size(self, key: str) -> int | None:
        """Bytes of what is there by that key; None for nothing."""
        try:
            with self._words():
                return (await obstore.head_async(self._store, key))["size"]
        except LookupError:
            return None

    async def get(self, key: str) -> AsyncIterator[bytes]:
        """What is there by that key, in pieces. Raises `LookupError` for nothing."""
        with self._words():
            found = await obstore.get_async(self._store, key)
            async for piece in found.stream(min_chunk_size=2**20):
                yield bytes(piece)

    async def sizes(self) -> dict[str, int]:
        """Bytes of everything there, by its key."""
        found: dict[str, int] = {}
        with self._words(else_busy=True):
            async for each in obstore.list(self._store):
                found |= {meta["path"]: meta["size"] for meta in each}
        return found

    async def delete(self, key: str) -> None:
        """Delete what is there by that key, if anything is."""
        try:
            with self._words():
                await obstore.delete_async(self._store, key)
        except LookupError:
            return

    async def link(self, key: str, seconds: float) -> str:
        """A link by which anybody may get it for so many *seconds*."""
        with self._words():
            life = timedelta(seconds=min(seconds, LONGEST_LINK))
            return await obstore.sign_async(self._store, "GET", key, life)

    async def check(self) -> None:
        """Put a small object there, look at it, get it and delete it."""
        key, said = "dailies-doctor.txt", b"Dailies was here.\n"
        with self._words(else_busy=True):
            await obstore.put_async(self._store, key, said)
            size = (await obstore.head_async(self._store, key))["size"]
            got = bytes(await (await obstore.get_async(self._store, key)).bytes_async())
            await obstore.delete_async(self._store, key)
        if (size, got) != (len(said), said):
            raise Busy("The bucket gave back something else than it was given.")

    @contextmanager
    def _words(self, *, else_busy: bool = False) -> Iterator[None]:
        """What obstore raises, as `Busy`; as `LookupError` where only the object is missing.

        With *else_busy*, that is not possible: where nothing is found there is no bucket.
        """
        try:
            yield
        except FileNotFoundError as error:
            if else_busy or "NoSuchBucket" in str(error):
                raise Busy(
                    f"There is no bucket “{self.name}”.",
                    failure=Failure.INPUT,
                    raw=_first(error),
                ) from error
            raise LookupError(self.name) from error
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise Busy(
                f"The bucket “{self.name}” refuses the keys, or they lack permission.",
                failure=Failure.KEY,
                raw=_first(error),
            ) from error
        except (BaseError, ValueError, OSError) as error:
            raise Busy(f"The bucket “{self.name}” can't be reached.", raw=_first(error)) from error


def _first(error: Exception) -> str:
    """What obstore says, without the source of its error, which it repeats in Rust's own words."""
    return str(error).partition("\n\nDebug source")[0]
