"""What `dailies doctor` finds of the database server, and of the processes that share it."""

from bot.app.findings import Report
from bot.settings import Settings
from bot.words.numbers import listed
from storage import CannotOpen
from storage.server_facts import ServerFacts, examine_server

ASKEW = 5.0  #: seconds between two clocks that are told
WHERE = "database server"


async def look_at_server(settings: Settings, report: Report) -> None:
    """The server, how safely it keeps what is committed, and who uses it."""
    if settings.server is None:
        return
    try:
        facts = await examine_server(settings.server, shards=settings.dailies_shards)
    except CannotOpen as error:
        fix = "check DAILIES_STORE, and whether the server runs and lets this machine in"
        report(WHERE, str(error).rstrip("."), fix)
    else:
        tell_of(facts, settings, report)


def tell_of(facts: ServerFacts, settings: Settings, report: Report) -> None:
    """Each part of what a server says, and how to mend it."""
    _look_at_kind(facts, report)
    _look_at_safety(facts, report)
    _look_at_processes(facts, settings, report)


def _look_at_kind(facts: ServerFacts, report: Report) -> None:
    """Whether it is one that Dailies can use."""
    said = f"PostgreSQL {facts.version}{facts.place}"
    if facts.old:
        report(WHERE, said, "Dailies needs PostgreSQL 14 or newer")
    elif facts.recovering:
        report(WHERE, f"{said} is a replica, which takes no writes", "name the primary server")
    elif not facts.owner:
        fix = "make the user of DAILIES_STORE the owner of the database"
        report(WHERE, f"{said} doesn't let its user make tables", fix)
    else:
        report(WHERE, said)
    for place in facts.outdated:
        fix = "stop it, and make it a replica of the newer one (pg_rewind, pg_basebackup)"
        report("replaced server", f"another that was replaced takes writes{place}", fix)
    lacking = [] if facts.encoding == "UTF8" else [f"it is encoded in {facts.encoding}"]
    lacking += [] if facts.icu else ["it was built without ICU"]
    fix = "create a database with ENCODING 'UTF8', on a server with ICU" if lacking else ""
    report("database text", " and ".join(lacking) or "UTF-8, with ICU", fix)
    if facts.connections < facts.needed:
        tell = report.warn if facts.present.holders else report  # then it is the next one's trouble
        tell(
            "database connections",
            f"{max(0, facts.connections)} more can be opened",
            f"raise max_connections: each process needs {facts.needed}",
        )
    if abs(facts.ahead) >= ASKEW:
        fix = "let both machines set their clocks (NTP)"
        report.warn("database clock", f"{facts.ahead:+.0f} s from this machine's", fix)


def _look_at_safety(facts: ServerFacts, report: Report) -> None:
    """Whether what was committed outlives a crash, and the loss of the server."""
    part, commits = "database durability", "commits wait for the disk (synchronous_commit=on)"
    if facts.careless:
        names = " and ".join(facts.careless)
        report(part, f"{names} off: a crash loses what was answered", f"turn {names} on")
    elif facts.synchronous and not facts.replicas:
        fix = "start the replica, or empty synchronous_standby_names if it is gone"
        report(part, "commits wait for a replica, and none is connected: nothing is saved", fix)
    elif facts.synchronous:
        report(part, f"{commits} and for a replica ({_replicas(facts.replicas)} connected)")
    elif facts.replicas:
        report.warn(
            part,
            f"{commits}, and not for the {_replicas(facts.replicas)}: one that takes over may "
            "lack the last orders",
            "set synchronous_standby_names if a replica may take over",
        )
    else:
        report(part, f"{commits}, no replica is connected")


def _look_at_processes(facts: ServerFacts, settings: Settings, report: Report) -> None:
    """Who is the bot, and who stands by."""
    holders = sorted(set(facts.present.holders.values()))
    epoch = "" if facts.epoch is None else f", epoch {facts.epoch}"
    if len(holders) > 1:
        report("leases", f"{listed(holders, last='and')} share the bot's servers")
    elif holders:
        report("lease", f"{holders[0]} is the bot{epoch}")
    else:
        report("lease", f"nobody is the bot now{epoch}")
    there, expected = facts.present.standing_by, settings.dailies_standbys
    said = f"{there} {'process stands' if there == 1 else 'processes stand'} by"
    if expected is not None and there < expected and holders:
        fix = "start another `dailies run`, or set DAILIES_STANDBYS"
        report.warn("standby", f"{said} of {expected}", fix)
    elif settings.dailies_s3_bucket is None:
        fix = "set DAILIES_S3_BUCKET: without it a second process lacks the clips, and refuses"
        report.warn("standby", "none can be: there is no bucket", fix)
    else:
        report("standby", said)


def _replicas(count: int) -> str:
    return "1 replica" if count == 1 else f"{count} replicas"
