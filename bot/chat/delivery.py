"""Posts how a job ended: its clip, by the best way that is open, or the sentence why not."""

import asyncio
import base64
import hashlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import discord

from bot.chat import board, card
from bot.chat.card import portrayed
from bot.chat.cards import Pacer
from bot.chat.earlier_posts import Lookback
from bot.chat.trouble import Archived, Denied, Forbidden, Gone, Lost, Rejected, TooLarge, translated
from bot.errors import Busy, Refusal
from bot.files.cache import ClipCache
from bot.files.posters import Posters
from bot.jobs.presenter import Undeliverable
from bot.machine_trouble import trouble_of
from bot.media.fit import fit
from bot.media.hdr_preview import preview
from bot.media.playable import playable
from bot.media.probe import MediaError, probe, sniff
from bot.orders.orders import Studio
from bot.words.clips import alt_text, late, poster_name
from bot.words.endings import ending
from bot.words.text import elide
from storage import Job, Post, State, Store

log = logging.getLogger(__name__)

MIB = 2**20
#: Limits that Discord has had. Where a file is refused, the next of them below is tried.
STEPS = (100 * MIB, 50 * MIB, 25 * MIB, 20 * MIB, 10 * MIB, 8 * MIB, 4 * MIB)

LATE = 600.0  #: seconds after which a notice says that it comes late
POSTER_WAIT = 2.0  #: seconds that a message waits for a picture it can do without
LINK_WAIT = 15.0  #: the same where the picture is all that is seen of the clip


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to post a clip: what is said of it, and the files that carry it."""

    note: str
    file: Path | None  #: what is attached; None where a link stands for it
    name: str
    beside: Path | None = None  #: a clip to look at, of what Discord cannot show


class Delivery:
    """Puts clips and endings where people see them, once."""

    def __init__(
        self,
        client: discord.Client,
        store: Store,
        studio: Studio,
        pacer: Pacer,
        *,
        data: Path,
        shelf: ClipCache,
        usd_per_credit: Decimal,
        clock: Callable[[], float],
        defaults: Callable[[Job], Awaitable[tuple[str, str]]],
    ) -> None:
        """*defaults* says what 🔁 and ⏩ would do with a clip."""
        self._client = client
        self._jobs = store.jobs
        self._takes = store.takes
        self._policy = store.policy
        self._studio = studio
        self._pacer = pacer
        self._data = data
        self._shelf = shelf
        self._usd_per_credit = usd_per_credit
        self._clock = clock
        self._defaults = defaults
        self._lookback = Lookback(client, pacer)
        self._seeding: set[asyncio.Task[None]] = set()
        self.posters = Posters(data=data)
        self._fitting: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()
        self.posted: Callable[[Job], None] = lambda _job: None  #: told of every clip posted
        #: Told of a post that an earlier try had made and nobody had written down.
        self.found_again: Callable[[Job, discord.Message], None] = lambda _job, _message: None

    async def close(self) -> None:
        """Leave off what is only nice to have."""
        for task in self._seeding:
            task.cancel()
        await self.posters.close()

    # What the worker asks for.

    async def clip(self, job: Job, clip: Path, *, again: bool) -> int:
        """Post *clip* and ping its requester; the message's id. See `Presenter.deliver`."""
        await self._client.wait_until_ready()
        try:
            await self._shelf.at_hand(str(clip.relative_to(self._data)))
        except Refusal as error:
            raise Undeliverable("Our copy of the clip is gone.", gone=True) from error
        self.posters.begin(job)  # while it is posted, which does not wait for it
        place_id = job.thread_id or job.channel_id
        number = await self._takes.number(job, place_id)
        await self._measure(job, clip)
        if again:
            since = await self._first_tried(job)
            async for place in self._places(job):
                found = await self.found(place, job, _is_result(job), since=since)
                if found is not None:
                    await self._note(job, found)
                    self.found_again(job, found)
                    return found.id
        above = await self._above(job, number)
        refused = None
        async for place in self._places(job):
            try:
                message = await self._by_any_way(place, job, clip, above)
            except Denied as error:
                log.info("The clip of job %s is not taken there: %s", job.id, error.raw)
                refused = error if isinstance(error, Rejected) else refused
                continue
            await self._note(job, message)
            return message.id
        if refused is not None:
            raise Undeliverable("Discord does not take a message with it.", rejected=True)
        raise Undeliverable("There is nowhere left to post it.")

    async def notice(self, job: Job, *, again: bool) -> int:
        """Say how *job* ended without a clip; the message's id. See `Presenter.tell`."""
        await self._client.wait_until_ready()
        bill = await self._policy.bill(job.id)
        if again:
            async for place in self._places(job):
                found = await self.found(place, job, _is_notice(job), since=job.since)
                if found is not None:
                    return found.id
        name = nonce(job.id, f"{job.state}-{job.attempt}")
        async for place in self._places(job):
            for said in (job, replace(job, error=None)):  # the second has no words but ours
                text = ending(said, bill=bill, usd_per_credit=self._usd_per_credit)
                if self._clock() - job.since > LATE:
                    text += f" (That was <t:{int(job.since)}:R>; it could not be said before.)"
                try:
                    return (await self.post(place, text, name, ping=job.user_id, result=True)).id
                except Rejected as error:
                    log.info("The notice of job %s is not taken so: %s", job.id, error.raw)
                except Denied as error:
                    log.info("The notice of job %s is not taken there: %s", job.id, error.raw)
                    break
        raise Undeliverable("There is nowhere left to say it.")

    async def _first_tried(self, job: Job) -> float:
        """When the clip of *job* may have been posted for the first time."""
        history = await self._jobs.history(job.id)
        return min(
            (event.at for event in history if event.after is State.DELIVERING), default=job.since
        )

    # What people ask for.

    async def show_again(
        self, job: Job, place: discord.abc.Messageable, *, purpose: str, original: bool = False
    ) -> discord.Message:
        """Post a take once more, in *place*. With *original*, not compressed, or refuse.

        Raises `Refusal` where that cannot be, `Busy` while Discord is in trouble.
        """
        try:
            return await self._shown_again(job, place, purpose=purpose, original=original)
        except Rejected as error:
            raise Refusal(f"Discord does not take a message with #{job.id}.") from error
        except Denied as error:
            raise Refusal("I cannot post it there; ask a moderator.") from error

    async def _shown_again(
        self, job: Job, place: discord.abc.Messageable, *, purpose: str, original: bool = False
    ) -> discord.Message:
        """As `show_again`; where the place is to blame, it raises `Denied`."""
        if job.file is None:
            raise Refusal(f"The file of #{job.id} is not kept any more.")
        clip = await self._shelf.at_hand(job.file)
        take = await self._takes.get(job.id, guild_id=job.guild_id)
        above = f"**#{job.id}**{f' · {board.title_of(take)}' if take and take.number else ''}"
        try:
            message = await self._by_any_way(
                place, job, clip, above, purpose=purpose, original=original, ping=None
            )
        except Undeliverable as error:
            raise Refusal(str(error)) from error
        await self._note(job, message)
        return message

    async def send_to(self, job: Job, user_id: int) -> None:
        """Send a take to a person's direct messages. As `show_again`."""
        try:
            with translated():
                place = await self._client.create_dm(discord.Object(user_id))
            await self._shown_again(job, place, purpose=f"dm-{user_id}")
        except (Forbidden, Gone) as error:
            raise Refusal(
                "I cannot send you direct messages; allow them from members of this server."
            ) from error

    def link_words(self, url: str, until: float) -> str:
        """The original's link, and when it dies."""
        return f"[the original]({url}) until <t:{int(until)}:f>"

    async def link(self, job: Job) -> tuple[str, float] | None:
        """Where the original lies, in our bucket or with its provider, and until when."""
        if job.file is not None and (ours := await self._shelf.link(job.file)) is not None:
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

    # The ladder.

    async def _by_any_way(
        self,
        place: discord.abc.Messageable,
        job: Job,
        clip: Path,
        above: str,
        *,
        purpose: str = "result",
        original: bool = False,
        ping: int | None = -1,
    ) -> discord.Message:
        """Attach the clip, or an encode that fits, or give its link.

        Raises `Busy`, `Denied` where the place is to blame or what is said, and `Undeliverable`
        where no way is left.
        """
        said = self._said_limit(place, job)
        limit = await self._takes.upload_limit(job.guild_id, said=said)
        whom = job.user_id if ping == -1 else ping
        for _ in range(len(STEPS)):
            way = await self._way(job, clip, limit, original=original)
            try:
                return await self._post_way(place, job, way, above, purpose, whom)
            except TooLarge:
                sent = way.file.stat().st_size if way.file is not None else limit
                limit = next((step for step in STEPS if step < min(sent, limit)), limit // 2)
                log.info("Server %s takes less than %s bytes; trying %s", job.guild_id, sent, limit)
                await self._takes.learn_limit(
                    job.guild_id, said=said, takes=limit, at=self._clock()
                )
        raise Undeliverable("This server takes no file of its size.")

    async def _way(self, job: Job, clip: Path, limit: int, *, original: bool) -> Way:
        packed = sniff(clip) == "application/zip"
        source = clip
        if not packed and clip.stat().st_size <= limit:
            clip = await self._playable(clip, original=original)
        size = clip.stat().st_size
        name = f"dailies-{job.id}{'.zip' if packed else '.mp4'}"
        note = "a ZIP of EXR frames, for grading" if packed else ""
        beside = await self._preview(job, clip, limit // 2) if packed else None
        if size <= (limit if beside is None else limit - beside.stat().st_size):
            return Way(note=note, file=clip, name=name, beside=beside)
        link = await self.link(job)
        given = self.link_words(*link) if link is not None else ""
        too_big = f"{_mb(size)} MB, and this server takes {_mb(limit)}"
        if packed or original:
            if not given and beside is None:
                self._wait_for_link(job)
                what = "the frames are" if packed else f"#{job.id} is"
                raise Undeliverable(
                    f"{what[0].upper()}{what[1:]} {too_big}; there is no link to give any more. "
                    "The file is kept on the bot's disk."
                )
            kept = "" if given else "it is too large for this server, and is kept"
            return Way(note=_listed(note, given, kept), file=None, name=name, beside=beside)
        try:
            smaller = await self._smaller(source, limit)
        except MediaError as error:
            if (trouble := trouble_of(error)) is not None:
                raise trouble from error
            if not given:
                self._wait_for_link(job)
                raise Undeliverable(f"It is {too_big}, and cannot be made smaller.") from error
            return Way(note=_listed(f"it is {too_big}", given), file=None, name=name)
        note = f"compressed from {_mb(size)} MB"
        if given or self._shelf.link_comes(job):
            note += f"; `/video show clip:#{job.id} quality:original` gives the original"
        return Way(note=note, file=smaller, name=name)

    def _wait_for_link(self, job: Job) -> None:
        """Raise `Busy` where a link is all that is left, and there will be one soon."""
        if self._shelf.link_comes(job, hurry=True):
            raise Busy(f"The original of #{job.id} is on its way to the bucket; its link follows.")

    async def _post_way(
        self,
        place: discord.abc.Messageable,
        job: Job,
        way: Way,
        above: str,
        purpose: str,
        ping: int | None,
    ) -> discord.Message:
        """Post it with all that is to be said; where Discord does not take that, with less.

        First without any words but ours, then without buttons, then without its file: each is
        tried once. Raises what `post` raises.
        """
        private = isinstance(place, discord.DMChannel)
        name, result = nonce(job.id, purpose), purpose == "result"
        buttons = None if private else board.buttons(job)
        try:
            return await self._post_whole(place, job, way, above, purpose, ping)
        except Rejected as error:
            log.info("The clip of job %s is not taken as it was: %s", job.id, error.raw)
        text = f"<@{job.user_id}> **#{job.id}** is ready" if result else f"**#{job.id}**"

        def bare() -> list[discord.File]:
            return [] if way.file is None else [discord.File(way.file, way.name)]

        for view in (buttons, None) if buttons is not None else (None,):
            try:
                return await self.post(
                    place, text, name, ping=ping, files=bare, view=view, result=result
                )
            except Rejected as error:
                log.info("The clip of job %s is not taken so either: %s", job.id, error.raw)
                refused = error
        if (link := await self.link(job)) is None:
            raise refused
        text += f" · {self.link_words(*link)}"
        return await self.post(place, text, name, ping=ping, result=result)

    async def _post_whole(
        self,
        place: discord.abc.Messageable,
        job: Job,
        way: Way,
        above: str,
        purpose: str,
        ping: int | None,
    ) -> discord.Message:
        text = above if not way.note else f"{above}\n{way.note}"
        private = isinstance(place, discord.DMChannel)
        if purpose == "result":
            title = self._studio.title(job)
            text = card.result(
                job,
                title=title,
                bill=await self._policy.bill(job.id),
                usd_per_credit=self._usd_per_credit,
                note=_listed(above, way.note, board.made_here(job, title), late(job)),
                seconds=await self._seconds(job),
            )
        if not private:
            text += "\n" + board.legend(*await self._defaults(job))
        shown = await self._shown(job, way)
        poster = None
        if purpose == "favourite" and way.file is not None:
            poster = await self.posters.soon(job, within=POSTER_WAIT)
        embed = None
        if poster is not None:  # what an embed shows does not stand beside the clip as well
            shown.append((poster, poster_name(job)))
            embed = portrayed(job)

        def files() -> list[discord.File]:
            return [_file(job, path, name) for path, name in shown]

        view = None if private else board.buttons(job)
        return await self.post(
            place,
            text,
            nonce(job.id, purpose),
            ping=ping,
            files=files,
            view=view,
            embed=embed,
            result=purpose == "result",
        )

    async def carried(self, job: Job, *, original: bool) -> tuple[str, list[discord.File]]:
        """What is said of a clip that is shown to one person, and the files that show it.

        Raises `Refusal` where nothing can be shown.
        """
        try:
            clip = await self._shelf.at_hand(job.file or "")
            way = await self._way(job, clip, await self.limit_of(job), original=original)
        except Undeliverable as error:
            raise Refusal(str(error)) from error
        # A gallery takes pictures and clips, and nothing else.
        shown = [each for each in await self._shown(job, way) if not each[1].endswith(".zip")]
        return way.note, [_file(job, path, name) for path, name in shown]

    async def _shown(self, job: Job, way: Way) -> list[tuple[Path, str]]:
        """The files of a post: the clip, and what stands for what cannot be shown."""
        shown = [] if way.file is None else [(way.file, way.name)]
        if way.beside is not None:
            shown.append((way.beside, f"dailies-{job.id}-preview.mp4"))
        if not shown and (picture := await self.posters.soon(job, within=LINK_WAIT)) is not None:
            shown.append((picture, poster_name(job)))
        return shown

    async def _preview(self, job: Job, frames: Path, limit: int) -> Path | None:
        """A clip to look at of HDR's frames, made once; None where there can be none."""
        to = frames.with_name(f"{job.id}.preview.mp4")
        video = job.brief.video
        try:
            if not to.exists():
                await preview(frames, to, fps=video.fps if video and video.fps else 24.0)
            return await self.fitting(to, limit)
        except (MediaError, Refusal) as error:
            if (trouble := trouble_of(error)) is not None:
                raise trouble from error
            log.info("Job %s has no preview: %s", job.id, error)
            return None

    def file_of(self, job: Job) -> Path:
        """Where our copy of a clip is."""
        return self._data / (job.file or "")

    async def limit_of(self, job: Job) -> int:
        """Bytes of an attachment in the server of *job*."""
        guild = self._client.get_guild(job.guild_id)
        said = guild.filesize_limit if guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
        return await self._takes.upload_limit(job.guild_id, said=said)

    async def fitting(self, clip: Path, limit: int) -> Path:
        """*clip*, or an encode of it of at most *limit* bytes; else raises `Refusal`."""
        try:
            too_large = clip.stat().st_size > limit  # what is made smaller plays
            shown = clip if too_large else await self._playable(clip)
            return shown if shown.stat().st_size <= limit else await self._smaller(clip, limit)
        except MediaError as error:
            if (trouble := trouble_of(error)) is not None:
                raise trouble from error
            raise Refusal(f"It cannot be made small enough: {error}") from error

    async def _playable(self, clip: Path, *, original: bool = False) -> Path:
        """*clip*, or the copy of it that is posted: it plays in Discord, without foreign words.

        The *original* is never encoded anew. Our file of it stays as it came in any case.
        """
        to = clip.with_name(f"{clip.stem}.{'bare' if original else 'play'}.mp4")
        async with self._fitting.setdefault(to, asyncio.Lock()):
            if to.exists():
                return to
            try:
                return await playable(clip, to, encoded=not original)
            except MediaError as error:
                log.warning("%s is posted as it is: %s", clip.name, error.reason)
                if (trouble := trouble_of(error)) is not None:
                    raise trouble from error
                return clip

    async def _smaller(self, clip: Path, limit: int) -> Path:
        to = clip.with_name(f"{clip.stem}.{limit}.mp4")
        # Whoever asks for the same meanwhile waits for it: it is made once.
        async with self._fitting.setdefault(to, asyncio.Lock()):
            if not to.exists():
                await fit(clip, to, limit)
        return to

    async def _measure(self, job: Job, clip: Path) -> None:
        """Write down how long a clip is: once, since it never changes."""
        if await self._seconds(job) is None and sniff(clip) == "video/mp4":
            with suppress(MediaError):
                await self._takes.measured(job.id, (await probe(clip)).seconds)

    async def _seconds(self, job: Job) -> float | None:
        take = await self._takes.get(job.id, guild_id=job.guild_id)
        return take.seconds if take is not None else None

    async def _above(self, job: Job, number: int) -> str:
        parent = None
        if job.brief.parent is not None:
            parent = await self._takes.get(job.brief.parent, guild_id=job.guild_id)
        return _listed(f"take {number}", board.lineage(job, parent, linked=True))

    # One message.

    async def post(
        self,
        place: discord.abc.Messageable,
        text: str,
        name: str,
        *,
        ping: int | None = None,
        files: Callable[[], list[discord.File]] = list,
        view: discord.ui.View | None = None,
        embed: discord.Embed | None = None,
        silent: bool = False,
        result: bool = False,
    ) -> discord.Message:
        """Send one message; Discord drops a second copy of the same *name* for some minutes.

        *files* opens what is attached, anew for each try. *result*: it is how a job ended, and
        goes before all else. Raises `Busy` or `Denied`.
        """
        kept: dict[str, Any] = {"view": view, "embed": embed}
        kept = {name: value for name, value in kept.items() if value is not None}
        mentions = discord.AllowedMentions(
            everyone=False,
            roles=False,
            users=[discord.Object(ping)] if ping else False,
            replied_user=False,
        )
        opened = lost = False
        while True:
            await self._pacer.wait(urgent=True, result=result)
            try:
                with translated():
                    return await place.send(
                        elide(text, 2000),
                        nonce=name,
                        allowed_mentions=mentions,
                        files=files(),
                        silent=silent,
                        **kept,
                    )
            except Archived:
                if opened or not await self._opened(place):
                    raise
                opened = True
            except Lost:
                if lost:
                    raise
                lost = True  # it may stand there: then the same name brings it back

    async def _opened(self, place: discord.abc.Messageable) -> bool:
        """Whether an archived thread could be opened. Raises `Busy`."""
        channel_id = getattr(place, "id", None)
        return channel_id is not None and await open_thread(self._client, channel_id)

    async def found(
        self,
        place: discord.abc.Messageable,
        job: Job,
        wanted: Callable[[discord.Message], bool],
        *,
        since: float | None = None,
    ) -> discord.Message | None:
        """The message of ours that an earlier try posted there, at *since* or later; without it,
        since *job* was ordered. Raises `Busy` where that cannot be told."""
        since = job.created_at if since is None else since
        return await self._lookback.find(place, job, wanted, since=since)

    async def _places(self, job: Job) -> AsyncGenerator[discord.abc.Messageable]:
        """Where the end of *job* may be posted: its thread, the channel above, its person.

        One after the other: a direct message is not even opened unless all else failed.
        """
        known = dict.fromkeys([job.thread_id, job.card_channel_id, job.channel_id])
        if job.thread_id is not None:
            thread = await self._takes.thread(job.thread_id)
            known[thread.parent_id if thread else None] = None
        for channel_id in known:
            if channel_id is not None:
                yield self._client.get_partial_messageable(channel_id, guild_id=job.guild_id)
        try:
            with translated():
                person = await self._client.create_dm(discord.Object(job.user_id))
        except Denied as error:  # they share no server with us, or take no messages
            log.info("The person of job %s cannot be written to: %s", job.id, error.raw)
            return
        yield person

    async def _note(self, job: Job, message: discord.Message) -> None:
        """Remember a post, so that what is done to it is done to the take."""
        if not isinstance(message.channel, discord.DMChannel):
            post = Post(
                message_id=message.id,
                channel_id=message.channel.id,
                job_id=job.id,
                at=self._clock(),
            )
            await self._takes.posted(post)
            self.seed(post)
        self.posted(job)

    def seed(self, post: Post) -> None:
        """Put the reactions under a clip that people may press; nothing depends on it."""
        task = asyncio.create_task(self._seed(post), name=f"reactions {post.message_id}")
        self._seeding.add(task)
        task.add_done_callback(self._seeding.discard)

    async def _seed(self, post: Post) -> None:
        place = self._client.get_partial_messageable(post.channel_id)
        message = place.get_partial_message(post.message_id)
        for emoji in board.SEEDED:
            await self._pacer.wait(urgent=False)
            try:
                with translated():
                    await message.add_reaction(emoji)
            except (Denied, Busy) as error:
                log.info("Post %s gets no reactions: %s", post.message_id, error.raw)
                return

    def _said_limit(self, place: discord.abc.Messageable, job: Job) -> int:
        """Bytes that Discord says an attachment may have there."""
        guild = self._client.get_guild(job.guild_id)
        if guild is None or isinstance(place, discord.DMChannel):
            return discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
        return guild.filesize_limit


async def open_thread(client: discord.Client, thread_id: int) -> bool:
    """Whether an archived thread could be opened. Raises `Busy`."""
    try:
        with translated():
            await client.http.edit_channel(thread_id, archived=False)
    except Denied as error:
        log.info("Thread %s cannot be opened: %s", thread_id, error.raw)
        return False
    return True


def nonce(job_id: int, purpose: str) -> str:
    """Our own name for a message, the same after every restart; Discord takes 25 characters."""
    digest = hashlib.sha256(f"dailies:{job_id}:{purpose}".encode()).digest()
    return base64.b32encode(digest).decode()[:25]


def _is_result(job: Job) -> Callable[[discord.Message], bool]:
    def wanted(message: discord.Message) -> bool:
        if message.content.startswith(f"<@{job.user_id}> **#{job.id}** is ready"):
            return True
        return any(
            attachment.filename in {f"dailies-{job.id}.mp4", f"dailies-{job.id}.zip"}
            for attachment in message.attachments
        )

    return wanted


def _is_notice(job: Job) -> Callable[[discord.Message], bool]:
    # A job may be parked first and closed later: each of the two is told.
    bare = replace(job, error=None, cancelled_by=None)
    begins = ending(bare, bill=None, usd_per_credit=Decimal(1)).partition(".")[0]
    return lambda message: message.content.startswith(begins)


def has_file(name: str) -> Callable[[discord.Message], bool]:
    """Whether a message carries a file of this name."""
    return lambda message: any(each.filename == name for each in message.attachments)


def _file(job: Job, path: Path, name: str) -> discord.File:
    return discord.File(path, name, description=alt_text(job))


def _listed(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _mb(size: int) -> str:
    """Megabytes as people compare them with Discord's limits."""
    return f"{size / MIB:.0f}"
