"""What `dailies doctor` finds on this machine: programs, data, disk, backups, ports, clock."""

import asyncio
import os
import shutil
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import imageio_ffmpeg

from bot.app.backups import place_of
from bot.app.compose import defaults_of
from bot.app.findings import Report
from bot.errors import Busy
from bot.files.bucket_sync import DAY
from bot.settings import Settings
from bot.words.limits import clips
from storage import PARKED, SQLITE, Backlog, CannotOpen, Locked, NotThere, look_into, shareable

FFMPEG_WITHIN = 20.0  #: seconds; it encodes one small picture
INODES = 10_000  #: files that must still fit on the disk, or it is told
_ENCODE = "-v error -f lavfi -i color=size=64x64:duration=0.04 -c:v libx264 -f null -"


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What the database says that other checks need."""

    used: int | None = None  #: credits used of the budget for all servers; None: unknown
    backlogs: Mapping[str, Backlog] = field(default_factory=dict)  #: what webhooks did not take
    channels: Mapping[int, set[int]] = field(default_factory=dict)  #: in use, by server
    in_use: bool = False  #: a running Dailies has the directory


async def look_at_programs(report: Report) -> None:
    """Python, SQLite, and ffmpeg, which encodes one picture."""
    report("Python", sys.version.split()[0])
    report("SQLite", SQLITE + ("" if shareable() else ", fine without Litestream"))
    program = imageio_ffmpeg.get_ffmpeg_exe()
    fix = "install Dailies again, or set IMAGEIO_FFMPEG_EXE to an ffmpeg with x264"
    try:
        process = await asyncio.create_subprocess_exec(
            program, *_ENCODE.split(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        report("ffmpeg", f"{program} can't be run ({error.strerror})", fix)
        return
    try:
        async with asyncio.timeout(FFMPEG_WITHIN):
            _, said = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        report("ffmpeg", f"it took over {FFMPEG_WITHIN:g} s for one picture", fix)
        return
    if process.returncode:
        last = said.decode(errors="replace").strip().splitlines()[-1:]
        report("ffmpeg", f"it can't encode ({''.join(last) or process.returncode})", fix)
    else:
        report("ffmpeg", f"{Path(program).name} encodes")


async def look_at_data(settings: Settings, report: Report) -> Data:
    """The database, also beside a running Dailies, and the disk that it is on."""
    data = settings.dailies_data
    try:
        in_use = await _in_use(settings)
        async with look_into(
            data, defaults=defaults_of(settings), beside=True, server=settings.server
        ) as store:
            total = await store.policy.total()
            found = Data(
                used=total.used if total is not None else 0,
                backlogs=await store.outbox.backlogs(),
                channels=await store.servers.channels_in_use(),
                in_use=in_use,
            )
            live = await store.jobs.counts()
            restored = await store.restorations.latest()
    except NotThere:
        where = data if settings.server is None else "the database of DAILIES_STORE"
        report("data", f"nothing in {where} yet, the first start makes it")
        _look_at_disk(settings, report)
        return Data(used=0)
    except CannotOpen as error:
        report("data", str(error), "fix or move it")
        return Data()
    if settings.server is not None:
        data_at = "the database of DAILIES_STORE"
        report("data", f"{data_at}, in use by a running Dailies" if in_use else data_at)
    elif restored is not None and restored.began_at is None:
        report("data", f"{data}, a backup that nobody has gone on from")
    else:
        report("data", f"{data}, in use by a running Dailies" if in_use else f"{data}, whole")
    waiting = sum(count for (_, state), count in live.items() if state in PARKED)
    if waiting:
        fix = "decide in /studio unclear"
        report.warn("parked clips", f"{clips(waiting)} for a moderator", fix)
    _look_at_disk(settings, report)
    return found


async def _in_use(settings: Settings) -> bool:
    try:
        async with look_into(settings.dailies_data, server=settings.server):
            return False
    except Locked:
        return True


def _look_at_disk(settings: Settings, report: Report) -> None:
    folder = settings.dailies_data
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK | os.X_OK):
        report("disk", f"{folder} can't be written to", "change its owner to whom Dailies runs as")
        return
    free = shutil.disk_usage(folder).free / 2**30
    files = os.statvfs(folder)
    said = f"{free:,.0f} GiB free" if free >= 10 else f"{free:.1f} GiB free"
    if free < settings.dailies_spare_gb:
        fix = (
            f"make room: orders are refused below DAILIES_SPARE_GB ({settings.dailies_spare_gb:g})"
        )
        report("disk", said, fix)
    elif files.f_files and files.f_favail < INODES:
        report("disk", f"{files.f_favail:,} more files fit (inodes)", "delete small files")
    elif free < 2 * settings.dailies_spare_gb:
        report.warn("disk", said, "make room soon")
    else:
        report("disk", said)


async def look_at_backups(settings: Settings, report: Report, *, now: float) -> None:
    """How old the newest backup is."""
    target = settings.dailies_backup_to
    if settings.server is not None:
        report("backups", "the server's own: pg_dump, or its archive")
        return
    if target is None:
        fix = "set DAILIES_BACKUP_TO, or run `dailies backup` by a timer"
        report.warn("backups", "none are made by themselves", fix)
        return
    place = place_of(target, settings)
    try:
        there = await place.backups()
    except Busy as busy:
        report("backups", str(busy), "check DAILIES_BACKUP_TO")
        return
    if not there:
        report.warn("backups", f"none in {place.name} yet", "start `dailies run`")
        return
    hours = (now - there[-1].at) / 3600
    said = f"{len(there)} in {place.name}, the newest is {hours:.1f} hours old"
    if hours > 2 * settings.dailies_backup_hours + 1:
        report("backups", said, "look for “No backup could be made” in the log")
    else:
        report("backups", said)


async def look_at_ports(settings: Settings, report: Report, *, in_use: bool) -> None:
    """Whether each port is free, or a running Dailies answers there."""
    ports = [("DAILIES_WEB", settings.dailies_web_host, settings.dailies_web_port)]
    if settings.public_url is not None:
        host, port = settings.dailies_callback_host, settings.dailies_callback_port
        ports.append(("DAILIES_CALLBACK", host, port))
    for name, host, port in ports:
        part = f"port {port}"
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            family, kind, protocol, _, address = found[0]
            with socket.socket(family, kind, protocol) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind(address)
            report(part, "free")
        except OSError as error:
            if in_use:
                report(part, "a running Dailies has it")
            else:
                report(part, f"can't be used at {host} ({error.strerror})", f"change {name}_PORT")


def look_at_clock(report: Report, *, theirs: float | None, now: float) -> None:
    """How far the machine's clock is from Discord's."""
    if theirs is None:
        report("clock", f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(now))} UTC, not compared")
        return
    off = now - theirs
    if abs(off) < 5:
        report("clock", "as Discord's")
    elif abs(off) < DAY:
        report.warn("clock", f"{off:+.0f} s from Discord's", "let the machine set it (NTP)")
    else:
        report("clock", f"{off / DAY:+.0f} days from Discord's", "let the machine set it (NTP)")
