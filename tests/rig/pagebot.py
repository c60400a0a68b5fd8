"""A bot that shows everything a message can hold, for the tests of the page."""

import io
from typing import Any

import discord
from discord import app_commands, ui

MODELS = ("ltx-2-fast", "ltx-2-pro", "ltx-2-retake")


class PageBot(discord.Client):
    """Plain discord.py. `clip` is an MP4, `picture` a PNG."""

    def __init__(self, *, clip: bytes, picture: bytes) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True, guild_messages=True, guild_reactions=True),
            guild_ready_timeout=0.05,
            chunk_guilds_at_startup=False,
        )
        self.tree = app_commands.CommandTree(self)
        self.clip = clip
        self.picture = picture
        self.got: list[dict[str, Any]] = []
        self.cards: list[discord.Message] = []
        add_commands(self)

    async def setup_hook(self) -> None:
        self.add_view(TakeButtons())
        self.add_view(Panel())
        await self.tree.sync()


class TakeButtons(ui.View):
    def __init__(self) -> None:
        super().__init__(timeout=None)

    @ui.button(label="Retake…", style=discord.ButtonStyle.primary, emoji="🔁", custom_id="retake")
    async def retake(self, interaction: discord.Interaction, _: Any) -> None:
        await interaction.response.send_modal(RetakeForm())

    @ui.button(label="Keep", style=discord.ButtonStyle.success, custom_id="keep")
    async def keep(self, interaction: discord.Interaction, _: Any) -> None:
        await interaction.response.send_message("Kept, and only you know.", ephemeral=True)

    @ui.button(label="Break", style=discord.ButtonStyle.danger, custom_id="break")
    async def break_(self, interaction: discord.Interaction, _: Any) -> None:
        """Never answers."""

    @ui.button(label="Later", style=discord.ButtonStyle.secondary, custom_id="later", disabled=True)
    async def later(self, interaction: discord.Interaction, _: Any) -> None:
        """Cannot be pressed."""


class RetakeForm(ui.Modal, title="Retake take 1"):
    prompt = ui.Label(
        text="Prompt",
        description="What the new take shows",
        component=ui.TextInput(
            style=discord.TextStyle.paragraph,
            default="a red fox",
            max_length=300,
            custom_id="prompt",
        ),
    )
    part = ui.Label(
        text="Replace",
        component=ui.RadioGroup(
            custom_id="part",
            options=[
                discord.RadioGroupOption(label="Picture and sound", value="both", default=True),
                discord.RadioGroupOption(
                    label="Sound", value="sound", description="The picture stays"
                ),
            ],
        ),
    )
    model = ui.Label(
        text="Model",
        component=ui.Select(
            custom_id="model",
            options=[discord.SelectOption(label=name) for name in MODELS],
        ),
    )
    frame = ui.Label(
        text="First frame",
        description="A picture to begin with",
        component=ui.FileUpload(custom_id="frame", required=False, max_values=1),
    )
    private = ui.Label(text="Only for me", component=ui.Checkbox(custom_id="private"))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        bot = interaction.client
        assert isinstance(bot, PageBot)
        files = [await file.read() for file in self.frame.component.values]
        bot.got.append(
            {
                "prompt": self.prompt.component.value,
                "part": self.part.component.value,
                "model": self.model.component.values,
                "files": files,
                "private": self.private.component.value,
            }
        )
        await interaction.response.send_message(f"Retake of: {self.prompt.component.value}")


