"""Types commands as a person, without a page: prints what is said, saves the clips."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from playground import Message, Person, PersonCannot, Playground
from playground.people.plain import Names
from playground.people.shown import shown

PATIENCE = 1800.0  #: seconds that a clip may take
ONLINE = 30.0  #: seconds that the bot may take to come

_INTEGER, _BOOLEAN, _NUMBER, _ATTACHMENT = 4, 5, 10, 11  # option types of application commands
#: Commands that end in a clip, or in the reason why there is none.
_ORDERS = {
    f"video {each}" for each in ("text", "image", "audio", "extend", "retake", "hdr", "again")
}
_ENDINGS = re.compile(r"\*\*#\d+\*\*")  # how the bot names a clip in what it tells its person


async def say(playground: Playground, lines: Sequence[str], *, out: Path | None) -> int:
    """Type each of *lines* as the member, one after the other; wait for each one's clip.

    A line is what a person types: `/video text prompt:a red fox duration:6`, an attachment
    option takes a file's path. Clips are saved under *out*. 0 when every line got what it asked
    for, 1 as soon as one does not; the reason is the last line printed.
    """
    person = playground.person("mira")
    typist = _Typist(playground, person, out)
    with playground.feed(person) as feed:
        listener = asyncio.create_task(typist.listen(feed))
        try:
            await typist.until_online()
            for line in lines:
                await typist.say(line)
        except PersonCannot as no:
            print(f"✗ {no}")
            return 1
        except TimeoutError:
            print("✗ It took too long.")
            return 1
        finally:
            listener.cancel()
    return 0


def parse(line: str, commands: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, Any]]:
    """The command of *line* and its options, as their types want them.

    Raises `PersonCannot` with a sentence for a command or an option that is not there.
    """
    words = line.strip().lstrip("/").split()
    spec = next((each for each in commands if words and each["name"] == words[0]), None)
    if spec is None:
        known = ", ".join(sorted(f"/{each['name']}" for each in commands)) or "none"
        raise PersonCannot(f"There is no command /{words[0] if words else ''}. There is {known}.")
    path = [spec["name"]]
    while subs := [each for each in spec.get("options", []) if each["type"] in (1, 2)]:
        rest = words[len(path) :]
        found = next((each for each in subs if rest and each["name"] == rest[0]), None)
        if found is None:
            known = ", ".join(each["name"] for each in subs)
            raise PersonCannot(f"/{' '.join(path)} is followed by one of: {known}.")
        spec = found
        path.append(spec["name"])
    options = {each["name"]: each for each in spec.get("options", [])}
    # Everything behind the command's own words; values hold blanks, so only names end them.
    match = re.match(r"\s*/?" + r"\s+".join(map(re.escape, path)) + r"(\s|$)", line)
    tail = line[match.end() :] if match else ""
    names = "|".join(map(re.escape, options)) or "(?!)"
    parts = re.split(rf"(?:^|\s)({names}):", tail)
    if parts[0].strip():
        known = ", ".join(options) or "no options"
        raise PersonCannot(
            f"“{parts[0].strip()}” is not an option. /{' '.join(path)} takes {known}."
        )
    given = dict(zip(parts[1::2], map(str.strip, parts[2::2]), strict=True))
    return " ".join(path), {name: _typed(options[name], value) for name, value in given.items()}


def _typed(option: Mapping[str, Any], value: str) -> Any:
    kind = option["type"]
    try:
        if kind == _INTEGER:
            return int(value)
        if kind == _NUMBER:
            return float(value)
        if kind == _BOOLEAN:
            return {"true": True, "yes": True, "false": False, "no": False}[value.lower()]
    except (ValueError, KeyError):
        wanted = "true or false" if kind == _BOOLEAN else "a number"
        raise PersonCannot(f"{option['name']} takes {wanted}, not “{value}”.") from None
    if kind == _ATTACHMENT:
        try:
            path = Path(value).expanduser()
            there = path.is_file()
        except (RuntimeError, ValueError):  # there is no such user; no file has such a name
            there = False
        if not there:
            raise PersonCannot(f"There is no file {value} for {option['name']}.")
        return path
    return value


def names_in(playground: Playground) -> Names:
    """What people, roles and channels of *playground* are called, and its clock."""
    world = playground.world

    def user(number: int) -> str:
        found = world.users.get(number)
        return found.global_name or found.name if found is not None else "someone"

    def role(number: int) -> str:
        found = playground.guild.roles.get(number)
        return found.name if found is not None else "unknown role"

    def channel(number: int) -> str:
        found = world.channels.get(number)
        return found.name or "direct message" if found is not None else "no-access"

    return Names(user=user, role=role, channel=channel, now=playground.clock.now)


class _Typist:
    def __init__(self, playground: Playground, person: Person, out: Path | None) -> None:
        self._playground = playground
        self._person = person
        self._out = out
        self._said: dict[int, str] = {}
        self._names = names_in(playground)

    async def until_online(self) -> None:
        async with asyncio.timeout(ONLINE):
            while not self._playground.online or not self._person.commands():
                await asyncio.sleep(0.05)

    async def listen(self, feed: Any) -> None:
        """Print every message as it comes, and again where its words change."""
        async for event, data in feed:
            if event not in {"MESSAGE_CREATE", "MESSAGE_UPDATE"}:
                continue
            message = self._person.message(int(data["id"]), int(data["channel_id"]))
            if message is not None:
                self._print(message)

    async def say(self, line: str) -> None:
        """Type *line*, and come back when what it asked for is there."""
        command, options = parse(line, self._person.commands())
        print(f"{self._person.name}: {line}", flush=True)
        start = self._newest()
        interaction = await self._person.run(command, options)
        await interaction.answered
        answer = interaction.message
        if interaction.modal is not None:
            raise PersonCannot(f"/{command} opens a form, and --say can't fill it in.")
        if answer is not None and answer.ephemeral and not answer.loading:
            self._print(answer)
            # A clip was asked for, and one person is told something else; so is a plain sentence.
            if command in _ORDERS or not answer.raw.get("components"):
                raise PersonCannot(self._words(answer))
            return
        ending = await self._person.wait_for(lambda each: self._ends(each, start), PATIENCE)
        self._print(ending)
        if not ending.attachments:
            raise PersonCannot(self._words(ending))
        await self._save(ending)

    def _newest(self) -> int:
        """Messages made from now on have greater ids."""
        return max((each.id for each in self._person.everything()), default=0)

    def _ends(self, message: Message, start: int) -> bool:
        """Whether *message* tells this person what became of a clip asked for after *start*."""
        if message.id <= start:
            return False
        if message.ephemeral and not message.loading:
            return True
        return self._person.id in message.mentions and bool(_ENDINGS.search(message.text))

    async def _save(self, message: Message) -> None:
        for attachment in message.attachments:
            where = ""
            if self._out is not None:
                self._out.mkdir(parents=True, exist_ok=True)
                path = self._out / Path(attachment.filename).name
                async with aiohttp.ClientSession() as web, web.get(attachment.url) as answer:
                    path.write_bytes(await answer.read())
                where = f" → {path}"
            print(f"✓ {attachment.filename}, {attachment.size:,} bytes{where}", flush=True)

    def _print(self, message: Message) -> None:
        words = self._words(message)
        if message.author_id == self._person.id or self._said.get(message.id) == words:
            return
        self._said[message.id] = words
        if words:
            print(f"{message.author}: {words}", flush=True)

    def _words(self, message: Message) -> str:
        """All that *message* shows, on one line."""
        return " | ".join(shown(message.raw, self._names))
