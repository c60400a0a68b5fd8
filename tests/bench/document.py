"""Writes `docs/performance.md` of what the benchmarks found: the table, its misses, the ceiling."""

import os
import platform
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.table import Row, markdown

#: Why a goal cannot be met, and what would meet it: by how a row's name begins.
WHY = {
    "a poll through the worker": (
        "Beside what aiohttp needs for it, checking the answer (size, form, secrets) takes "
        "some 60 µs, looking at the job and its progress 45, its task 40; no line of them is "
        "worth a trick. Asking about many jobs in one call would help. No provider has such a "
        "call."
    ),
    "loading": (
        "In what the bare bot takes: itself 1×, pydantic, which reads the settings, 0.4×, the "
        "210 data classes of our own 0.45×, as Python 3.11 compiles half a dozen functions for "
        "each, and the rest of our 250 modules 0.45×. Data classes without equality and words "
        "of their own would be a third cheaper. Without pydantic it would be about 1.9×; 1.5× "
        "leaves 0.5× for everything."
    ),
    "start to ready": (
        "In what the bare bot takes: loading 2.3×, the modules of the commands 0.2×, building "
        "47 commands with their choices, where the bare bot has one, 0.4×, a new database 0.1×, "
        "and the rest is logging in and telling Discord of the commands. Fewer commands would "
        "help, or building them when they are first used, which discord.py cannot."
    ),
    "idle memory": (
        "Of 81 MB, the bare bot's are 44. pydantic is 11, the rows of the database with their "
        "statements 4, httpx, Prometheus and the web server 4, the rest of our modules 8; the "
        "commands, an open database with its readers and what is in use are 10. Without "
        "pydantic it would be about 1.6×."
    ),
    "the first chart": (
        "What is more is loading Pillow and a font. Loaded at the start they would cost each "
        "bot 7 MB, and most of them draw no chart."
    ),
    "10,000 in flight": (
        "2,000 questions and 50 orders a second leave 0.45 ms of a core for a question. It takes "
        "0.35 ms where nobody else wants the core, and 0.5 on slower ones: then questions come "
        "later, one after the other, and none is lost. A second process that asks would help."
    ),
    "1,000 in flight": (
        "A fifth of a core is enough where nobody else wants it. What is missing are moments in "
        "which other programs had it: this depends on how busy the machine is."
    ),
    "admission, one": (
        "One by itself takes 1.2 ms of CPU: 15 statements with those of triggers, two changes of "
        "thread, and some 30 pages of tables and indexes that go to the log; the bare loop takes "
        "0.2 ms and a third of the pages. So 1.7× is met where a commit takes 1.2 ms or more. "
        "Fewer indexes would help, but each answers a question that must not grow with the file."
    ),
    "admission": (
        "Of 200 that share a commit each takes 0.6 ms of CPU: the row of the job with its 11 "
        "indexes 0.16, the ledger with the triggers that keep its sums 0.18, what is left of each "
        "limit 0.08, the first move 0.05, and Python the rest. The bare loop takes 0.15 ms and a "
        "commit. So 4× is met where a commit takes 2.3 ms or more. Where it takes 0.1 ms, 4× "
        "leaves 0.07 ms for an order, less than the row of the job. Keeping the sums in memory "
        "would help, and nobody could prove them any more."
    ),
    "Studio.order, one": (
        "As for an admission. What holds is read before, which is 0.3 ms, and rules and the price "
        "are 0.4 ms: 1.7× is met where a commit takes 2.7 ms or more."
    ),
    "Studio.order": (
        "As for an admission: 1.2 ms of CPU, half of it the admission, a quarter the read of what "
        "holds, the rest rules and the price. So 3× is met where a commit takes 3.5 ms or more."
    ),
    "an order until its clip is done": (
        "Six commits and some 50 statements under every rule: 3.0 ms of CPU. huey takes 1.6 and "
        "three commits, DBOS 8 and three commits. Orders that wait share their commits, so 8× is "
        "met where a commit takes 8 ms or more, and 40× where it takes 60. Neither of them knows "
        "limits, a ledger or whose turn it is."
    ),
    "an order while": (
        "What is more is a core that both want: ffmpeg gives way, and reads have connections of "
        "their own."
    ),
    "bytes a finished job": (
        "490 B are the row of the job. Its moves are 300 B with their index, its bookings 370 "
        "with theirs, ten indexes of jobs 250, its words for searches 165, 90 of them its "
        "prompt once more, its post and take 130, the file that it names 50. Words that are not "
        "stored twice would save 90 B, moves without a number of their own 80, states and "
        "accounts that are numbers and not words some 200. That comes to 1,550; 1,100 B need a "
        "table of finished jobs with fewer columns and indexes, in which every list would have "
        "to look, too."
    ),
    "a page of clips": (
        "A search of words that are common and never stand together looks at 32,768 clips at "
        "a time, and says so."
    ),
    "50 people at once": (
        "An order alone is 1 ms of CPU, so 2× leaves nothing for its card. Of what the bot "
        "does until the last is answered, a third is answering, a fifth what Discord tells "
        "it meanwhile (its own messages come back), a tenth each the command and the order, "
        "the rest the loop. From the 33rd on everybody is told “thinking…” first, which is "
        "a second request for each, and keeps answers in time where more come. Threads wait "
        "until all are answered."
    ),
    "3,000 /video text": (
        "One core may spend 1 ms on each, or the last is late. From the 33rd on everybody "
        "is told “thinking…” before any order begins, and that is 2 ms: 1.2 ms as in the "
        "bare bot, and 0.8 ms to check who asks for what, and where. So some 1,200 are in "
        "time. Several processes would do more, with shards or with interactions that "
        "Discord sends by HTTP."
    ),
    "a clip that is ready": (
        "ffmpeg reads the clip to its end before it counts, so that no half clip is posted or "
        "paid for. To decode 6 s of 720p takes 0.6 s of CPU, so 0.3 s or more on two cores, and "
        "goes with its length; the child that does it begins in 0.05 s, and the rest is 0.1 s. "
        "Looking at the packets alone would take 0.04 s: it finds what is cut off, and not what "
        "is damaged inside. Reading a clip while it is downloaded would hide it where the way "
        "is slow and its index comes first; here the clip is on the disk."
    ),
    "an easy clip": (
        "It is written once, in 1 s of CPU for each second of the clip: half of its time on two "
        "cores that nobody else wants. Where other programs want them, too, it takes longer."
    ),
    "a grainy clip": (
        "It is read and written twice, 2.5 s of CPU each for every second of it, half of which "
        "is reading its 70 Mbit/s: 2.5× on two cores that nobody else wants, 1.5× on four. One "
        "pass would be enough for 1.5×, and looks worse: at the same limit two are 1 dB better, "
        "as a pass that cannot know what comes has to leave room."
    ),
}
UNKNOWN = "Nobody has looked into it yet."

