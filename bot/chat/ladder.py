"""Posts a clip by the best way that is open: whole, smaller, or as a link."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import discord

from bot.chat import board, card
from bot.chat.clip_message import clip_message, legend, prices_line
from bot.chat.post import Sender, nonce
from bot.chat.recognizing import Kind
from bot.chat.trouble import Rejected, TooLarge
from bot.errors import Busy, Refusal
from bot.files.cache import ClipCache
from bot.files.posters import Posters
from bot.files.renditions import Renditions
from bot.jobs.presenter import Undeliverable
from bot.machine_trouble import trouble_of
from bot.media.probe import MediaError, sniff
from bot.orders.edits import Default
from bot.orders.orders import Studio
from bot.words.clips import alt_text, late, poster_name, quoted
from storage import Job, State, Store

log = logging.getLogger(__name__)

MIB = 2**20
#: Limits that Discord has had. Where a file is refused, the next of them below is tried.
STEPS = (100 * MIB, 50 * MIB, 25 * MIB, 20 * MIB, 10 * MIB, 8 * MIB, 4 * MIB)

POSTER_WAIT = 2.0  #: seconds that a message waits for a picture it can do without
LINK_WAIT = 15.0  #: the same where the picture is all that is seen of the clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to post a clip: what is said of it, and the files that carry it."""

    note: str
    file: Path | None  #: what is attached; None where a link stands for it
    name: str
    beside: Path | None = None  #: a clip to look at, of what Discord cannot show


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """A clip that is posted, and what for."""

    job: Job
    clip: Path
    above: str  #: which take it is; "" for none
    purpose: str = "result"  #: with the job, this names the message: it stands once
    original: bool = False  #: as it came, or not at all
    ping: int | None = None  #: who is mentioned
    explained: bool = False  #: it says what the reactions do

    @property
    def is_result(self) -> bool:
        return self.purpose == "result"

    @property
    def kind(self) -> Kind:
        return Kind.RESULT if self.is_result else Kind.AGAIN

    @property
    def nonce(self) -> str:
        return nonce(self.job.id, self.purpose)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """The message that carries a clip, and what stands under it; None where nothing does."""

    message: discord.Message
    retake: Default | None = None
    extend: Default | None = None


