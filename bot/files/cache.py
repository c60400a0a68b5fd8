"""Keeps files on the disk within their time and their room; favourites go last.

Every file under `data/takes` and `data/inputs` belongs to a job that needs it, or goes. With an
`BucketSync` the disk is a cache: what made room is brought back when somebody asks for it, and
nothing makes room before it lies in the bucket. While the bucket fails, the disk fills, and new
work is refused before anything that was paid for is lost.
"""

import asyncio
import logging
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path, PurePosixPath

from bot.errors import Busy, Refusal, Trouble
from bot.files.bucket_sync import BucketSync, Lost
from bot.machine_trouble import disk_trouble
from storage import Copy, DiskTrouble, Holder, Job, Store
from storage.refused_orders import LASTS as REFUSED_LASTS

log = logging.getLogger(__name__)

EVERY = 3600.0  #: seconds between two looks
ROOM = 256 * 2**20  #: bytes that are made free above what must stay so, for a clip that waits
FRESH = 3600.0  #: seconds for which what is new, or was asked for, is never dropped
DAY = 24 * 3600.0
RETRIED = DAY  #: seconds that the inputs of a job without a clip are kept, to be ordered again
GIB = 2**30

_OF_TAKE = re.compile(r"\.?(\d{1,18})\..+", re.ASCII)  #: 42.mp4, 42.jpg, 42.with.43.mp4, …
_BESIDE = re.compile(r"\.?\d{1,18}\.with\.(\d{1,18})\..+", re.ASCII)
_INPUT = re.compile(r"[0-9a-f]{16}\..+|[0-9a-f]{64}(\..+)?|\.?frame-(\d{1,18})-.+", re.ASCII)
_FRAMES = "frames-"  #: folders in which a preview is made


