"""What an order is checked by, read in one question. It is only taken while its terms hold."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .database import Database
from .defaults import Defaults
from .guilds import Server, server_of
from .job import MADE, Job, sql_list
from .jobs import requested
from .order_defaults import OrderDefaults, defaults_at
from .posts import SHOWS
from .prompt_rules import PromptRule, prompt_rules
from .threads import here_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A server's settings and prompt rules, and what is known of the clips an order builds on."""

    guild_id: int
    server: Server
    prompt_rules: tuple[PromptRule, ...]
    clips: tuple[tuple[object, ...], ...]  #: of each: its row, who hid it, where it stands
    built_on: tuple[int, ...]

    def hold(self, db: Database, server: Server) -> bool:
        """Whether nothing of them has changed; *server* has the settings of now."""
        return _terms(db, self.guild_id, self.built_on, server) == self


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """What is known of an order before it is checked, all of it in one state."""

    known: Job | None  #: what its request became before
    terms: Terms
    here: tuple[int, ...]  #: see `threads.here_of`
    own: OrderDefaults  #: what its person chose for orders in its server
    channels: Mapping[int, OrderDefaults]  #: what was chosen for those of *here*


def premises(
    db: Database,
    request: str,
    *,
    guild_id: int,
    channel_id: int,
    parent_id: int | None,
    user_id: int,
    built_on: Collection[int],
    defaults: Defaults,
) -> Premises:
    """What an order of a person, made where they are, is checked by."""
    here = here_of(db, channel_id, parent_id)
    own, channels = defaults_at(db, guild_id, user_id=user_id, channels=here)
    return Premises(
        known=requested(db, request),
        terms=terms(db, guild_id, built_on, defaults),
        here=here,
        own=own,
        channels=channels,
    )


def terms(db: Database, guild_id: int, built_on: Collection[int], defaults: Defaults) -> Terms:
    """The terms of an order in a server that builds on the clips *built_on*, as they are now."""
    return _terms(db, guild_id, built_on, server_of(db, guild_id, defaults))


def _terms(db: Database, guild_id: int, built_on: Collection[int], server: Server) -> Terms:
    clips = [
        tuple(row)
        for number in built_on
        for row in db.execute(
            f"""
            SELECT job.id, guild_id, user_id, channel_id, thread_id, card_channel_id,
                state IN {sql_list(MADE)}, file, hidden_by, dropped,
                (SELECT group_concat(channel_id)
                 FROM (SELECT DISTINCT channel_id FROM post WHERE {SHOWS} ORDER BY 1) AS stands)
            FROM job LEFT JOIN take ON take.job_id = job.id WHERE job.id = ?
            """,  # noqa: S608  # fixed texts
            (number,),
        )
    ]
    return Terms(
        guild_id=guild_id,
        server=server,
        prompt_rules=tuple(prompt_rules(db, guild_id)),
        clips=tuple(clips),
        built_on=tuple(built_on),
    )
