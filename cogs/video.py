"""/video: make a clip, see the queue, look one up, stop one."""

import re
from typing import Any, Self

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot import messages
from bot.client import Dailies, Interaction, place_of
from bot.studio import AUTO, Studio
from storage import Brief, Job, Mode

CHOICES = 25  #: suggestions that Discord shows


class Video(commands.GroupCog, group_name="video", group_description="Make video clips"):
    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self.studio = studio

    @app_commands.command()
    async def text(
        self,
        interaction: Interaction,
        prompt: Range[str, 1, 6000],
        provider: str | None = None,
        model: str | None = None,
        resolution: str | None = None,
        aspect: str | None = None,
        duration: Range[int, 1, 600] | None = None,
        fps: Range[int, 1, 240] | None = None,
        seed: Range[int, 0, 2147483647] | None = None,
        sound: bool | None = None,
        camera: str | None = None,
    ) -> None:
        """Make a clip from words.

        Parameters
        ----------
        prompt:
            What should be seen and heard: scenes, movements, light, sounds.
        provider:
            Who makes it; left out, the cheapest that can.
        model:
            With which model.
        resolution:
            How large it is.
        aspect:
            Its shape: wide, upright or square.
        duration:
            How many seconds it lasts.
        fps:
            Frames a second.
        seed:
            The same seed and settings make a similar clip.
        sound:
            Whether it has sound.
        camera:
            How the camera moves.
        """
        wish = Brief(
            mode=Mode.TEXT,
            prompt=prompt,
            resolution=resolution,
            aspect=aspect,
            duration=duration,
            fps=fps,
            seed=seed,
            sound=sound,
            camera=camera,
        )
        order = self.studio.order(
            wish,
            request=f"interaction:{interaction.id}",
            place=place_of(interaction),
            provider=provider,
            model=model,
        )
        await interaction.client.answer(interaction, order)

    @app_commands.command()
    async def queue(self, interaction: Interaction) -> None:
        """What is under way in this server, and where it stands."""
        jobs = await self.studio.queue(guild_id=place_of(interaction).guild_id)
        glimpses = {job.id: self.studio.glimpse(job) for job in jobs}
        await _say(interaction, messages.queue(jobs, glimpses))

    @app_commands.command()
    async def show(self, interaction: Interaction, clip: str) -> None:
        """Everything about one clip: where it stands, its settings, what it cost.

        Parameters
        ----------
        clip:
            Its number, such as 42.
        """
        job = await self.studio.show(number(clip), guild_id=place_of(interaction).guild_id)
        text = messages.details(
            job,
            title=self.studio.title(job),
            usd_per_credit=interaction.client.usd_per_credit,
        )
        await _say(interaction, text)

    @app_commands.command()
    async def cancel(self, interaction: Interaction, clip: str) -> None:
        """Stop a clip of yours that is not finished.

        Parameters
        ----------
        clip:
            Its number, such as 42.
        """
        job = await _cancel(self.studio, interaction, number(clip))
        word = "is being stopped" if job.due_at is not None else "is cancelled"
        await _say(interaction, f"#{job.id} {word}.")

    @app_commands.command()
    async def models(self, interaction: Interaction) -> None:
        """What each model can make, and what it costs."""
        texts = messages.models(
            self.studio.offers(), usd_per_credit=interaction.client.usd_per_credit
        )
        view = discord.ui.LayoutView()
        for text in texts[:10]:
            box: discord.ui.Container[discord.ui.LayoutView] = discord.ui.Container()
            box.add_item(discord.ui.TextDisplay(messages.elide(text, 4000 // len(texts))))
            view.add_item(box)
        await interaction.response.send_message(
            view=view, ephemeral=True, allowed_mentions=messages.SILENT
        )

    @text.autocomplete("provider")
    async def _providers(self, _: Interaction, typed: str) -> list[Choice[str]]:
        names = dict.fromkeys([AUTO, *(each.name for each, _ in self.studio.offers(Mode.TEXT))])
        return _choices([(name, name) for name in names], typed)

    @text.autocomplete("model")
    async def _models(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        provider = _chosen(interaction, "provider")
        named = [
            (f"{model.name} · {each.title}", model.name)
            for each, model in self.studio.offers(Mode.TEXT)
            if provider in (None, AUTO, each.name)
        ]
        return _choices(named, typed)

    @text.autocomplete("resolution")
    async def _resolutions(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        return self._values(interaction, "resolution", typed)

    @text.autocomplete("aspect")
    async def _aspects(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        return self._values(interaction, "aspect", typed)

    @text.autocomplete("camera")
    async def _cameras(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        return self._values(interaction, "camera", typed)

    @text.autocomplete("duration")  # type: ignore[arg-type]  # its stub knows only text options
    async def _durations(self, interaction: Interaction, typed: int) -> list[Choice[int]]:
        return self._numbers(interaction, "duration", typed, " s")

    @text.autocomplete("fps")  # type: ignore[arg-type]
    async def _rates(self, interaction: Interaction, typed: int) -> list[Choice[int]]:
        return self._numbers(interaction, "fps", typed, " fps")

    @show.autocomplete("clip")
    async def _clips(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        jobs = await self.studio.latest(
            guild_id=interaction.guild_id or 0, user_id=interaction.user.id
        )
        return _choices([_clip(job) for job in jobs], typed.removeprefix("#"))

    @cancel.autocomplete("clip")
    async def _stoppable(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        jobs = await self.studio.queue(guild_id=interaction.guild_id or 0)
        mine = [job for job in jobs if job.user_id == interaction.user.id]
        return _choices([_clip(job) for job in mine], typed.removeprefix("#"))

    def _values(self, interaction: Interaction, name: str, typed: str) -> list[Choice[str]]:
        values = self.studio.values(
            Mode.TEXT,
            name,
            provider=_chosen(interaction, "provider"),
            model=_chosen(interaction, "model"),
        )
        return _choices([(str(each).replace("_", " "), str(each)) for each in values], typed)

    def _numbers(
        self, interaction: Interaction, name: str, typed: int | str, suffix: str
    ) -> list[Choice[int]]:
        values = self.studio.values(
            Mode.TEXT,
            name,
            provider=_chosen(interaction, "provider"),
            model=_chosen(interaction, "model"),
        )
        wanted = [int(each) for each in values if str(each).startswith(str(typed or ""))]
        return [Choice(name=f"{each}{suffix}", value=each) for each in wanted[:CHOICES]]


class Cancel(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"cancel:(?P<id>\d+)"):
    """The Cancel button. What it cancels is written on it, so it outlives a restart."""

    def __init__(self, job_id: int) -> None:
        super().__init__(discord.ui.Button(label="Cancel", custom_id=f"cancel:{job_id}"))
        self.job_id = job_id

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],
        item: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        return cls(int(match["id"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        # discord.py only logs what a dynamic item raises, so this one apologises by itself.
        try:
            await interaction.response.defer()
            await _cancel(interaction.client.studio, interaction, self.job_id)
        except Exception as error:  # noqa: BLE001  # a boundary: the apology is right here
            await messages.apologise(interaction, error)


async def _cancel(studio: Studio, interaction: Interaction, job_id: int) -> Job:
    return await studio.cancel(
        job_id, place=place_of(interaction), moderator=interaction.permissions.manage_guild
    )


async def _say(interaction: Interaction, text: str) -> None:
    """Answer with *text*, to its person alone."""
    view = discord.ui.LayoutView()
    view.add_item(discord.ui.TextDisplay(messages.elide(text, 4000)))
    await interaction.response.send_message(
        view=view, ephemeral=True, allowed_mentions=messages.SILENT
    )


def number(typed: str) -> int:
    """The job that '#42' or '42' names; 0, which no job has, for anything else."""
    digits = typed.strip().removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else 0


def _chosen(interaction: Interaction, option: str) -> str | None:
    return getattr(interaction.namespace, option, None) or None


def _clip(job: Job) -> tuple[str, str]:
    words = " ".join(job.brief.prompt.split())
    return f"#{job.id} · {messages.TITLES[job.state]} · {words}", str(job.id)


def _choices(named: list[tuple[str, str]], typed: str) -> list[Choice[str]]:
    """Suggestions that hold what was typed, as many as Discord shows."""
    wanted = [each for each in named if typed.casefold() in each[0].casefold()]
    return [Choice(name=messages.elide(name, 100), value=value) for name, value in wanted[:CHOICES]]


async def setup(bot: Dailies) -> None:
    bot.add_dynamic_items(Cancel)
    await bot.add_cog(Video(bot.studio))
