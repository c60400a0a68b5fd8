"""What lists, compares and repeats clips: /video takes, show, compare, again, presets."""

from contextlib import suppress
from typing import Literal

from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.chat import answering, board
from bot.chat.bot import Interaction
from bot.chat.prices import costs
from bot.chat.requester import requester_here, requester_of
from bot.chat.suggesting import suggests
from bot.errors import Refusal
from bot.orders.orders import Studio
from bot.orders.quote import Quote
from bot.orders.requester import Requester
from bot.orders.takes import Verb
from bot.words.text import inert
from cogs.takes import acting, comparing
from cogs.video import parameters
from cogs.video.parameters import choices, loras_of, options, say
from storage import MADE, Job, Mode, Preset

#: Options of `again` that change the clip.
REPEATED = ("prompt", "duration", "resolution", "aspect", "fps", "seed", "sound", "camera", "loras")


class Taking(commands.Cog):
    """The commands about finished clips. Part of the `Video` cog."""

    studio: Studio

    @app_commands.command()
    @app_commands.rename(favourites="favorites")
    async def takes(
        self, interaction: Interaction, page: Range[int, 1, 1000] = 1, favourites: bool = False
    ) -> None:
        """List this thread's takes, or your favorites.

        Parameters
        ----------
        page:
            Page 1 has the newest takes.
        favourites:
            List your favorites in this server instead.
        """
        requester = requester_here(interaction)
        bot = interaction.client
        shown = await bot.takes.page(page, requester=requester, favourites=favourites)
        said = board.lines(shown.takes, shown.parents, usd_per_credit=bot.usd_per_credit)
        newest_first = said[::-1]
        head = "### Your favorites" if favourites else "### Takes in this thread"
        if shown.of > 1:
            head += f" · page {shown.number} of {shown.of}"
        await say(interaction, "\n".join([head, *newest_first]))

    @app_commands.command()
    async def show(
        self,
        interaction: Interaction,
        clip: str,
        quality: Literal["fitting", "original"] = "fitting",
        public: bool = False,
    ) -> None:
        """Show a clip again, with its settings, price and history.

        Parameters
        ----------
        clip:
            Which clip: 2 is take 2 in this thread, #42 is any clip in this server.
        quality:
            The clip as it fits here, or the original, by link if it is too large.
        public:
            Post it here for everybody.
        """
        requester = requester_here(interaction)
        bot = interaction.client
        job = await self.studio.access.show(
            await parameters.clip(interaction, clip), requester=requester
        )
        if public:
            job = await bot.takes.revive(job.id, requester=requester)
            await acting.think(interaction)
            here = bot.get_partial_messageable(requester.channel_id, guild_id=requester.guild_id)
            message = await bot.delivery.show_again(
                job, here, purpose=f"show-{interaction.id}", original=quality == "original"
            )
            bot.events.take_changed.emit(job)
            await answering.tell(interaction, f"Posted: {message.jump_url}")
            return
        if job.state not in MADE:
            await say(interaction, await acting.said_of(job, bot))
            return
        await acting.think(interaction)
        await acting.show(interaction, job, requester, original=quality == "original")

    @app_commands.command()
    async def compare(self, interaction: Interaction, a: str, b: str) -> None:
        """Compare two clips side by side.

        Parameters
        ----------
        a:
            The clip on the left: 2 is take 2 in this thread, #42 is any clip in this server.
        b:
            The clip on the right.
        """
        requester = requester_here(interaction)
        takes = interaction.client.takes
        names = [await parameters.clip(interaction, each) for each in (a, b)]
        if names[0] == names[1]:
            await takes.ready(names[0], Verb.COMPARE, requester=requester)
            raise Refusal(comparing.SAME)

        async def pair() -> tuple[Job, Job]:
            first, second = [
                await takes.ready(each, Verb.COMPARE, requester=requester) for each in names
            ]
            return first, second

        await comparing.compare(interaction, f"{names[0]} {names[1]}", pair)

    @app_commands.command()
    @options(Mode.TEXT)
    async def again(
        self,
        interaction: Interaction,
        clip: str | None = None,
        prompt: Range[str, 1, 6000] | None = None,
        preset: str | None = None,
        duration: Range[int, 1, 600] | None = None,
        resolution: str | None = None,
        aspect: str | None = None,
        fps: Range[int, 1, 240] | None = None,
        seed: Range[int, 0, 2147483647] | None = None,
        sound: bool | None = None,
        provider: str | None = None,
        model: str | None = None,
        camera: str | None = None,
        loras: str | None = None,
        takes: Range[int, 2, 4] | None = None,
    ) -> None:
        """Repeat your last clip, with any setting changed.

        Parameters
        ----------
        clip:
            Another clip: 2 is take 2 in this thread, #42 is any clip in this server.
        prompt:
            A new prompt.
        preset:
            Use the settings of this preset.
        duration:
            How many seconds the clip lasts.
        resolution:
            How large the clip is.
        aspect:
            Wide, tall or square.
        fps:
            Frames per second.
        seed:
            The same seed makes a similar clip. Default: a new seed.
        sound:
            Whether the clip has sound.
        provider:
            Another provider. Default: the same one.
        model:
            Another model. Default: the same one.
        """
        requester = requester_here(interaction)
        job = await self._last(interaction, clip, requester)
        await self.studio.access.may_build(job.id, requester)
        edits = interaction.client.edits
        asked = {
            "prompt": prompt,
            "duration": duration,
            "resolution": resolution,
            "aspect": aspect,
            "fps": fps,
            "seed": seed,
            "sound": sound,
            "camera": camera,
            "loras": loras_of(loras) or None,
        }
        quoting = edits.again(
            job,
            request=f"interaction:{interaction.id}",
            requester=requester,
            changes={name: value for name, value in asked.items() if value is not None},
            preset=await edits.presets.find(preset, requester=requester) if preset else None,
            provider=provider,
            model=model,
        )
        await acting.order(interaction, quoting, requester, takes=takes or 1)
        name = await interaction.client.takes.name(job, requester=requester)
        await answering.tell(interaction, f"That is {name} again.")

    @app_commands.command()
    async def presets(
        self,
        interaction: Interaction,
        use: str | None = None,
        prompt: Range[str, 1, 6000] | None = None,
        save: Range[str, 1, 40] | None = None,
        clip: str | None = None,
        delete: str | None = None,
        for_server: bool = False,
    ) -> None:
        """List, use, save or delete presets: settings under a name.

        Parameters
        ----------
        use:
            Make a clip with this preset. Add a prompt.
        prompt:
            What the new clip shows.
        save:
            Save the settings of your last clip under this name.
        clip:
            Save the settings of this clip instead.
        delete:
            Delete the preset with this name.
        for_server:
            Moderators: save or delete it for the whole server.
        """
        requester = requester_here(interaction)
        edits = interaction.client.edits
        if sum(each is not None for each in (use, save, delete)) > 1:
            raise Refusal("Use, save or delete a preset, one at a time.")
        if use is not None:
            quoting = edits.presets.quote(
                await edits.presets.find(use, requester=requester),
                prompt or "",
                request=f"interaction:{interaction.id}",
            )
            await acting.order(interaction, quoting, requester)
        elif save is not None:
            job = await self._last(interaction, clip, requester)
            kept = await edits.presets.save(save, job, requester=requester, server=for_server)
            name = await interaction.client.takes.name(job, requester=requester)
            await say(interaction, f"Saved from {name}: {_preset_line(kept)}")
        elif delete is not None:
            await edits.presets.delete(delete, requester=requester, server=for_server)
            await say(interaction, f"The preset “{inert(delete)}” was deleted.")
        else:
            there = await edits.presets.of(requester)
            if not there:
                raise Refusal("There are no presets yet. `/video presets save:name` saves one.")
            await say(interaction, "\n".join(["### Presets", *map(_preset_line, there)]))

    async def _last(self, interaction: Interaction, clip: str | None, requester: Requester) -> Job:
        if clip is not None:
            return await self.studio.access.show(
                await parameters.clip(interaction, clip), requester=requester
            )
        return await interaction.client.takes.latest(requester)

    @again.autocomplete("clip")
    @show.autocomplete("clip")
    @compare.autocomplete("a")
    @compare.autocomplete("b")
    @presets.autocomplete("clip")
    @suggests
    async def _clips(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        return await parameters.clips(interaction, typed)

    @again.autocomplete("takes")
    @suggests
    async def _several(self, interaction: Interaction, typed: str | int) -> list[Choice[int]]:
        """How many, with what so many of that clip cost, as far as the options are chosen."""
        quote = None
        with suppress(Refusal):
            quote = await self._quoted_again(interaction)
        return [
            Choice(
                name=name if quote is None else f"{name} · {costs(quote.times(count), 'takes')}",
                value=count,
            )
            for name, count in parameters.several(typed)
        ]

    async def _quoted_again(self, interaction: Interaction) -> Quote:
        """What `again` would order with the options that are chosen. Raises `Refusal`."""
        chosen, requester = vars(interaction.namespace), requester_of(interaction)
        edits, preset = interaction.client.edits, chosen.get("preset")
        job = await self._last(interaction, chosen.get("clip"), requester)
        await self.studio.access.may_build(job.id, requester)
        changes = {name: chosen[name] for name in REPEATED if chosen.get(name) is not None}
        if "loras" in changes:
            changes["loras"] = loras_of(changes["loras"])
        return await edits.again(
            job,
            request=f"interaction:{interaction.id}",
            requester=requester,
            changes=changes,
            preset=await edits.presets.find(preset, requester=requester) if preset else None,
            provider=chosen.get("provider"),
            model=chosen.get("model"),
        )

    @presets.autocomplete("use")
    @presets.autocomplete("delete")
    @suggests
    async def _names(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        there = await interaction.client.edits.presets.of(requester_of(interaction))
        return choices([(each.name, each.name) for each in there], typed)


def _preset_line(preset: Preset) -> str:
    brief = preset.brief
    parts = [preset.model, *(each for each in (brief.resolution, brief.aspect) if each)]
    if brief.duration:
        parts.append(f"{brief.duration} s")
    if brief.fps:
        parts.append(f"{brief.fps} fps")
    if brief.sound is not None:
        parts.append("sound" if brief.sound else "silent")
    whose = "the server's" if preset.user_id == 0 else "yours"
    return f"**{inert(preset.name)}** ({whose}) · {inert(' · '.join(parts))}"
