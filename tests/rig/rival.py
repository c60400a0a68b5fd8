"""A process that writes to a server beside others, for `tests/storage/test_server_races.py`.

`rival.py limit URL WHAT FIRST ROUNDS ORDERS`: no lease; each round waits for a line, then orders
against a limit of one, or asks for the one slot of a provider, and prints how many were taken.
`rival.py lease URL DIRECTORY`: takes the lease and orders on and on, and prints the number of each
job once that is answered.
"""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from storage import Admitted, Defaults, ServerTrouble, Turns
from storage.clock import Clock, mark
from storage.commits import Commits
from storage.database import Database
from storage.parts import Jobs, Policy
from storage.postgresql.engine import Postgres
from storage.postgresql.opening import note_changes, open_server
from storage.postgresql.provider_slots import claim
from storage.postgresql.session import Session
from storage.postgresql.thread import SessionThread
from storage.schedule import Schedule
from storage.writer import Writer
from tests.rig.drafts import draft


def say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def limits_of(what: str) -> Defaults:
    """A limit that lets one order of five credits through, and no others that matter."""
    roomy = {"jobs_per_user": 10**6, "jobs_per_server": None, "per_minute": 10.0**6, "burst": 10**6}
    spent = {"amount": 10**9, "budget": 10**9}
    match what:
        case "quota":
            spent["amount"] = 9
        case "budget":
            spent["budget"] = 9
        case "budget of all":
            return Defaults(**roomy, **spent, budget_all=9)
    return Defaults(**roomy, **spent)


async def limit(url: str, what: str, first: int, rounds: int, orders: int) -> None:
    async with AsyncExitStack() as stack:
        thread = SessionThread(Session(url, name="rival", prepare=note_changes))
        stack.push_async_callback(thread.close)
        await thread.run(Session.connect)
        schedule = Schedule()
        await thread.run(schedule.begin)
        clock = await thread.run(lambda db: Clock(mark(db)))
        writer = Writer(thread, watch=Commits(clock=clock, schedule=schedule), engine=Postgres())
        jobs = Jobs(writer, clock=clock, defaults=Defaults())
        policy = Policy(writer, clock=clock, defaults=limits_of(what))
        say("ready")
        loop = asyncio.get_running_loop()
        for number in range(rounds):
            await loop.run_in_executor(None, sys.stdin.readline)
            begin = first + number * orders
            # A server of its own each round, or a day that the last round has not used.
            guild = 1000 + number
            if what == "slot":
                say(sum(await slots(writer, jobs, range(begin, begin + orders), guild)))
                continue
            found = await asyncio.gather(
                *(
                    policy.admit(draft(begin + each, guild_id=guild, price=5), roles=())
                    for each in range(orders)
                )
            )
            say(sum(isinstance(each, Admitted) for each in found))
        await writer.close()


async def slots(writer: Writer, jobs: Jobs, numbers: range, guild: int) -> list[bool]:
    """Whether each of those orders was given the one slot of the round's provider."""
    provider = f"p{guild}"
    ordered = await asyncio.gather(
        *(jobs.add(draft(each, guild_id=guild, provider=provider)) for each in numbers)
    )

    def asked(job_id: int) -> Callable[[Database], bool]:
        turns = Turns(provider=provider, jobs=((2, 0, job_id),))
        return lambda db: claim(db, job_id, 1, turns, f"rival {numbers.start}")

    return await asyncio.gather(*(writer.write(asked(job.id)) for job, _ in ordered))


async def lease(url: str, directory: str) -> None:
    async with open_server(Path(directory), url, readers=1) as store:
        say("ready")
        number = 0
        while not store.lease.gone.is_set():
            number += 1
            try:
                job, _ = await store.jobs.add(draft(number))
            except ServerTrouble as trouble:
                say(trouble)
                if "taken over" in str(trouble):
                    return
            else:
                say(job.id)
        say("Another has taken over.")  # as its renewal was told


if __name__ == "__main__":
    kind, url, *more = sys.argv[1:]
    if kind == "limit":
        asyncio.run(limit(url, more[0], *map(int, more[1:])))
    else:
        asyncio.run(lease(url, *more))
