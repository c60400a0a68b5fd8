"""The terms that an order was checked by: the order is only taken while all of them hold."""

from collections.abc import Collection
from dataclasses import dataclass

from .database import Database
from .defaults import Defaults
from .guilds import Server, server_of
from .job import MADE, sql_list
from .posts import SHOWS
from .prompt_rules import PromptRule, prompt_rules


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
                 FROM (SELECT DISTINCT channel_id FROM post WHERE {SHOWS} ORDER BY 1))
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