class Panel(ui.LayoutView):
    """Components V2, one of each."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        pick = ui.Select[Any](
            custom_id="panel:look",
            placeholder="Choose a look",
            options=[
                discord.SelectOption(label="Noir", description="Dark and wet", emoji="🎬"),
                discord.SelectOption(label="Dawn", description="Soft light", emoji="💡"),
            ],
        )
        pick.callback = self.chosen  # type: ignore[method-assign]
        many = ui.Select[Any](
            custom_id="panel:many",
            placeholder="Up to two models",
            min_values=1,
            max_values=2,
            options=[discord.SelectOption(label=name) for name in MODELS],
        )
        many.callback = self.chosen  # type: ignore[method-assign]
        who = ui.UserSelect[Any](custom_id="panel:who", placeholder="Choose a person")
        who.callback = self.chosen  # type: ignore[method-assign]
        self.add_item(
            ui.Container(
                ui.Section(
                    ui.TextDisplay("## Take 1 · a red fox"),
                    ui.TextDisplay("**6 s** · 1280×720 · seed `42`\n-# 12 credits, from Mira"),
                    accessory=ui.Thumbnail("attachment://frame.png", description="The first frame"),
                ),
                ui.Separator(spacing=discord.SeparatorSpacing.large),
                ui.MediaGallery(
                    discord.MediaGalleryItem(
                        "attachment://clip.mp4", description="A test card moves"
                    )
                ),
                ui.Section(
                    ui.TextDisplay("Approved by nobody yet."),
                    accessory=ui.Button(label="Approve", custom_id="panel:approve"),
                ),
                ui.File("attachment://notes.txt"),
                ui.ActionRow(pick),
                ui.ActionRow(many),
                ui.ActionRow(who),
                accent_colour=discord.Colour(0xF0A83C),
            )
        )

    async def chosen(self, interaction: discord.Interaction) -> None:
        values = (interaction.data or {}).get("values", [])
        await interaction.response.send_message(f"Chosen: {', '.join(values)}", ephemeral=True)


def add_commands(bot: PageBot) -> None:
    video = app_commands.Group(name="video", description="Make clips", guild_only=True)

    @video.command(description="Make a clip from words")
    @app_commands.describe(
        prompt="What the clip shows",
        model="Who renders it",
        look="A style",
        duration="Length in seconds",
        sound="With sound or without",
        image="A first frame",
        who="For whom",
    )
    @app_commands.choices(
        look=[
            app_commands.Choice(name="Film noir", value="noir"),
            app_commands.Choice(name="First light", value="dawn"),
        ]
    )
    async def text(
        interaction: discord.Interaction,
        prompt: app_commands.Range[str, 1, 300],
        model: str = MODELS[0],
        look: str = "",
        duration: app_commands.Range[int, 1, 20] = 6,
        sound: bool = True,
        image: discord.Attachment | None = None,
        who: discord.Member | None = None,
    ) -> None:
        bot.got.append(
            {
                "prompt": prompt,
                "model": model,
                "look": look,
                "duration": duration,
                "sound": sound,
                "image": image and (image.filename, await image.read()),
                "who": who and who.name,
            }
        )
        embed = discord.Embed(title="Queued", description=f"> {prompt}", colour=0xF0A83C)
        embed.add_field(name="Model", value=model)
        embed.add_field(name="Length", value=f"{duration} s")
        await interaction.response.send_message(embed=embed)
        card = await (await interaction.original_response()).fetch()
        bot.cards.append(card)
        thread = await card.create_thread(name=prompt[:90])
        embed.title = "Done"
        await interaction.edit_original_response(embed=embed)
        done = await thread.send(
            f"{interaction.user.mention} take 1 is ready: **{prompt}**",
            file=discord.File(io.BytesIO(bot.clip), "clip.mp4", description=f"A clip of {prompt}"),
            view=TakeButtons(),
        )
        await done.add_reaction("🔁")
        await done.add_reaction("⏩")

    @text.autocomplete("model")
    async def models(_: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        return [
            app_commands.Choice(name=name.upper(), value=name)
            for name in MODELS
            if current.lower() in name
        ]

    @video.command(description="What waits and what runs")
    async def queue(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("Nothing waits.", ephemeral=True)

    @video.command(description="Everything a message can hold")
    async def panel(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        await interaction.followup.send(
            view=Panel(),
            files=[
                discord.File(io.BytesIO(bot.picture), "frame.png"),
                discord.File(io.BytesIO(bot.clip), "clip.mp4"),
                discord.File(io.BytesIO(b"notes"), "notes.txt"),
            ],
        )

    @video.command(description="Never answers")
    async def silence(interaction: discord.Interaction) -> None:
        """The command hangs."""

    bot.tree.add_command(video)

    @bot.tree.command(name="rule", description="For moderators")
    @app_commands.default_permissions(manage_guild=True)
    async def rule(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("ruled")

    @bot.tree.context_menu(name="Details")
    async def details(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_message(
            f"{message.id} is by {message.author}", ephemeral=True
        )

    @bot.tree.context_menu(name="Retake…")
    async def retake(interaction: discord.Interaction, message: discord.Message) -> None:
        await interaction.response.send_modal(RetakeForm())
