"""A small bot on plain discord.py, for the tests of the playground."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import discord
import discord.gateway
import yarl
from discord import app_commands

from playground import Playground


class AgainButton(discord.ui.DynamicItem[discord.ui.Button], template=r"again:(?P<take>\d+)"):
    """A button that works on old messages, after any restart."""

    def __init__(self, take: int) -> None:
        self.take = take
        button: discord.ui.Button[Any] = discord.ui.Button(label="Again", custom_id=f"again:{take}")
        super().__init__(button)

    @classmethod
    async def from_custom_id(cls, interaction, item, match):
        return cls(int(match["take"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"Again: {self.take}", ephemeral=True)


class EditForm(discord.ui.Modal, title="Edit the prompt"):
    prompt = discord.ui.Label(
        text="New prompt", component=discord.ui.TextInput(custom_id="prompt", max_length=50)
    )
    look = discord.ui.Label(
        text="Look",
        component=discord.ui.Select(
            custom_id="look",
            options=[discord.SelectOption(label="Noir"), discord.SelectOption(label="Anime")],
        ),
    )

    def __init__(self) -> None:
        super().__init__(custom_id="edit")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        text, look = self.prompt.component, self.look.component
        assert isinstance(text, discord.ui.TextInput)
        assert isinstance(look, discord.ui.Select)
        await interaction.response.send_message(f"{text.value} in {look.values[0]}")


class ToyBot(discord.Client):
    """Answers `/toy …`; keeps what it hears in `heard`."""

    def __init__(self, intents: discord.Intents | None = None, **options: Any) -> None:
        super().__init__(
            **options,
            intents=intents
            or discord.Intents(guilds=True, guild_messages=True, guild_reactions=True),
            max_messages=None,
            guild_ready_timeout=0.05,
            chunk_guilds_at_startup=False,
        )
        self.tree = app_commands.CommandTree(self)
        self.heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.ready_count = 0
        self.resumed = asyncio.Event()
        self.errors: list[BaseException] = []
        self.failed = asyncio.Event()
        add_commands(self)

        @self.tree.error
        async def remember(interaction: discord.Interaction, error: Exception) -> None:
            self.errors.append(getattr(error, "original", error))
            self.failed.set()

    async def setup_hook(self) -> None:
        self.add_dynamic_items(AgainButton)
        await self.tree.sync()

    async def on_ready(self) -> None:
        self.ready_count += 1

    async def on_resumed(self) -> None:
        self.resumed.set()

    async def on_message(self, message: discord.Message) -> None:
        if self.user is not None and message.author.id != self.user.id:
            self.heard.put_nowait(("message", message))

    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        if self.user is not None and payload.user_id != self.user.id:
            self.heard.put_nowait(("reaction", payload))

    async def hear(self, what: str) -> Any:
        """The next thing of this kind that the bot heard."""
        async with asyncio.timeout(120):
            while True:
                kind, thing = await self.heard.get()
                if kind == what:
                    return thing


def add_commands(bot: ToyBot) -> None:
    toy = app_commands.Group(
        name="toy",
        description="Things to try",
        allowed_contexts=app_commands.AppCommandContext(guild=True),
        allowed_installs=app_commands.AppInstallationType(guild=True),
    )

    @toy.command(description="Say it")
    @app_commands.choices(look=[app_commands.Choice(name="Noir", value="noir")])
    async def say(
        interaction: discord.Interaction,
        text: app_commands.Range[str, 1, 100],
        times: app_commands.Range[int, 1, 5] = 1,
        look: str = "none",
        loud: bool = False,
        size: app_commands.Range[float, 0.5, 2.0] = 1.0,
        image: discord.Attachment | None = None,
        who: discord.Member | None = None,
    ) -> None:
        got = f"{text} ×{times} {look} {loud} {size} {who}"
        if image is not None:
            got += f" {image.filename} {len(await image.read())} bytes"
        await interaction.response.send_message(got)

    @toy.command(description="Make a thread with a file and a button")
    async def make(interaction: discord.Interaction, prompt: str) -> None:
        await interaction.response.defer(thinking=True)
        card = await interaction.followup.send(f"Card: {prompt}", wait=True)
        assert isinstance(interaction.channel, discord.TextChannel)
        message = await interaction.channel.fetch_message(card.id)
        thread = await message.create_thread(name=prompt)
        view = discord.ui.View(timeout=None)
        view.add_item(AgainButton(7))
        file = discord.File(CLIP(), filename="clip one.mp4", description="A clip")
        done = await thread.send(f"Done: {prompt}", file=file, view=view)
        await done.add_reaction("🔁")

    @toy.command(description="Only for you")
    async def secret(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("psst", ephemeral=True)

    @toy.command(description="A form")
    async def form(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(EditForm())

    @toy.command(description="Answers late")
    async def late(interaction: discord.Interaction, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await interaction.response.send_message("late")

    @toy.command(description="Suggests looks")
    async def look(interaction: discord.Interaction, name: str) -> None:
        await interaction.response.send_message(name)

    @look.autocomplete("name")
    async def looks(
        interaction: discord.Interaction, current: str
    ) -> list[app_commands.Choice[str]]:
        names = ("anime", "noir", "nature")
        return [
            app_commands.Choice(name=n.title(), value=n) for n in names if n.startswith(current)
        ]

    bot.tree.add_command(toy)

    @bot.tree.context_menu(name="Quote")
    async def quote(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message(f"“{message.content}”", ephemeral=True)

    @bot.tree.command(name="rule", description="For moderators")
    @app_commands.default_permissions(manage_guild=True)
    async def rule(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("ruled")


def CLIP() -> Any:
    import io

    return io.BytesIO(b"\x00\x00\x00\x18ftypisom" + bytes(range(256)) * 8)


@contextlib.asynccontextmanager
async def connected(playground: Playground, bot: ToyBot | None = None) -> AsyncIterator[ToyBot]:
    """A bot, logged in and ready; discord.py is pointed at the playground meanwhile."""
    running = bot or ToyBot()
    playground.gateway.starts.rest()
    with pointed_at(playground):
        task = asyncio.create_task(running.start(playground.token))
        try:
            ready = asyncio.create_task(running.wait_until_ready())
            await asyncio.wait({task, ready}, timeout=120, return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            if task.done():
                task.result()
            yield running
        finally:
            await running.close()
            await asyncio.wait({task}, timeout=120)


@contextlib.contextmanager
def pointed_at(playground: Playground):
    """All that is touched of discord.py: two class attributes."""
    before = discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY
    discord.http.Route.BASE = playground.api_url
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(playground.gateway_url)
    try:
        yield
    finally:
        discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = before
