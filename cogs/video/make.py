"""What makes a clip: /video text, image, audio, extend, retake, hdr."""

import asyncio
import math
from typing import Literal

import discord
from discord import app_commands
from discord.app_commands import Range
from discord.ext import commands

from bot.chat.bot import Interaction
from bot.chat.requester import requester_here
from bot.errors import Refusal
from bot.orders.defaults import NEW
from bot.orders.inputs import Source
from bot.orders.orders import Studio
from bot.orders.quote import CHOOSERS
from bot.orders.takes import Verb
from cogs.takes import acting
from cogs.video.parameters import loras_of, options, source
from storage import Brief, Mode

Prompt = Range[str, 1, 6000]
Seconds = Range[int, 1, 600]
Rate = Range[int, 1, 240]
Seed = Range[int, 0, 2147483647]
Takes = Range[int, 2, 4]
Moment = Range[float, 0.0, 3600.0]


class Making(commands.Cog):
    """The commands that order a clip. Part of the `Video` cog."""

    studio: Studio

    @app_commands.command()
    @options(Mode.TEXT)
    async def text(
        self,
        interaction: Interaction,
        prompt: Prompt,
        provider: str | None = None,
        model: str | None = None,
        resolution: str | None = None,
        aspect: str | None = None,
        duration: Seconds | None = None,
        fps: Rate | None = None,
        seed: Seed | None = None,
        sound: bool | None = None,
        camera: str | None = None,
        loras: str | None = None,
        preset: str | None = None,
        takes: Takes | None = None,
    ) -> None:
        """Make a clip from words.

        Parameters
        ----------
        prompt:
            What you see and hear: scenes, movement, light, sounds.
        """
        brief = Brief(
            mode=Mode.TEXT,
            prompt=prompt,
            resolution=resolution,
            aspect=aspect,
            duration=duration,
            fps=fps,
            seed=seed,
            sound=sound,
            camera=camera,
            loras=loras_of(loras),
        )
        await self._order(interaction, brief, provider, model, preset=preset, takes=takes or 1)

    @app_commands.command()
    @options(Mode.IMAGE)
    async def image(
        self,
        interaction: Interaction,
        prompt: Prompt | None = None,
        image: discord.Attachment | None = None,
        link: str | None = None,
        last_image: discord.Attachment | None = None,
        last_link: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        resolution: str | None = None,
        aspect: str | None = None,
        duration: Seconds | None = None,
        fps: Rate | None = None,
        seed: Seed | None = None,
        sound: bool | None = None,
        camera: str | None = None,
        loras: str | None = None,
        preset: str | None = None,
        takes: Takes | None = None,
    ) -> None:
        """Make a clip that starts with an image.

        Parameters
        ----------
        prompt:
            What happens next.
        image:
            The first frame: PNG, JPEG or WebP.
        link:
            A link to the image, or a clip's number such as #42 for its last frame.
        last_image:
            The last frame, if the model takes one.
        last_link:
            A link to the last frame, or a clip's number.
        """
        brief = Brief(
            mode=Mode.IMAGE,
            prompt=prompt or "",
            resolution=resolution,
            aspect=aspect,
            duration=duration,
            fps=fps,
            seed=seed,
            sound=sound,
            camera=camera,
            loras=loras_of(loras),
        )
        sources = {
            "image": await source(interaction, image, link),
            "last_image": await source(interaction, last_image, last_link),
        }
        await self._order(
            interaction, brief, provider, model, sources, preset=preset, takes=takes or 1
        )

    @app_commands.command()
    @options(Mode.AUDIO)
    async def audio(
        self,
        interaction: Interaction,
        prompt: Prompt | None = None,
        sound: discord.Attachment | None = None,
        link: str | None = None,
        image: discord.Attachment | None = None,
        image_link: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        resolution: str | None = None,
        aspect: str | None = None,
        fps: Rate | None = None,
        seed: Seed | None = None,
        camera: str | None = None,
        preset: str | None = None,
        takes: Takes | None = None,
    ) -> None:
        """Make a clip for a sound. It is as long as the sound.

        Parameters
        ----------
        prompt:
            What you see while it plays.
        sound:
            An MP3, M4A or OGG, or a voice message.
        link:
            A link to the sound, or a clip's number such as #42 for its sound.
        image:
            The first frame.
        image_link:
            A link to the first frame, or a clip's number.
        """
        brief = Brief(
            mode=Mode.AUDIO,
            prompt=prompt or "",
            resolution=resolution,
            aspect=aspect,
            fps=fps,
            seed=seed,
            camera=camera,
        )
        sources = {
            "audio": await source(interaction, sound, link),
            "image": await source(interaction, image, image_link),
        }
        await self._order(
            interaction, brief, provider, model, sources, preset=preset, takes=takes or 1
        )

    @app_commands.command()
    @options(Mode.EXTEND)
    async def extend(
        self,
        interaction: Interaction,
        clip: str | None = None,
        video: discord.Attachment | None = None,
        prompt: Prompt | None = None,
        duration: Seconds | None = None,
        direction: Literal["end", "start"] | None = None,
        provider: str | None = None,
        model: str | None = None,
        seed: Seed | None = None,
    ) -> None:
        """Make a clip longer, at its end or its start.

        Parameters
        ----------
        prompt:
            What happens in the added part.
        duration:
            How many seconds to add.
        direction:
            Which end. At the start, the new part may play in reverse.
        """
        brief = Brief(
            mode=Mode.EXTEND,
            prompt=prompt or "",
            duration=duration,
            direction=direction,
            seed=seed,
        )
        await self._change(
            interaction, brief, provider, model, await source(interaction, video, clip)
        )

    @app_commands.command()
    @options(Mode.RETAKE)
    async def retake(
        self,
        interaction: Interaction,
        clip: str | None = None,
        video: discord.Attachment | None = None,
        prompt: Prompt | None = None,
        start: Moment | None = None,
        end: Moment | None = None,
        replace: Literal["both", "picture", "sound"] | None = None,
        provider: str | None = None,
        model: str | None = None,
        seed: Seed | None = None,
    ) -> None:
        """Make part of a clip again: its picture, its sound or both.

        Parameters
        ----------
        prompt:
            What happens in that part.
        start:
            Where the part starts, in seconds. Default: the beginning.
        end:
            Where the part ends, in seconds. Default: the end.
        replace:
            What to make again.
        """
        if end is not None and end <= (start or 0.0):
            raise Refusal("The part must end after it starts.")
        length = math.ceil(end - (start or 0.0)) if end is not None else None
        brief = Brief(
            mode=Mode.RETAKE,
            prompt=prompt or "",
            start=start,
            duration=length,
            replace=replace,
            seed=seed,
        )
        await self._change(
            interaction, brief, provider, model, await source(interaction, video, clip)
        )

    @app_commands.command()
    @options(Mode.HDR)
    async def hdr(
        self,
        interaction: Interaction,
        clip: str | None = None,
        video: discord.Attachment | None = None,
        provider: str | None = None,
        model: str | None = None,
    ) -> None:
        """Make an HDR version of a clip."""
        brief = Brief(mode=Mode.HDR)
        await self._order(
            interaction, brief, provider, model, {"video": await source(interaction, video, clip)}
        )

    async def _order(
        self,
        interaction: Interaction,
        brief: Brief,
        provider: str | None,
        model: str | None,
        sources: dict[str, Source | None] | None = None,
        *,
        preset: str | None = None,
        takes: int = 1,
    ) -> None:
        if preset is not None:
            edits = interaction.client.edits
            brief, provider, model = edits.presets.with_settings(
                await edits.presets.find(preset, requester=requester_here(interaction)),
                brief,
                provider=provider,
                model=model,
            )
        long = asyncio.Event()
        order = self.studio.order(
            brief,
            request=f"interaction:{interaction.id}",
            requester=requester_here(interaction),
            provider=provider,
            model=model,
            sources={name: given for name, given in (sources or {}).items() if given is not None},
            before_long=long.set,
            takes=takes,
            new=brief.mode in NEW,
        )
        await interaction.client.presenter.answer(interaction, order, long=long)

    async def _change(
        self,
        interaction: Interaction,
        brief: Brief,
        provider: str | None,
        model: str | None,
        given: Source | None,
    ) -> None:
        """Extend or retake: what the provider cannot do, Dailies does."""
        edits = interaction.client.edits
        if given is not None and given.take is not None:
            requester = requester_here(interaction)
            job = await interaction.client.takes.ready(
                given.take, Verb(brief.mode), requester=requester
            )
            await edits.may_change(job, requester)
            named = None if provider in CHOOSERS else provider
            there = named is None or named in self.studio.providers
            if there and model is None and edits.only_here(brief.mode, named, brief.direction):
                request = f"interaction:{interaction.id}"
                quoting = edits.change(
                    job, brief, requester=requester, provider=named, request=request
                )
                await acting.order(interaction, quoting, requester)
                return
        await self._order(interaction, brief, provider, model, {"video": given})
