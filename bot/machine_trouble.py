"""Trouble of this machine: no room, no memory, a program that hangs. Nobody's clip is at fault.

Work that met it is done again once it is over; nothing is given up, and no try is counted. The
operator is told once, in the log and by /healthz, for as long as it lasts.
"""

import errno
import logging

from bot.errors import Trouble
from storage import DiskTrouble, ServerTrouble

__all__ = ["Troubles", "disk_trouble", "trouble_of"]

log = logging.getLogger(__name__)

#: What the system says when it, and not what was asked, is at fault; and which resource it is.
_ERRNOS = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "room"),
    **dict.fromkeys((errno.EIO, errno.EROFS, errno.ESTALE), "disk"),
    **dict.fromkeys((errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN), "memory"),
}
_SENTENCES = {
    "room": "This bot's disk is full.",
    "disk": "This bot can't use its disk right now.",
    "memory": "This bot's machine is out of memory or open files.",
}


def trouble_of(error: BaseException) -> Trouble | None:
    """*error* as trouble of ours; None where it is something else."""
    if isinstance(error, Trouble):
        return error
    if isinstance(error, ServerTrouble):
        return Trouble(str(error), kind="server", raw=str(error))
    if isinstance(error, DiskTrouble):
        return Trouble(str(error), kind="disk", raw=str(error))
    if isinstance(error, MemoryError):
        return Trouble(_SENTENCES["memory"], kind="memory", raw=repr(error))
    if isinstance(error, OSError) and (kind := _ERRNOS.get(error.errno or 0)):
        return Trouble(_SENTENCES[kind], kind=kind, raw=str(error))
    if getattr(error, "ours", False):  # an FfmpegError, or the MediaError that it became
        cause = error.__cause__ or error
        # ffmpeg ends with the low byte of what the system told it, below zero.
        kind = _ERRNOS.get(256 - code if (code := getattr(cause, "code", None)) else 0, "ffmpeg")
        sentence = _SENTENCES.get(kind, "ffmpeg can't work right now.")
        return Trouble(sentence, kind=kind, raw=getattr(error, "reason", str(error)))
    return None


def disk_trouble(error: OSError) -> Trouble:
    """*error*, met in writing a file, as trouble of ours whatever the system calls it."""
    sentence = "This bot can't write to its disk right now."
    return trouble_of(error) or Trouble(sentence, kind="disk", raw=str(error))


class Troubles:
    """What holds up which jobs just now."""

    def __init__(self) -> None:
        self._held: dict[str, dict[int, str]] = {}  # by kind: jobs, and what the system said
        self._times: dict[int, int] = {}  # how often in a row each job met some

    def met(self, job_id: int, trouble: Trouble) -> int:
        """Note that *trouble* holds a job up; how often in a row that is."""
        jobs = self._held.setdefault(trouble.kind, {})
        level = logging.DEBUG if jobs else logging.ERROR
        log.log(level, "%s Job %s waits: %s", trouble, job_id, trouble.raw)
        jobs[job_id] = trouble.raw
        self._times[job_id] = self._times.get(job_id, 0) + 1
        return self._times[job_id]

    def times(self, job_id: int) -> int:
        """How often in a row *job_id* met some."""
        return self._times.get(job_id, 0)

    def over(self, job_id: int) -> None:
        """The job went on."""
        if self._times.pop(job_id, None) is None:
            return
        for kind, jobs in list(self._held.items()):
            if jobs.pop(job_id, None) is not None and not jobs:
                del self._held[kind]
                log.warning("The trouble with %s is over.", _NAMES[kind])

    async def remark(self) -> str | None:
        """What /healthz says: what is wrong, and how many clips wait for it."""
        for kind, jobs in self._held.items():
            clips = "1 clip waits" if len(jobs) == 1 else f"{len(jobs)} clips wait"
            return f"problem with {_NAMES[kind]}, {clips}: {[*jobs.values()][-1]}"
        return None


_NAMES = {
    "room": "this machine's disk space",
    "disk": "this machine's disk",
    "memory": "this machine's memory",
    "ffmpeg": "this machine's ffmpeg",
    "server": "the database server",
}


async def no_room() -> None:
    """Make room on the disk where nothing may go: in a deployment whose files nobody keeps."""
