"""`dailies job 42`: everything that is known of one clip, in one view. It only reads."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

from bot.exits import FAILED, OK
from bot.settings import Settings
from bot.words.text import one_line
from storage import look_into
from storage.dossier import Dossier

#: Columns that are shown by themselves, or that only a key in hand would need.
_ELSEWHERE = frozenset({"brief", "token"})


async def report(settings: Settings, job_id: int) -> int:
    """Print it, also beside a running Dailies. Raises `CannotOpen` where there is no database."""
    async with look_into(settings.dailies_data, beside=True, server=settings.server) as store:
        found = await store.dossiers.of(job_id)
    if found is None:
        print(f"There is no clip #{job_id} in {settings.dailies_data}.")
        return FAILED
    print("\n".join(lines(found, settings.dailies_data)))
    return OK


def lines(found: Dossier, data: Path) -> list[str]:
    """What is printed, without the words of its prompt: logs and screens are passed around."""
    job = found.job
    said = [f"#{job.id} · {job.state} since {_when(job.since)}", "", "Row"]
    for field in fields(job):
        value = getattr(job, field.name)
        if field.name in _ELSEWHERE or value is None:
            continue
        at = field.name.endswith("_at") or field.name == "since"
        said.append(f"  {field.name:<16} {_when(value) if at else one_line(str(value))}")
    brief = {
        name: value
        for name, value in (
            (field.name, getattr(job.brief, field.name)) for field in fields(job.brief)
        )
        if value not in (None, (), "") and name != "prompt"
    }
    said += ["", "Asked for", f"  {'prompt':<16} {len(job.brief.prompt)} characters"]
    said += [f"  {name:<16} {one_line(str(value))}" for name, value in brief.items()]
    said += _part(
        "Events",
        (
            f"{_when(each.at)}  {each.before or '–'} → {each.after}  {one_line(each.why)}".rstrip()
            for each in found.events
        ),
    )
    said += _part("Money", _money(found))
    said += _part(
        "Posts",
        (f"{_when(p.at)}  message {p.message_id} in channel {p.channel_id}" for p in found.posts),
    )
    said += _part(
        "Waited for a moderator",
        (
            f"{_when(at)}  {state}, {'told' if told else 'nobody told yet'}"
            f"{', decided' if over else ''}"
            for at, state, told, over in found.parkings
        ),
    )
    said += _part(
        "Told to moderators",
        (f"{_when(at)}  {kind}: {one_line(text)}" for at, kind, text in found.incidents),
    )
    said += _part("Files", (_file(data, each) for each in found.files))
    return said


def _money(found: Dossier) -> Iterable[str]:
    bill = found.bill
    if bill is not None:
        yield (
            f"held when ordered {bill.reserved:,} · still held {bill.held:,} · "
            f"charged {bill.spent:,} · lost {bill.lost:,} · in suspense {bill.suspense:,} credits"
        )
    for each in found.movements:
        attempt = f" of attempt {each.attempt}" if each.attempt is not None else ""
        yield (
            f"{_when(each.at)}  {each.kind}{attempt}: {each.amount:,} from {each.source} "
            f"to {each.target}"
        )


def _file(data: Path, file: str) -> str:
    path = data / file
    return (
        f"{file}  {path.stat().st_size:,} bytes" if path.is_file() else f"{file}  not on the disk"
    )


def _part(title: str, said: Iterable[str]) -> list[str]:
    found = [f"  {each}" for each in said]
    return ["", title, *found] if found else []


def _when(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"
