"""A Discord on loopback: what runs when there is no token, and what tests talk to.

async with open_playground() as playground:
    discord.http.Route.BASE = playground.api_url
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(playground.gateway_url)
    ... client.start(playground.token) ...
    mira = playground.person("mira")
    asked = await mira.type("/video text", prompt="a red fox")
"""

import asyncio
import re
import secrets
import tempfile
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from simcord.backend.models import Channel, Guild

from playground.discord.buckets import Buckets
from playground.discord.cdn import Cdn
from playground.discord.clock import Clock
from playground.discord.doors import HOST, Doors
from playground.discord.gateway import Gateway
from playground.discord.journal import Journal
from playground.discord.memory import made_at
from playground.discord.rest import Call, Rest
from playground.discord.trouble import Trouble, Way, limited, refused
from playground.discord.wire import Wire
from playground.discord.world import MODERATOR, World, bits
from playground.page import browser
from playground.people.asking import File
from playground.people.feed import Feed, Feeds
from playground.people.person import Choice, Interaction, Person, PersonCannot
from playground.people.reading import Reading
from playground.people.views import Message, Modal
from playground.providers.mishaps import Mishaps

__all__ = [
    "Choice",
    "Feed",
    "File",
    "Interaction",
    "Message",
    "Modal",
    "Person",
    "PersonCannot",
    "Playground",
    "open_playground",
]

SERVER = "Northlight Studio"
PEOPLE = {"mira": "Mira", "jonas": "Jonas", "ada": "Ada"}  #: account -> the name that is shown
SWEEP = 60.0  #: seconds between looks for threads that have gone quiet


class Playground:
    """A running playground. Made by `open_playground`."""

    def __init__(
        self,
        *,
        data: Path | None,
        folder: Path,
        doors: Doors,
        privileged_intents: Iterable[str],
        rate_limits: bool,
        rate_windows: float,
        patient: bool,
        mishaps: Mishaps | None,
    ) -> None:
        self.doors = doors
        self.mishaps = mishaps  #: of imitated companies, where there are any
        if mishaps is not None:
            mishaps.on_change.append(self._tell_mishap)
        self._journal = Journal(data / "world.jsonl" if data is not None else None)
        remembered = list(self._journal.entries())
        newest = max((made_at(int(key.split("/")[-1])) for key in _ids(remembered)), default=0.0)
        self.clock = Clock(not_before=newest + 0.001)
        self.cdn = Cdn(folder / "attachments", self.clock)
        self.world = World(self.clock, self.cdn, self._journal, patient=patient)
        if remembered:
            self.world.restore(remembered)
            self.cdn.secret = bytes.fromhex(self.world.extras["secret"])
        else:
            self._begin()
        self.token: str = self.world.extras["token"]
        self.feeds = Feeds(self.world)
        self.reading = Reading(self.world)
        self.gateway = Gateway(
            self.world, self.token, lambda: self.gateway_url, granted=privileged_intents
        )
        self.gateway.on_online.append(self._tell_online)
        self._buckets = Buckets(self.clock, enforced=rate_limits, scale=rate_windows)
        self._rest = Rest(
            self.world,
            self.cdn,
            self._buckets,
            self.token,
            reads_content="message_content" in self.gateway.granted,
            gateway_url=lambda: self.gateway_url,
            starts=self.gateway.starts,
        )
        self._wire = Wire(self._rest, self.gateway, self.cdn, doors)
        self._people: dict[str, Person] = {}
        self._was_online = False

    # ------------------------------------------------------------------ where it is

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self._wire.port}/api/v10"

    @property
    def gateway_url(self) -> str:
        return f"ws://{HOST}:{self._wire.port}/gateway"

    @property
    def page_url(self) -> str:
        """The page on this machine."""
        return f"http://{HOST}:{self._wire.port}/"

    @property
    def links(self) -> list[str]:
        """Every address under which the page opens, with its key where it needs one."""
        unnamed = {HOST, "0.0.0.0", "::"}  # noqa: S104  # nothing is bound to it here
        names = [HOST, *sorted(self.doors.names - unnamed)]
        return [self.doors.link(self._wire.port, name) for name in names]

    # ------------------------------------------------------------------ who is there

    @property
    def guild(self) -> Guild:
        """The first server."""
        return next(iter(self.world.guilds.values()))

    def channel(self, name: str) -> Channel:
        """A channel of the first server, by name."""
        return self.world.find_channel(name, self.guild.id)

    @property
    def people(self) -> list[str]:
        """The names of those that `person` knows."""
        accounts = self.world.extras["people"]
        return list(accounts)

    def person(self, name: str) -> Person:
        """ "mira" and "jonas" are members, "ada" is a moderator. Raises KeyError for a stranger."""
        if name not in self._people:
            self._people[name] = Person(self.world, self.feeds, self.world.extras["people"][name])
        return self._people[name]

    def add_person(self, name: str, *, guild: int | None = None) -> Person:
        """A new account, as a member of a server (the first one unless told)."""
        user = self.world.make_user(name, global_name=name.title())
        self.world.extras["people"][name] = user.id
        self.world.touch("extra", "people")
        self.world.add_member(guild or self.guild.id, user.id, announce=True)
        return self.person(name)

    def feed(self, person: Person | str) -> Feed:
        """Everything this person's client is told from now on: (event, JSON)."""
        who = self.person(person) if isinstance(person, str) else person
        return self.feeds.open(who.id)

    @property
    def online(self) -> bool:
        """Whether the bot is connected."""
        return self.gateway.online

    # ------------------------------------------------------------------ for tests

    @property
    def requests(self) -> list[Call]:
        """Every REST request so far: (method, path, status)."""
        return self._rest.calls

    def refuse(
        self,
        method: str,
        path_regex: str,
        status: int,
        code: int = 0,
        message: str = "Refused by a test",
        times: int = 1,
    ) -> None:
        """Fail the next *times* requests whose path (without `/api/v10`) matches."""
        way = limited(0.05) if status == 429 else refused(status, code, message)
        self.trouble(method, path_regex, way, times=times)

    def trouble(
        self,
        method: str,
        path_regex: str,
        way: Way,
        *,
        times: int = 1,
        later: int = 0,
        place: int | None = None,
    ) -> Trouble:
        """As `refuse`, in any *way* of `playground.discord.trouble`; *later* ones go through first.

        With *place*, a channel's id, only what leads there or to one of its threads.
        """
        asked = Trouble(method, re.compile(path_regex), way, times, later, place)
        return self._rest.troubles.ask(asked)

    def lose(self, share: float, *, seed: int = 0) -> None:
        """From now on lose this share of all answers after their work was done."""
        self._rest.troubles.lose(share, seed)

    # ------------------------------------------------------------------ life

    async def start(self, port: int) -> None:
        await self._wire.start(port, lambda app: browser.add_routes(app, self))
        self.cdn.base_url = f"http://{HOST}:{self._wire.port}"
        self.world.save()
        self._sweep()

    async def stop(self) -> None:
        await self._wire.stop()
        self.clock.stop()
        self.world.save()
        self._journal.close()

    def _sweep(self) -> None:
        self.world.archive_the_quiet()
        self.world.forget_the_old()
        self.world.save()
        self.clock.call_at(self.clock.now() + SWEEP, self._sweep)

    def _tell_online(self, online: bool) -> None:
        if online != self._was_online:
            self._was_online = online
            self.feeds.tell_all("BOT", {"online": online})

    def _tell_mishap(self) -> None:
        if self.mishaps is not None:
            self.feeds.tell_all("MISHAP", self.mishaps.state())

    def _begin(self) -> None:
        """A fresh world: one server, three people, the bot as its invite makes it."""
        world = self.world
        bot = world.bot_user
        bot.name, bot.global_name = "Dailies", None
        people = {
            name: world.make_user(name, global_name=shown).id for name, shown in PEOPLE.items()
        }
        guild = world.add_guild(SERVER, people=people.values(), channels=("videos", "storyboards"))
        moderator = world.create_role(guild.id, "Moderator", permissions=bits(*MODERATOR))
        world.add_member_role(guild.id, people["ada"], moderator.id)
        world.add_channel("moderators", guild=guild.id, only=[moderator.id])
        first = b64encode(str(bot.id).encode()).decode().rstrip("=")
        token = f"{first}.{secrets.token_urlsafe(4)}.{secrets.token_urlsafe(28)}"
        world.extras |= {
            "bot": bot.id,
            "token": token,
            "secret": self.cdn.secret.hex(),
            "people": people,
        }
        for name in world.extras:
            world.touch("extra", name)
        world.touch("user", bot.id)