class Ladder:
    """The ways to post a clip, the best one first."""

    def __init__(
        self,
        client: discord.Client,
        store: Store,
        studio: Studio,
        sender: Sender,
        posters: Posters,
        *,
        data: Path,
        cache: ClipCache,
        usd_per_credit: Decimal,
        clock: Callable[[], float],
        defaults: Callable[[Job], Awaitable[tuple[Default, Default]]],
    ) -> None:
        """*defaults* says what 🔁 and ⏩ would do with a clip."""
        self._client = client
        self._jobs = store.jobs
        self._takes = store.takes
        self._policy = store.policy
        self._studio = studio
        self._sender = sender
        self._data = data
        self._cache = cache
        self._posters = posters
        self._renditions = Renditions()
        self._usd_per_credit = usd_per_credit
        self._clock = clock
        self._defaults = defaults

    def link_words(self, url: str, until: float) -> str:
        """The original's link, and when it dies."""
        return f"[the original]({url}) until <t:{int(until)}:f>"

    async def link(self, job: Job) -> tuple[str, float] | None:
        """Where the original lies, in our bucket or with its provider, and until when."""
        if job.file is not None and (ours := await self._cache.link(job.file)) is not None:
            return ours
        provider = self._studio.providers.get(job.provider)
        url = job.result_url
        if provider is None or url is None or not url.startswith("https://"):
            return None
        if job.brief.plan is not None:
            return None  # what lies there is only the part that was put in here
        made = [
            event.at for event in await self._jobs.history(job.id) if event.after is State.FETCHING
        ]
        until = made[-1] + provider.limits.keeps_for if made else 0.0
        return (url, until) if until > self._clock() else None

    async def post(self, channel: discord.abc.Messageable, showing: Showing) -> Posted:
        """Attach the clip, or an encode that fits, or give its link.

        Raises `Busy`, `Denied` where the channel is to blame or what is said, and
        `Undeliverable` where no way is left.
        """
        job = showing.job

        async def way(limit: int) -> Way:
            return await self._way(job, showing.clip, limit, original=showing.original)

        async def sent(way: Way) -> Posted:
            return await self._post_way(channel, showing, way)

        return await self._down(channel, job, way, sent)

    async def post_sheet(
        self,
        channel: discord.abc.Messageable,
        job: Job,
        sheet: Path,
        name: str,
        send: Callable[[Way], Awaitable[Posted]],
    ) -> Posted:
        """Have *send* post a contact *sheet*, or an encode that fits, or none. *job*: of its batch.

        Raises what *send* does, and `Undeliverable`.
        """

        async def way(limit: int) -> Way:
            try:
                return Way(note="", file=await self._renditions.fitting(sheet, limit), name=name)
            except Refusal as error:
                log.info("The sheet of job %s is posted without its file: %s", job.id, error)
                return Way(note="it is too large for this server", file=None, name=name)

        return await self._down(channel, job, way, send)

    async def _down(
        self,
        channel: discord.abc.Messageable,
        job: Job,
        way_within: Callable[[int], Awaitable[Way]],
        send: Callable[[Way], Awaitable[Posted]],
    ) -> Posted:
        """Have *send* post the way for the limit there, then for lower ones as far as needed."""
        said = self._said_limit(channel, job)
        limit = await self._takes.upload_limit(job.guild_id, said=said)
        for _ in range(len(STEPS)):
            way = await way_within(limit)
            try:
                return await send(way)
            except TooLarge:
                sent = way.file.stat().st_size if way.file is not None else limit
                limit = next((step for step in STEPS if step < min(sent, limit)), limit // 2)
                log.info("Server %s takes less than %s bytes; trying %s", job.guild_id, sent, limit)
                await self._takes.learn_limit(
                    job.guild_id, said=said, takes=limit, at=self._clock()
                )
        raise Undeliverable("This file is too large for this server.")

    async def _way(self, job: Job, clip: Path, limit: int, *, original: bool) -> Way:
        packed = sniff(clip) == "application/zip"
        source = clip
        if not packed and clip.stat().st_size <= limit:
            clip = await self._renditions.playable(clip, original=original)
        size = clip.stat().st_size
        name = f"dailies-{job.id}{'.zip' if packed else '.mp4'}"
        note = "a ZIP of EXR frames for grading" if packed else ""
        beside = await self._preview(job, clip, limit // 2) if packed else None
        if size <= (limit if beside is None else limit - beside.stat().st_size):
            return Way(note=note, file=clip, name=name, beside=beside)
        link = await self.link(job)
        given = self.link_words(*link) if link is not None else ""
        too_big = f"{_mb(size)} MB, and this server takes up to {_mb(limit)} MB"
        if packed or original:
            if not given and beside is None:
                self._wait_for_link(job)
                what = "the frames are" if packed else f"#{job.id} is"
                raise Undeliverable(
                    f"{what[0].upper()}{what[1:]} {too_big}. No link is left. "
                    "The bot's disk keeps the file."
                )
            kept = "" if given else "it is too large for this server, but is kept"
            return Way(note=listed(note, given, kept), file=None, name=name, beside=beside)
        try:
            smaller = await self._renditions.smaller(source, limit)
        except MediaError as error:
            if (trouble := trouble_of(error)) is not None:
                raise trouble from error
            if not given:
                self._wait_for_link(job)
                raise Undeliverable(f"It is {too_big}. It can't be made smaller.") from error
            return Way(note=listed(f"it is {too_big}", given), file=None, name=name)
        note = f"compressed from {_mb(size)} MB"
        if given or self._cache.link_comes(job):
            note += f" · `/video show clip:#{job.id} quality:original` gives the original"
        return Way(note=note, file=smaller, name=name)

    def _wait_for_link(self, job: Job) -> None:
        """Raise `Busy` where a link is all that is left, and there will be one soon."""
        if self._cache.link_comes(job, hurry=True):
            raise Busy(f"The original of #{job.id} is going to the bucket. Its link follows.")

    async def _post_way(
        self, channel: discord.abc.Messageable, showing: Showing, way: Way
    ) -> Posted:
        """Post it with all that is to be said; where Discord does not take that, with less.

        First without any words but ours, then without buttons, then without its file: each is
        tried once. Raises what `Sender.send` raises.
        """
        job, private = showing.job, isinstance(channel, discord.DMChannel)
        try:
            return await self._post_whole(channel, showing, way)
        except Rejected as error:
            log.info("The clip of job %s is not taken as it was: %s", job.id, error.raw)
        text = f"<@{job.user_id}> **#{job.id}** is ready" if showing.is_result else f"**#{job.id}**"
        bare = [] if way.file is None else [(way.file, way.name)]

        async def sent(said: str, files: list[tuple[Path, str]], *, acts: bool) -> discord.Message:
            view = clip_message(
                job,
                kind=showing.kind,
                said=said,
                files=[(name, "") for _, name in files],
                acts=acts,
            )
            return await self._sender.send(
                channel,
                view,
                showing.nonce,
                ping=showing.ping,
                files=lambda: [discord.File(path, name) for path, name in files],
                result=showing.is_result,
            )

        for acts in (False,) if private else (True, False):
            try:
                return Posted(message=await sent(text, bare, acts=acts))
            except Rejected as error:
                log.info("The clip of job %s is not taken so either: %s", job.id, error.raw)
                refused = error
        if (link := await self.link(job)) is None:
            raise refused
        return Posted(message=await sent(f"{text} · {self.link_words(*link)}", [], acts=False))

    async def _post_whole(
        self, channel: discord.abc.Messageable, showing: Showing, way: Way
    ) -> Posted:
        job = showing.job
        private = isinstance(channel, discord.DMChannel)
        title = self._studio.quotes.title(job)
        said = await self._said(showing, way, title)
        under = [card.settings(job, title=title, seconds=await self.seconds(job))]
        retake = extend = None
        if not private:
            retake, extend = await self._defaults(job)
            under.append(prices_line(retake, extend))
            under += [legend(retake, extend)] if showing.explained else []
        files = await self._shown(job, way)
        poster = None
        if showing.purpose == "favourite" and way.file is not None:
            poster = await self._posters.soon(job, within=POSTER_WAIT)
        view = clip_message(
            job,
            kind=showing.kind,
            said=said,
            files=[(name, alt_text(job)) for _, name in files],
            under="\n".join(filter(None, under)),
            asks=not private and not showing.explained,
            acts=not private,
            poster=(poster_name(job), alt_text(job)) if poster is not None else None,
        )
        carried = files if poster is None else [*files, (poster, poster_name(job))]
        message = await self._sender.send(
            channel,
            view,
            showing.nonce,
            ping=showing.ping,
            files=lambda: [_file(job, path, name) for path, name in carried],
            result=showing.is_result,
        )
        return Posted(message=message, retake=retake, extend=extend)

    async def _said(self, showing: Showing, way: Way, title: str) -> str:
        """What stands above the clip: what it is of, first of all."""
        job = showing.job
        if showing.is_result:
            return card.said(
                job,
                bill=await self._policy.bill(job.id),
                usd_per_credit=self._usd_per_credit,
                take=showing.above,
                note=listed(way.note, board.made_here(job, title), late(job)),
            )
        name = listed(f"**#{job.id}**", showing.above)
        return "\n".join(filter(None, (name, quoted(job), way.note)))

    async def carried(
        self, job: Job, *, original: bool
    ) -> tuple[str, Callable[[], list[discord.File]]]:
        """What is said of a clip that is shown to one person, and what opens the files that show
        it.

        Raises `Refusal` where nothing can be shown.
        """
        try:
            clip = await self._cache.at_hand(job.file or "")
            way = await self._way(job, clip, await self.limit_of(job), original=original)
        except Undeliverable as error:
            raise Refusal(str(error)) from error
        # A gallery takes pictures and clips, and nothing else.
        shown = [each for each in await self._shown(job, way) if not each[1].endswith(".zip")]
        return way.note, lambda: [_file(job, path, name) for path, name in shown]

    async def _shown(self, job: Job, way: Way) -> list[tuple[Path, str]]:
        """The files of a post: the clip, and what stands for what cannot be shown."""
        shown = [] if way.file is None else [(way.file, way.name)]
        if way.beside is not None:
            shown.append((way.beside, f"dailies-{job.id}-preview.mp4"))
        if not shown and (picture := await self._posters.soon(job, within=LINK_WAIT)) is not None:
            shown.append((picture, poster_name(job)))
        return shown

    async def _preview(self, job: Job, frames: Path, limit: int) -> Path | None:
        video = job.brief.video
        fps = video.fps if video is not None and video.fps else 24.0
        return await self._renditions.preview(frames, limit, name=str(job.id), fps=fps)

    def file_of(self, job: Job) -> Path:
        """Where our copy of a clip is."""
        return self._data / (job.file or "")

    async def fitting(self, clip: Path, limit: int) -> Path:
        """*clip*, or an encode of it of at most *limit* bytes; else raises `Refusal`."""
        return await self._renditions.fitting(clip, limit)

    async def limit_of(self, job: Job) -> int:
        """Bytes of an attachment in the server of *job*."""
        guild = self._client.get_guild(job.guild_id)
        said = guild.filesize_limit if guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
        return await self._takes.upload_limit(job.guild_id, said=said)

    async def seconds(self, job: Job) -> float | None:
        """How long a clip is, if that was measured."""
        take = await self._takes.get(job.id, guild_id=job.guild_id)
        return take.seconds if take is not None else None

    def _said_limit(self, channel: discord.abc.Messageable, job: Job) -> int:
        """Bytes that Discord says an attachment may have there."""
        guild = self._client.get_guild(job.guild_id)
        if guild is None or isinstance(channel, discord.DMChannel):
            return discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
        return guild.filesize_limit


def listed(*parts: str) -> str:
    """What there is of *parts*, with dots between."""
    return " · ".join(part for part in parts if part)


def _file(job: Job, path: Path, name: str) -> discord.File:
    return discord.File(path, name, description=alt_text(job))


def _mb(size: int) -> str:
    """Megabytes as people compare them with Discord's limits."""
    return f"{size / MIB:.0f}"