class ClipCache:
    """Where files are kept: `data/takes` and `data/inputs`. Names are relative to `data`."""

    def __init__(
        self,
        store: Store,
        *,
        data: Path,
        days: int,
        room: float,
        spare: float,
        bucket_sync: BucketSync | None = None,
        clock: Callable[[], float] = time.time,
        wall: Callable[[], float] = time.time,
        free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        """*days* 0 keeps clips for ever; *room* 0 gives them the whole disk.

        *room* is what all files may take and *spare* what must stay free, both in GiB. *wall* is
        the clock that stamps files.
        """
        self._takes = store.takes
        self._files = store.files
        self._data = data
        self._days = days
        self._room = room * GIB
        self._spare = spare * GIB
        self._bucket_sync = bucket_sync
        self._clock = clock
        self._wall = wall
        self._free = free
        self._asked: dict[str, float] = {}  # files that somebody is about to use, and since when
        self._going = asyncio.Lock()  # held while files are looked for, or go
        self._coming: dict[str, asyncio.Task[Path]] = {}

    def check(self) -> None:
        """Refuse new work when the disk is nearly full."""
        if self._free(self._data) < self._spare:
            raise Refusal(
                f"This bot's disk has less than {self._spare / GIB:g} GiB free, so it takes no new "
                "orders. Tell its operator."
            )

    @property
    def spare_gib(self) -> float:
        """GiB of the disk that must stay free."""
        return self._spare / GIB

    def free_bytes(self) -> int:
        """Bytes that are free on the disk. Raises OSError."""
        return self._free(self._data)

    async def run(self) -> None:
        """Tidy now and then, for ever."""
        while True:
            try:
                dropped = await self.tidy()
            except (OSError, DiskTrouble):
                log.exception("The takes could not be tidied")
            else:
                if dropped:
                    log.info("%s takes made room for newer ones", dropped)
            await asyncio.sleep(EVERY)

    async def close(self) -> None:
        """Let go of what is on its way."""
        for task in list(self._coming.values()):
            task.cancel()

    # Having a file.

    async def has(self, file: str) -> bool:
        """Whether a file is here, or can be brought back."""
        return (self._data / file).exists() or await self._copy_of(file) is not None

    async def at_hand(self, file: str) -> Path:
        """Our copy of a file, brought back from the bucket if it is not here; it stays a while.

        Whoever stops waiting does not stop it from coming. Raises `Refusal` where it is not kept,
        `Trouble` where there is no room for it, `Busy` while the bucket cannot be asked.
        """
        path = self._data / file
        async with self._going:
            self._asked[file] = self._clock()
            if path.exists():
                return path
        task = self._coming.get(file)
        if task is None:
            copy = await self._copy_of(file)
            if copy is None:
                raise Refusal(f"{_called(file)} is no longer kept.")
            task = self._coming.get(file)  # somebody else may have asked just now
            if task is None:
                task = asyncio.create_task(self._bring(copy), name=f"bring back {file}")
                self._coming[file] = task
                task.add_done_callback(lambda done: self._came(file, done))
        return await asyncio.shield(task)

    async def link(self, file: str) -> tuple[str, float] | None:
        """A link to the copy of a file in the bucket, and when it dies; None without one."""
        return await self._bucket_sync.link(file) if self._bucket_sync is not None else None

    async def lend(self, file: str) -> tuple[str, float] | None:
        """Put a file that belongs to no clip in the bucket for as long as the link to it lives.

        None without a bucket that gives links, or while it cannot be used.
        """
        return await self._bucket_sync.lend(file) if self._bucket_sync is not None else None

    def link_comes(self, job: Job, *, hurry: bool = False) -> bool:
        """Whether there will be a link to a job's file; with *hurry*, it is copied next."""
        bucket_sync = self._bucket_sync
        if bucket_sync is None or not bucket_sync.links or bucket_sync.trouble is not None:
            return False
        if hurry:
            bucket_sync.hurry(job)
        return True

    async def _copy_of(self, file: str) -> Copy | None:
        return await self._files.copy_of(file) if self._bucket_sync is not None else None

    async def _bring(self, copy: Copy) -> Path:
        assert self._bucket_sync is not None
        if self._free(self._data) < copy.size + self._spare:
            await self.tidy()
            if self._free(self._data) < copy.size + self._spare:
                raise Trouble(
                    f"{_called(copy.file)} is in the bucket, but this bot's disk has no room for "
                    "it. Tell its operator.",
                    kind="room",
                    raw=f"{copy.size} bytes are wanted",
                )
        path = self._data / copy.file
        try:
            await self._bucket_sync.fetch(copy, path)
        except Lost as error:
            raise Refusal(f"{_called(copy.file)} is no longer kept.") from error
        except Busy as busy:
            raise Busy(
                f"{_called(copy.file)} is in the bucket, which can't be reached right now. "
                "Try again later.",
                raw=busy.raw,
            ) from busy
        except OSError as error:
            raise disk_trouble(error) from error
        # Afterwards: a file whose take is said to have made room is swept away, a take whose file
        # is said to be here and is not would be called lost.
        await self._files.restore(copy.file)
        return path

    def _came(self, file: str, task: asyncio.Task[Path]) -> None:
        del self._coming[file]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.info("%s did not come back: %s %s", file, error, getattr(error, "raw", ""))

    # Letting go of files.

    async def tidy(self) -> int:
        """Drop what nobody needs, what is past its time, then as much as there is too little room.

        How many takes were dropped.
        """
        now = self._clock()
        self._asked = {file: at for file, at in self._asked.items() if now - at < FRESH}
        await self._sweep()
        dropped = 0
        try:
            if self._days:
                # What has yet to be posted is kept for its time, and no longer.
                for job in await self._droppable(before=now - self._days * DAY, owed=True):
                    if not await self._takes.favoured(job.id):
                        dropped += await self._drop(job) is not None
            if self._room:
                dropped += await self._make_room(now)
        except Busy as busy:
            log.info("No more files leave the disk for now: %s", busy)
        return dropped

    async def _make_room(self, now: float) -> int:
        """Drop the oldest takes until the others have room enough; how many."""
        dropped = 0
        used = await asyncio.to_thread(self._used)
        if used > self._room:
            used -= await self._drop_made(used - self._room)
        passed: set[int] = set()
        while used > self._room:
            oldest = await self._droppable(before=now - FRESH, limit=50 + len(passed))
            left = [job for job in oldest if job.id not in passed]
            if not left:
                break
            for job in left:
                size = await self._drop(job)
                if size is None:
                    passed.add(job.id)
                    continue
                used -= size
                dropped += 1
                if used <= self._room:
                    break
        return dropped

    async def make_room(self) -> None:
        """Drop files until what must stay free is free again: a clip that was paid for has no room.

        What can be made again goes first, then the oldest takes that may go, favourites last.
        Raises `Busy` where the bucket has to be asked first and cannot be.
        """
        await self._sweep()
        lacking = self._spare + ROOM - self._free(self._data)
        if lacking <= 0:
            return
        lacking -= await self._drop_made(lacking)
        for job in await self._droppable(before=self._clock() - FRESH) if lacking > 0 else []:
            lacking -= await self._drop(job) or 0
            if lacking <= 0:
                return

    async def erase(self, files: Iterable[str]) -> None:
        """Delete files now, with all that was made of them: somebody wants them gone."""
        for file in files:
            name = PurePosixPath(file)
            async with self._going:
                if name.parts[0] == "takes" and (found := _OF_TAKE.fullmatch(name.name)):
                    frames = (self._data / "inputs").glob(f"*frame-{found[1]}-*")
                    made = [*self._made_of(int(found[1])), *frames]
                else:
                    made = [self._data / file]
                for path in made:
                    path.unlink(missing_ok=True)
        if self._bucket_sync is not None:
            self._bucket_sync.wake()

    async def _droppable(self, *, before: float, limit: int = 500, owed: bool = False) -> list[Job]:
        bucket_sync = self._bucket_sync
        return await self._takes.droppable(
            before=before,
            limit=limit,
            bucket=bucket_sync.name if bucket_sync is not None else None,
            copied_after=bucket_sync.since if bucket_sync is not None else None,
            owed=owed,
        )

    async def _drop(self, job: Job) -> int | None:
        """Forget the files of a take; how many bytes they were, None where they have to stay.

        Raises `Busy` where the bucket has to be asked, and cannot be.
        """
        file = job.file or ""
        bucket_sync = self._bucket_sync
        asked = bucket_sync is not None and not await self._is_over(job, bucket_sync)
        if bucket_sync is not None and asked and not await bucket_sync.has(file):
            return None
        async with self._going:
            if file in self._asked:
                return None
            await self._takes.drop(job.id, at=self._clock())
            size = await asyncio.to_thread(_unlink, self._made_of(job.id))
        return size + await self._drop_inputs(await self._files.inputs_of(job.id))

    async def _is_over(self, job: Job, bucket_sync: BucketSync) -> bool:
        """Whether the bucket need not have a take any more either."""
        since = bucket_sync.since
        return since is not None and job.since < since and not await self._takes.favoured(job.id)

    async def _drop_inputs(self, names: Collection[str]) -> int:
        """Delete those inputs that nobody needs any more; how many bytes they were."""
        if not names:
            return 0
        now, bucket_sync = self._clock(), self._bucket_sync
        async with self._going:
            needless = await self._files.needless(
                names,
                ended=now - RETRIED,
                refused=now - REFUSED_LASTS,
                bucket=bucket_sync.name if bucket_sync is not None else None,
            )
            gone = [self._data / name for name in needless if name not in self._asked]
            return await asyncio.to_thread(_unlink, gone)

    async def _sweep(self) -> None:
        """Delete what belongs to no job: what a process that was killed left, what is over."""
        takes, inputs = self._data / "takes", self._data / "inputs"
        old = await asyncio.to_thread(_older, [takes, inputs], self._wall() - FRESH)
        for path in old:
            if path.name.startswith(_FRAMES) and path.parent == takes:
                await asyncio.to_thread(shutil.rmtree, path, ignore_errors=True)
        of_takes = [each for each in old if each.parent == takes and _OF_TAKE.fullmatch(each.name)]
        for start in range(0, len(of_takes), 500):
            await self._sweep_takes(of_takes[start : start + 500])
        of_inputs = [each for each in old if each.parent == inputs and _INPUT.fullmatch(each.name)]
        for start in range(0, len(of_inputs), 500):
            batch = of_inputs[start : start + 500]
            await self._drop_inputs([f"inputs/{path.name}" for path in batch])

    async def _sweep_takes(self, paths: list[Path]) -> None:
        owners = {path: _owners(path.name) for path in paths}
        async with self._going:
            known = await self._files.holders({one for ids in owners.values() for one in ids})
            gone = []
            for path, ids in owners.items():
                holding = [known.get(one, (Holder.OVER, None)) for one in ids]
                if any(holder is Holder.LIVE for holder, _ in holding):
                    continue
                name = f"takes/{path.name}"
                left = path.name.endswith(".part")  # nothing that is being written is this old
                over = any(holder is Holder.OVER for holder, _ in holding)
                if (left or over) and name not in self._asked:
                    gone.append(path)
            await asyncio.to_thread(_unlink, gone)

    async def _drop_made(self, wanted: float) -> int:
        """Delete encodes that can be made again, oldest first, of *wanted* bytes; how many."""
        takes = self._data / "takes"
        old = await asyncio.to_thread(_older, [takes], self._wall() - FRESH)
        made = [each for each in old if each.suffix == ".mp4" and _OF_TAKE.fullmatch(each.name)]
        known = await self._files.holders({one for path in made for one in _owners(path.name)})
        freed = 0
        for path in made:
            holding = [known.get(one, (Holder.OVER, None)) for one in _owners(path.name)]
            if any(holder is not Holder.KEPT for holder, _ in holding):
                continue
            clips = {file for _, file in holding if file is not None}
            piece = path.name.endswith(".piece.mp4")  # what a provider gave; it is not made here
            if piece or f"takes/{path.name}" in clips or freed >= wanted:
                continue
            async with self._going:
                if not clips & self._asked.keys():
                    freed += await asyncio.to_thread(_unlink, [path])
        return freed

    def _made_of(self, id: int) -> list[Path]:
        """The files of a take: its clip, and everything that was made of it."""
        takes = self._data / "takes"
        patterns = (f"{id}.*", f".{id}.*", f"*.with.{id}.*")
        return [path for pattern in patterns for path in takes.glob(pattern) if path.is_file()]

    def _used(self) -> int:
        folders = (self._data / "takes", self._data / "inputs")
        return sum(_size(path) for folder in folders for path in folder.rglob("*"))


def _called(file: str) -> str:
    """A file in a person's words."""
    name = PurePosixPath(file)
    if name.parts[0] == "takes" and (found := _OF_TAKE.fullmatch(name.name)):
        return f"The file of #{found[1]}"
    return "The file this clip starts from"


def _owners(name: str) -> list[int]:
    """The takes that a file of `data/takes` was made of."""
    return [int(found[1]) for shape in (_OF_TAKE, _BESIDE) if (found := shape.fullmatch(name))]


def _older(folders: Iterable[Path], than: float) -> list[Path]:
    """What lies in *folders* and was last written before *than*, oldest first."""
    found = []
    for folder in folders:
        for path in folder.glob("*"):
            try:
                at = path.stat().st_mtime
            except FileNotFoundError:
                continue
            if at < than:
                found.append((at, path))
    return [path for _, path in sorted(found)]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def _unlink(paths: Iterable[Path]) -> int:
    """Delete files; how many bytes they were."""
    size = 0
    for path in paths:
        size += _size(path)
        path.unlink(missing_ok=True)
    return size
