"""Settings under a name: a person's own and a server's, and clips that are made with them."""

from collections.abc import Callable

from bot.errors import Refusal
from bot.orders.defaults import filled
from bot.orders.orders import Studio
from bot.orders.quote import Quote
from bot.orders.requester import Requester
from bot.words.numbers import listed
from bot.words.text import one_line, typed
from storage import Brief, By, Job, Mode, Preset

PRESETS = 25  #: of one person, and of one server
NAMED = 5  #: presets that a refusal names
#: What a preset keeps of a brief: choices, never the prompt or inputs.
CHOICES = (
    *("resolution", "aspect", "duration", "fps", "sound", "camera", "loras", "routing"),
    *("replace", "direction"),
)


class Presets:
    """The presets of people and servers. Everything it says no to is a `Refusal`."""

    def __init__(self, studio: Studio, *, clock: Callable[[], float]) -> None:
        self._studio = studio
        self._takes = studio.store.takes
        self._clock = clock

    async def of(self, requester: Requester) -> list[Preset]:
        """A person's own presets and the server's."""
        return await self._takes.presets(guild_id=requester.guild_id, user_id=requester.user_id)

    async def save(self, name: str, job: Job, *, requester: Requester, server: bool) -> Preset:
        """Keep the settings of a clip under a name."""
        if server and not requester.moderator:
            raise Refusal("Only moderators can save presets for the whole server.")
        name = one_line(name)
        if not 1 <= len(name) <= 40:
            raise Refusal("A preset's name must have 1 to 40 characters.")
        owner = 0 if server else requester.user_id
        there = await self.of(requester)
        own = [preset for preset in there if preset.user_id == owner]
        if len(own) >= PRESETS and name not in {preset.name for preset in own}:
            raise Refusal(f"There are already {PRESETS} presets. Delete one first.")
        kept = Brief(mode=job.brief.mode, **{name: getattr(job.brief, name) for name in CHOICES})
        preset = Preset(
            guild_id=requester.guild_id,
            user_id=owner,
            name=name,
            provider=job.provider,
            model=job.model,
            brief=kept,
            at=self._clock(),
        )
        by = By(guild_id=requester.guild_id, actor_id=requester.user_id) if server else None
        await self._takes.save_preset(preset, by=by)
        return preset

    async def find(self, name: str, *, requester: Requester) -> Preset:
        """The preset of that name: a person's own, else the server's."""
        there = await self.of(requester)
        wanted = one_line(name).casefold()
        found = next((each for each in there if each.name.casefold() == wanted), None)
        if found is None:
            names = [typed(each.name) for each in there[:NAMED]]
            choose = f"Choose {listed(names)}." if names else "There are none yet."
            raise Refusal(f"There is no preset {typed(name)}. {choose}")
        return found

    async def delete(self, name: str, *, requester: Requester, server: bool) -> None:
        """Forget one of a person's own, or with *server* of the server's."""
        if server and not requester.moderator:
            raise Refusal("Only moderators can delete the server's presets.")
        owner = 0 if server else requester.user_id
        there = await self.of(requester)
        wanted = one_line(name).casefold()
        names = [each.name for each in there if each.user_id == owner]
        found = next((each for each in names if each.casefold() == wanted), None)
        by = By(guild_id=requester.guild_id, actor_id=requester.user_id) if server else None
        if found is None or not await self._takes.delete_preset(
            guild_id=requester.guild_id, user_id=owner, name=found, by=by, at=self._clock()
        ):
            whose = "This server has" if server else "You have"
            raise Refusal(f"{whose} no preset {typed(name)}.")

    async def quote(self, preset: Preset, prompt: str, *, request: str) -> Quote:
        """A new clip with a preset's settings."""
        if preset.brief.mode is not Mode.TEXT:
            raise Refusal(
                f"{typed(preset.name)} needs an image, sound or clip. Use it with /video again."
            )
        return self._studio.quotes.best(
            preset.brief.but(prompt=prompt),
            provider=preset.provider,
            model=preset.model,
            request=request,
        )

    def with_settings(
        self, preset: Preset, brief: Brief, *, provider: str | None, model: str | None
    ) -> tuple[Brief, str | None, str | None]:
        """*brief*, its provider and model, with a preset's settings where nothing was chosen."""
        kept = {name: getattr(preset.brief, name) or None for name in CHOICES}
        kept["sound"] = preset.brief.sound  # False is a choice
        if provider in (None, preset.provider) and model is None:
            does = {
                each.name
                for maker, each in self._studio.quotes.offers(brief.mode)
                if maker.name == preset.provider
            }
            if does:
                provider = preset.provider
                model = preset.model if preset.model in does else None
        return filled(brief, kept), provider, model
