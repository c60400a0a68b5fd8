"""What makes a clip: /video text."""

from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.client import Interaction, place_of
from bot.studio import AUTO, Studio
from cogs.video.words import CHOICES, choices, chosen
from storage import Brief, Mode


class Making(commands.Cog):
    """The commands that order a clip. Part of the `Video` cog."""

    studio: Studio

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

    @text.autocomplete("provider")
    async def _providers(self, _: Interaction, typed: str) -> list[Choice[str]]:
        names = dict.fromkeys([AUTO, *(each.name for each, _ in self.studio.offers(Mode.TEXT))])
        return choices([(name, name) for name in names], typed)

    @text.autocomplete("model")
    async def _models(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        provider = chosen(interaction, "provider")
        named = [
            (f"{model.name} · {each.title}", model.name)
            for each, model in self.studio.offers(Mode.TEXT)
            if provider in (None, AUTO, each.name)
        ]
        return choices(named, typed)

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

    def _values(self, interaction: Interaction, name: str, typed: str) -> list[Choice[str]]:
        values = self.studio.values(
            Mode.TEXT,
            name,
            provider=chosen(interaction, "provider"),
            model=chosen(interaction, "model"),
        )
        return choices([(str(each).replace("_", " "), str(each)) for each in values], typed)

    def _numbers(
        self, interaction: Interaction, name: str, typed: int | str, suffix: str
    ) -> list[Choice[int]]:
        values = self.studio.values(
            Mode.TEXT,
            name,
            provider=chosen(interaction, "provider"),
            model=chosen(interaction, "model"),
        )
        wanted = [int(each) for each in values if str(each).startswith(str(typed or ""))]
        return [Choice(name=f"{each}{suffix}", value=each) for each in wanted[:CHOICES]]
