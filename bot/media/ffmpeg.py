"""Runs ffmpeg: as a child that is polite, watched, and never outlives us."""

import asyncio
import errno
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg

__all__ = ["H264_AAC", "QUALITY", "FfmpegError", "Graph", "MediaError", "ffmpeg", "rate"]

#: Exit codes that say what this machine lacks: ffmpeg ends with the low byte of `-errno`.
_LACKING = frozenset(
    -number & 0xFF
    for number in (
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM, errno.EAGAIN),
        *(errno.EMFILE, errno.ENFILE, errno.EROFS, errno.EACCES, errno.EPERM),
    )
)

#: Lines of ffmpeg's own words that are kept for an error. Its last ones name the cause.
_KEPT_LINES = 40

#: How every clip of ours is written: what browsers, phones and Discord play, its index in front.
H264_AAC = (
    *("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "60"),
    *("-c:a", "aac", "-ar", "48000", "-ac", "2"),
    *("-map_metadata", "-1", "-map_chapters", "-1", "-movflags", "+faststart", "-f", "mp4"),
)
#: How good, where no size is asked for.
QUALITY = ("-crf", "20", "-b:a", "160k")

#: What a run may take that only looks at a stranger's file: it writes nothing but pipes.
_CONFINED = {
    "RLIMIT_AS": 6 * 2**30,  # a 4K picture is 12 MB, and a decoder holds some thirty
    "RLIMIT_CPU": 1200,
    "RLIMIT_FSIZE": 0,
    "RLIMIT_NOFILE": 64,
    "RLIMIT_CORE": 0,
}

# What runs before ffmpeg, in the child: ask the kernel to kill it when this process dies (only
# Linux can), give way to everything else, take less where it is confined, become ffmpeg. A Python
# of its own and not a `preexec_fn`, which may deadlock in a process that has threads. It imports
# as little as it can: each clip is looked at more than once.
_BECOME = """
import os, sys
parent, limits, *command = sys.argv[1:]
if sys.platform == "linux":
    import ctypes
    PR_SET_PDEATHSIG, SIGKILL = 1, 9
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit(1)
os.nice(19)
if limits:
    import resource
    for each in limits.split(","):
        name, _, most = each.partition("=")
        most = int(most)
        _, hard = resource.getrlimit(getattr(resource, name))
        low = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(getattr(resource, name), (low, low))
os.execv(command[0], command)
"""


class FfmpegError(Exception):
    """ffmpeg did not do it. *stderr* is the last of what it said, for the operator.

    *code* is its exit code, negative where a signal ended it, None where its time was up. *ours*
    says that this machine is to blame (room, memory, time), and not what is in the file.
    """

    def __init__(
        self, sentence: str, *, stderr: str, code: int | None = None, confined: bool = False
    ) -> None:
        super().__init__(sentence)
        self.stderr = stderr
        self.code = code
        # What a confined run lacks, its file asked too much of.
        lacking = code in _LACKING and not confined
        self.ours = code is None or code == -signal.SIGKILL or lacking

    @property
    def reason(self) -> str:
        """All that the operator's log should have: how it ended, and what it said."""
        return f"{self}\n{self.stderr}".strip()


class MediaError(Exception):
    """The file cannot be read, or what was asked cannot be made of it. The message is a sentence.

    *stderr* is the last of what ffmpeg said, for the operator. *ours* says that this machine is
    to blame (no room, no memory, no time) and not the file: the same may work later.
    """

    def __init__(self, sentence: str, *, stderr: str = "", ours: bool = False) -> None:
        super().__init__(sentence)
        self.stderr = stderr
        self.ours = ours

    @property
    def reason(self) -> str:
        """All that the operator's log should have: the sentence, and what ffmpeg said."""
        return f"{self}\n{self.stderr}".strip()


class Graph:
    """The inputs and filters of one run. It makes the labels, so none is used twice."""

    def __init__(self) -> None:
        self._inputs: list[str] = []
        self._chains: list[str] = []
        self._count = 0

    def read(self, path: Path, *options: str) -> int:
        """Add a file as an input; return its number. *options* say what it is, such as `-f mov`.

        Only that one file is read, whatever it says about others.
        """
        self._inputs += ["-protocol_whitelist", "file", *options, "-i", f"file:{path}"]
        self._count += 1
        return self._count - 1

    def apply(self, chain: str, *labels: str) -> str:
        """Add filters that take the streams *labels*; return the label of their result."""
        result = f"s{len(self._chains)}"
        self._chains.append("".join(f"[{label}]" for label in labels) + f"{chain}[{result}]")
        return result

    def concat(self, labels: Sequence[str], *, pieces: int, sound: bool) -> list[str]:
        """Pieces of one picture each, or of a picture and a sound, one after the other."""
        count = len(self._chains)
        results = [f"s{count}v", f"s{count}a"][: 2 if sound else 1]
        inputs, outputs = ("".join(f"[{name}]" for name in names) for names in (labels, results))
        self._chains.append(f"{inputs}concat=n={pieces}:v=1:a={int(sound)}{outputs}")
        return results

    def split(self, label: str, count: int, *, sound: bool = False) -> list[str]:
        """The stream *label*, as many times as it will be used."""
        results = [f"s{len(self._chains)}_{number}" for number in range(count)]
        outputs = "".join(f"[{result}]" for result in results)
        self._chains.append(f"[{label}]{'a' if sound else ''}split={count}{outputs}")
        return results

    @property
    def inputs(self) -> list[str]:
        """The inputs alone, for a run without filters."""
        return [*self._inputs]

    def arguments(self, *labels: str) -> list[str]:
        """The inputs, the filters, and the streams *labels* as what is written."""
        maps = [word for label in labels for word in ("-map", f"[{label}]")]
        return [*self._inputs, "-filter_complex", ";".join(self._chains), *maps]


async def ffmpeg(
    *arguments: str | Path,
    cwd: Path | None = None,
    timeout: float,
    seconds: float | None = None,
    progress: Callable[[float], None] | None = None,
    program: Path | None = None,
    listen: Callable[[str], None] | None = None,
    confined: bool = False,
    pass_fds: Sequence[int] = (),
) -> str:
    """Run ffmpeg with *arguments* in *cwd* at nice 19; return what it wrote to stderr.

    *progress* is called with 0 to 1, measured in the *seconds* that the output will have; *listen*
    with each line that it writes to `pipe:1`. *confined*: for a look at a stranger's file, with
    limits on memory and CPU and no file to write. It inherits the descriptors *pass_fds*. Raises
    `FfmpegError` when it fails or takes more than *timeout* seconds. Cancelling the call kills
    it; when this returns or raises there is no process left. *program* is run in ffmpeg's place.
    """
    command = [
        str(program or imageio_ffmpeg.get_ffmpeg_exe()),
        *("-hide_banner", "-nostdin", "-y"),
        *(("-loglevel", "error") if confined else ()),
        *(("-progress", "pipe:1", "-stats_period", "0.1") if progress else ()),
        *map(str, arguments),
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-S", "-c", _BECOME, str(os.getpid())),
        ",".join(f"{name}={most}" for name, most in _CONFINED.items()) if confined else "",
        *command,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=pass_fds,
        start_new_session=True,  # a Ctrl-C in our terminal is for us, not for it
    )
    assert process.stdout is not None and process.stderr is not None, "both were asked for"
    quiet = progress is not None or confined
    words: deque[str] = deque(maxlen=_KEPT_LINES if quiet else None)
    try:
        async with asyncio.timeout(timeout), asyncio.TaskGroup() as group:
            group.create_task(_read(process.stderr, words.append))
            group.create_task(_read(process.stdout, listen or _follow(progress, seconds)))
            code = await process.wait()
    except TimeoutError:
        raise FfmpegError(
            f"ffmpeg was not ready after {timeout:.0f} s.", stderr="\n".join(words)
        ) from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            # Its pipes are read to their end, or asyncio would not see it go. Shielded, so that a
            # second cancellation leaves no zombie either.
            await asyncio.shield(process.communicate())
    if code != 0:
        raise FfmpegError(
            f"ffmpeg stopped with code {code}.",
            stderr="\n".join(list(words)[-_KEPT_LINES:]),
            code=code,
            confined=confined,
        )
    return "\n".join(words)


async def _read(stream: asyncio.StreamReader, say: Callable[[str], None]) -> None:
    """Hand every line to *say*; a line without an end is cut, so that nothing piles up."""
    rest = b""
    while chunk := await stream.read(65536):
        *lines, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
        rest = rest[-65536:]
        for line in lines:
            say(line.decode("utf-8", "replace"))
    if rest:
        say(rest.decode("utf-8", "replace"))


def _follow(
    progress: Callable[[float], None] | None, seconds: float | None
) -> Callable[[str], None]:
    """What to do with a line of `-progress`: its `out_time_us` says how much is written."""

    def follow(line: str) -> None:
        name, _, value = line.partition("=")
        if progress is not None and seconds and name == "out_time_us" and value.isdigit():
            progress(min(1.0, int(value) / 1_000_000 / seconds))

    return follow


def rate(fps: float | Fraction) -> str:
    """*fps* as ffmpeg takes it exactly: '24/1', '30000/1001'."""
    exact = Fraction(fps).limit_denominator(1001)
    return f"{exact.numerator}/{exact.denominator}"
