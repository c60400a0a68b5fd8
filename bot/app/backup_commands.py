"""`dailies backup` and `dailies restore`, as an operator types them."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bot.app.backups import Backups, place_of
from bot.errors import Busy
from bot.exits import FAILED, OK, USAGE, Exit
from bot.files.backup_places import Backup, BackupPlace, time_of
from bot.setting_words import behind_a_colon
from bot.settings import S3, Settings, backup_target
from bot.words.limits import clips
from storage import Restored, look_into, restore_database

NOWHERE = (
    "Say where: `dailies {} DIRECTORY`, or set DAILIES_BACKUP_TO to a directory or a bucket such "
    "as s3://my-backups/dailies."
)


async def backup(settings: Settings, target: str | None, *, verify: bool, list_them: bool) -> int:
    """`dailies backup`: make one now, beside a running bot or without one.

    With *verify*, the newest one is restored into a directory of its own, checked and thrown away.
    """
    _of_a_file(settings)
    place = place_of(_target(settings, target, "backup"), settings)
    try:
        if list_them:
            return _listed(place, await place.backups())
        backups = Backups(
            settings.dailies_data,
            place,
            hours=settings.dailies_backup_hours,
            keep_days=settings.dailies_backup_keep_days,
        )
        made = await backups.make()
        print(
            f"✓ {made.backup.name} in {place.name}: {_megabytes(made.backup.size)}, whole, "
            f"{made.seconds:.1f} s"
        )
        for name in made.deleted:
            print(f"✓ {name} was older than {settings.dailies_backup_keep_days} days: deleted")
        return await _drill(settings, place, made.backup) if verify else OK
    except Busy as busy:
        raise Exit(f"There is no new backup. {busy}", FAILED) from busy


def _of_a_file(settings: Settings) -> None:
    if settings.server is not None:
        raise Exit(
            "DAILIES_STORE names a database server, and this command is for the database file. "
            "Back the server up with pg_dump, and restore it with pg_restore: see "
            "docs/several-machines.md.",
            USAGE,
        )


def _listed(place: BackupPlace, there: Sequence[Backup]) -> int:
    for each in reversed(there):
        print(f"{each.name}  {_utc(each.at)}  {_megabytes(each.size)}")
    if not there:
        print(f"There is no backup in {place.name}.")
    return OK


async def _drill(settings: Settings, place: BackupPlace, newest: Backup) -> int:
    """Restore a backup as after a loss, check the accounts in it, and throw it away."""
    folder = Path(tempfile.mkdtemp(prefix=".restore-drill-", dir=settings.dailies_data))
    try:
        began = time.monotonic()

        async def fetch(to: Path) -> float:
            await place.get(newest.name, to)
            return newest.at

        restored = await restore_database(folder, fetch, over=False)
        seconds = time.monotonic() - began
        async with look_into(folder) as store:
            broken = await store.check(thorough=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for sentence in broken:
        print(f"✗ {sentence}")
    if broken:
        return FAILED
    print(f"✓ Restored in {seconds:.1f} s: {clips(restored.jobs)}, and the accounts add up.")
    return OK


async def restore(settings: Settings, source: str | None, *, over: bool) -> int:
    """`dailies restore`: put a backup into the data directory, which nobody may be using.

    *source* is a backup's file, a directory of backups, or `s3://…`; None: `DAILIES_BACKUP_TO`.
    Of several backups the newest is taken. Raises `Exit`, `Locked`, `CannotOpen` or `DiskTrouble`.
    """
    _of_a_file(settings)
    place, name = await _chosen(settings, source)

    async def fetch(to: Path) -> float:
        await place.get(name, to)
        made = time_of(name)
        return made if made is not None else time.time()

    try:
        restored = await restore_database(
            settings.dailies_data, fetch, over=over, called=Path(name)
        )
    except LookupError:
        raise Exit(f"There is no {name} in {place.name}.", USAGE) from None
    except Busy as busy:
        raise Exit(f"Nothing was restored. {busy}", FAILED) from busy
    _tell(settings, place, name, restored)
    return OK


def _tell(settings: Settings, place: BackupPlace, name: str, restored: Restored) -> None:
    print(f"✓ {settings.dailies_data} holds {name} of {place.name}, made {_utc(restored.taken_at)}")
    print(f"  {clips(restored.jobs)}, up to #{restored.last_job}.")
    if restored.aside is not None:
        print(f"  The old database is {restored.aside.name} now. Delete it when all is well.")
    print(
        "  `dailies run` asks providers about the clips they were making. Clips that may have been "
        "ordered since the backup wait for a moderator: /studio unclear. Nothing is ordered twice."
    )
    print("  Next: `dailies check`, which also names the clips' files that are missing.")


async def _chosen(settings: Settings, source: str | None) -> tuple[BackupPlace, str]:
    """The place and the name of the backup that *source* means."""
    given = _target(settings, source, "restore")
    last = given.rstrip("/").rpartition("/")[2]
    if given.startswith(S3):
        named = time_of(last) is not None
        place = place_of(given.rstrip("/").rpartition("/")[0] if named else given, settings)
    else:
        path = Path(given)
        named = path.is_file()
        log = path.with_name(f"{path.name}-wal")
        if named and log.is_file() and log.stat().st_size:
            raise Exit(
                f"{path} is no backup: its last writes are beside it, in {log.name}. Set "
                "DAILIES_DATA to its directory, and run `dailies backup` first.",
                USAGE,
            )
        place, last = place_of(str(path.parent if named else path), settings), path.name
    if named:
        return place, last
    try:
        there = await place.backups()
    except Busy as busy:
        raise Exit(f"Nothing was restored. {busy}", FAILED) from busy
    if not there:
        raise Exit(f"There is no backup in {place.name}.", USAGE)
    return place, there[-1].name


def _target(settings: Settings, typed: str | None, command: str) -> str:
    """Where backups are: where somebody typed it, else as the settings say. Raises `Exit`."""
    given = typed or settings.dailies_backup_to
    if given is None:
        raise Exit(NOWHERE.format(command), USAGE)
    try:
        return backup_target(given)
    except ValueError as error:
        raise Exit(f"{given} can't be used: {behind_a_colon(str(error))}.", USAGE) from None


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %Y, %H:%M UTC")