POLL = 0.0004  #: seconds of CPU that a poll costs, about
SECOND = 50  #: calls a second that Discord allows one token, outside of interactions

HEAD = """\
# Performance

Written by `make bench`. Each figure is a ratio against something that did the same work in the same
run, where there is such a thing: a machine's speed and what else it does count less then. Figures
in brackets are the lowest and the highest turn.

"""

MISSED = """\
Times of CPU in the reasons are those of cores that nobody else wanted, where nothing else is said.
Where other programs work on the same machine they are up to twice as long, on both sides, and what
has to wait for a core (lags, questions on time, answers within 3 s) is late by as much as that.

"""

CEILING = """\
## Discord's ceiling

Discord answers at most {second} calls a second of one token. Calls by an interaction's token
(answers to commands, edits of a card while it is young) do not count.

| | |
|---|---|
| calls by the bot's own token, a finished clip | {calls:.0f} |
| clips a second that Discord lets one bot post | {second} / {calls:.0f} = {clips:.1f} |
| the same in a day | {day:,.0f} |
| orders a second that the database takes, durable | {orders:,.0f} |
| … of them for one clip Discord lets out | {times:,.0f} |
| clips under way at once at that rate, two minutes each | {under:,.0f} |
| polls a second for them, one in five seconds each | {polls:,.0f} |
| … of what one process asks on one core | {share:.0f} % |

So Discord is full first, by far. What comes after one process:

1. **More tokens.** A bot of its own for each large server has a limit of its own. Each is a Dailies
   with its own data directory; nothing is shared, and nothing has to be.
2. **Fewer calls a clip.** Servers that have their clips in the channel, without threads, save one.
3. **Several processes for one token** would share those {second} calls, so they gain no clips. They
   would be needed for commands alone: a shard of Discord's gateway has at most 2,500 servers.
   SQLite has one writer, and several processes on one file are slower than one; that is where a
   database server begins.
"""


def machine() -> str:
    """The machine of this run, in a sentence."""
    cpu = platform.processor() or platform.machine()
    try:
        names = [
            line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
        ]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    except OSError:
        pass
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores ({cpu}), {platform.system()} {platform.release()}, Python "
        f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}; "
        f"{datetime.now(UTC):%d %B %Y}. "
        f"When it began, {load:.1f} programs wanted its cores."
    )


def document(found: Sequence[tuple[str, Sequence[Row]]], on: str) -> str:
    """The whole document: *found* are the rows by their benchmark, *on* is the machine."""
    rows = [row for _, each in found for row in each]
    met = sum(row.met for row in rows)
    parts = [HEAD, f"The machine: {on}\n\n", f"{met} of {len(rows)} goals are met.\n\n"]
    parts.append(markdown(rows))
    if missed := [row for row in rows if not row.met]:
        parts.append(f"\n## Goals that are missed\n\n{MISSED}")
        parts += [
            f"- **{row.name}**: {row.cells()[2]}, wanted {row.cells()[3]}. {why(row)}\n"
            for row in missed
        ]
    parts += ["\n", ceiling(rows)]
    return "".join(parts)


def why(row: Row) -> str:
    """Why a goal is missed, and what would meet it."""
    known = (reason for begins, reason in WHY.items() if row.name.startswith(begins))
    return next(known, UNKNOWN)


def ceiling(rows: Iterable[Row]) -> str:
    """The arithmetic of how many clips Discord lets out, of what was measured."""
    calls = _figure(rows, "calls of Discord", 12.0)
    clips = SECOND / calls
    orders = _rate(rows)
    under = clips * 120
    polls = under / 5
    return CEILING.format(
        second=SECOND,
        calls=calls,
        clips=clips,
        day=clips * 86_400,
        orders=orders,
        times=orders / clips,
        under=under,
        polls=polls,
        share=100 * polls * POLL,
    )


def _figure(rows: Iterable[Row], name: str, otherwise: float) -> float:
    return next((row.figure for row in rows if row.name.startswith(name)), otherwise)


def _rate(rows: Iterable[Row]) -> float:
    """Orders a second, as the first row of admissions notes them."""
    notes = [row.note for row in rows if row.name.startswith("admission, durable")]
    return float(notes[0].split()[0].replace(",", "")) if notes else 1_000.0