def _ids(entries: Iterable[tuple[str, str, object]]) -> Iterable[str]:
    return (key for kind, key, _ in entries if kind in ("message", "channel", "interaction"))


@asynccontextmanager
async def open_playground(
    port: int = 0,
    data: Path | None = None,
    *,
    host: str = HOST,
    names: Iterable[str] = (),
    privileged_intents: Iterable[str] = (),
    rate_limits: bool = True,
    rate_windows: float = 1.0,
    patient: bool = False,
    mishaps: Mishaps | None = None,
) -> AsyncIterator[Playground]:
    """Run a playground on this machine. *host* is where it listens, inside a container 0.0.0.0.

    It answers to `localhost`, to addresses of loopback, to *host*, and to further *names*. Where
    *host* is not of this machine alone, its page needs the key that is in `links`.
    *port* 0 takes any free one. With *data*, a directory, the world is still there next time.
    *privileged_intents* are those switched on in the developer portal ("members", "presences",
    "message_content"); a bot that asks for another is closed with 4014. *rate_limits* False is
    for measuring how fast the wire itself is. *rate_windows* 0.1 gives ten times as many calls in
    a time, each counted and announced as ever, to tests that are not about pace. *patient* leaves
    what the machine keeps the event loop waiting out of the 3 s for an answer, for tests beside
    other work. *mishaps* are those of companies that are imitated besides; people may ask for one
    on the page.
    """
    with tempfile.TemporaryDirectory(prefix="playground-") as scratch:
        if data is not None:
            await asyncio.to_thread(data.mkdir, parents=True, exist_ok=True)
        playground = Playground(
            data=data,
            folder=data or Path(scratch),
            doors=Doors(host, names),
            privileged_intents=privileged_intents,
            rate_limits=rate_limits,
            rate_windows=rate_windows,
            patient=patient,
            mishaps=mishaps,
        )
        try:
            await playground.start(port)
            yield playground
        finally:
            await playground.stop()
