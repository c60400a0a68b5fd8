"""What a human can do here. The page and the tests drive the same Person."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from simcord.backend.errors import BackendError
from simcord.backend.models import Channel
from simcord.backend.models import Interaction as Record
from simcord.backend.models import Message as Stored
from simcord.enums import AppCommandType, InteractionType
from simcord.interactions import base_payload

from playground.discord import commands, routes
from playground.discord.commands import PersonCannot
from playground.discord.forms import CONTENT, FILES
from playground.people import asking
from playground.people.asking import File, Upload
from playground.people.sight import Sight
from playground.people.views import Message, Modal, modal_view

__all__ = ["Choice", "File", "Interaction", "Person", "PersonCannot"]


NO_ANSWER = "The application did not respond"  #: what Discord's client shows after 3 s


class Choice(NamedTuple):
    """One suggestion: what is shown, and what is sent."""

    name: str
    value: str | int | float


class Interaction:
    """Something a person asked of the bot, and what became of it."""

    def __init__(self, person: "Person", record: Record) -> None:
        self.id = record.id
        self.state = "waiting"  #: "waiting", "answered", "modal" or "failed"
        self._person = person
        self._record = record
        self._done = asyncio.Event()

    def settle(self, state: str) -> None:
        self.state = state
        self._done.set()

    @property
    async def answered(self) -> "Interaction":
        """Wait for the bot's first answer. Raises PersonCannot where there is none within 3 s."""
        await self._done.wait()
        if self.state == "failed":
            raise PersonCannot(NO_ANSWER)
        return self

    @property
    def message(self) -> Message | None:
        """The bot's answer as it is now; None before it, after its deletion, and for a modal."""
        if self._record.message_id is None:
            return None
        return self._person.message(self._record.message_id, self._record.channel_id)

    @property
    def modal(self) -> Modal | None:
        """The form the bot showed, if it did."""
        return modal_view(self.id, self._record.modal) if self._record.modal is not None else None

    @property
    def ephemeral(self) -> bool:
        return self._record.ephemeral

    @property
    def choices(self) -> list[Choice]:
        """What the bot suggested, if this was a question for suggestions."""
        found = self._record.autocomplete_choices or []
        return [Choice(item["name"], item["value"]) for item in found]


class Person(Sight):
    """A human with an account, and hands."""

    # ------------------------------------------------------------------ commands

    async def type(self, command: str, /, **options: Any) -> Interaction:
        """Type a slash command, as in `type("/video text", prompt="a fox")`."""
        return await self.run(command, options)

    async def run(
        self, command: str, options: Mapping[str, Any], *, nonce: str | None = None
    ) -> Interaction:
        """`type` with the options in a mapping; *nonce* comes back in the INTERACTION event."""
        spec, part, steps = self._command(command)
        return self._send_command(
            InteractionType.APPLICATION_COMMAND, spec, part, steps, options, nonce
        )

    async def suggestions(
        self, command: str, option: str, typed: str = "", **options: Any
    ) -> list[Choice]:
        """What the bot suggests for an option while it is being typed (3 s at most)."""
        return await self.autocomplete(command, option, typed, options)

    async def autocomplete(
        self, command: str, option: str, typed: str, options: Mapping[str, Any]
    ) -> list[Choice]:
        spec, part, steps = self._command(command)
        asked = next((item for item in part.get("options") or [] if item["name"] == option), None)
        if asked is None or not asked.get("autocomplete"):
            raise PersonCannot(f"/{command.lstrip('/')} suggests nothing for {option}.")
        filled = {**options, option: typed}
        interaction = self._send_command(
            InteractionType.APPLICATION_COMMAND_AUTOCOMPLETE,
            spec,
            part,
            steps,
            filled,
            None,
            focused=option,
        )
        try:
            await interaction.answered
        except PersonCannot:
            raise PersonCannot("Loading options failed") from None
        return interaction.choices

    async def menu(
        self, target: "Message | Person", name: str, *, nonce: str | None = None
    ) -> Interaction:
        """Use an entry of the Apps menu of a message or a person."""
        about_message = isinstance(target, Message)
        kind = AppCommandType.MESSAGE if about_message else AppCommandType.USER
        spec = next((item for item in self.commands(kind) if item["name"] == name), None)
        if spec is None:
            raise PersonCannot(f"There is no menu entry called {name} here.")
        resolved: dict[str, Any] = {}
        if isinstance(target, Message):
            self._visible(target)
            resolved["messages"] = {str(target.id): dict(target.raw)}
        else:
            asking.resolve_user(self._world, target.id, resolved, self._here())
        data = {
            "id": spec["id"],
            "name": name,
            "type": int(kind),
            "target_id": str(target.id),
            "resolved": resolved,
        }
        return self._interact(InteractionType.APPLICATION_COMMAND, self._here(), data, nonce=nonce)

    def _command(
        self, typed: str
    ) -> tuple[Mapping[str, Any], Mapping[str, Any], list[tuple[str, int]]]:
        name, *path = typed.lstrip("/").split()
        spec = next((item for item in self.commands() if item["name"] == name), None)
        if spec is None:
            known = any(name == key[0] for scope in self._world.commands.values() for key in scope)
            why = "You can't use" if known else "There is no command called"
            raise PersonCannot(f"{why} /{name}{' here' if known else ''}.")
        part, steps = commands.leaf(spec, path)
        return spec, part, steps

    def _send_command(
        self,
        kind: InteractionType,
        spec: Mapping[str, Any],
        part: Mapping[str, Any],
        steps: list[tuple[str, int]],
        options: Mapping[str, Any],
        nonce: str | None,
        focused: str | None = None,
    ) -> Interaction:
        channel = self._here()
        resolved: dict[str, Any] = {}
        filled = asking.fill_in(self._world, channel, part, options, resolved, focused)
        for step, step_type in reversed(steps):
            filled = [{"name": step, "type": step_type, "options": filled}]
        data: dict[str, Any] = {
            "id": spec["id"],
            "name": spec["name"],
            "type": 1,
            "options": filled,
        }
        if resolved:
            data["resolved"] = resolved
        if spec.get("guild_id"):
            data["guild_id"] = spec["guild_id"]
        name = " ".join([spec["name"], *(step for step, _ in steps)])
        return self._interact(kind, channel, data, nonce=nonce, name=name)

    # ------------------------------------------------------------------ components

    async def click(
        self, message: Message | int, label_or_custom_id: str, *, nonce: str | None = None
    ) -> Interaction:
        """Press a button of a message."""
        current = self._visible(message)
        button = current.button(label_or_custom_id)
        if button is None:
            labels = ", ".join(item.label for item in current.buttons) or "none"
            raise PersonCannot(f"There is no button {label_or_custom_id}. Its buttons: {labels}.")
        if button.disabled:
            raise PersonCannot(f"The button {button.label} is greyed out.")
        if button.url:
            raise PersonCannot(f"The button {button.label} only opens {button.url}.")
        data = {"custom_id": button.custom_id, "component_type": 2}
        return self._press(current, data, nonce)

    async def choose(
        self,
        message: Message | int,
        custom_id: str,
        values: Iterable[Any] | str,
        *,
        nonce: str | None = None,
    ) -> Interaction:
        """Pick from a select menu, by label or value; people, roles and channels by id or name."""
        current = self._visible(message)
        select = next((item for item in current.selects if item.custom_id == custom_id), None)
        if select is None:
            raise PersonCannot(f"There is no menu {custom_id} on that message.")
        if select.disabled:
            raise PersonCannot("That menu is greyed out.")
        picked = [values] if isinstance(values, str) else list(values)
        resolved: dict[str, Any] = {}
        channel = self._world.get_channel(current.channel_id)
        chosen = asking.pick(
            self._world,
            channel,
            asking.Picking(name=custom_id, kind=select.kind, least=select.least, most=select.most),
            select.options,
            picked,
            resolved,
        )
        data: dict[str, Any] = {
            "custom_id": custom_id,
            "component_type": select.kind,
            "values": chosen,
        }
        if resolved:
            data["resolved"] = resolved
        return self._press(current, data, nonce)

    async def fill(
        self, modal: Modal | Interaction, /, *, nonce: str | None = None, **fields: Any
    ) -> Interaction:
        """Submit a form; fields by label or custom_id, what is left out keeps its default."""
        return await self.submit(modal, fields, nonce=nonce)

    async def submit(
        self, modal: Modal | Interaction, fields: Mapping[str, Any], *, nonce: str | None = None
    ) -> Interaction:
        """`fill` with the fields in a mapping."""
        shown = modal.modal if isinstance(modal, Interaction) else modal
        record = self._world.interactions.get(shown.interaction_id) if shown is not None else None
        if shown is None or record is None or record.user_id != self.id:
            raise PersonCannot("There is no form to fill in.")
        channel = self._world.get_channel(record.channel_id)
        resolved: dict[str, Any] = {}
        parts = asking.fill_form(self._world, channel, shown, fields, resolved)
        data: dict[str, Any] = {"custom_id": shown.custom_id, "components": parts}
        if resolved:
            data["resolved"] = resolved
        source = record.source_message_id
        message = self.message(source, channel.id) if source is not None else None
        return self._interact(
            InteractionType.MODAL_SUBMIT, channel, data, nonce=nonce, about=message
        )

    def _press(self, message: Message, data: dict[str, Any], nonce: str | None) -> Interaction:
        channel = self._world.get_channel(message.channel_id)
        kind = InteractionType.MESSAGE_COMPONENT
        return self._interact(kind, channel, data, nonce=nonce, about=message)

    def _interact(
        self,
        kind: InteractionType,
        channel: Channel,
        data: dict[str, Any],
        *,
        nonce: str | None,
        about: Message | None = None,
        name: str | None = None,
    ) -> Interaction:
        """Send an interaction to the bot, and listen for what becomes of it."""
        world = self._world
        meta = channel.thread_metadata
        if meta is not None and meta.archived:
            raise PersonCannot("This thread is archived. Somebody has to write in it first.")
        record, payload = base_payload(
            world,
            type=int(kind),
            channel_id=channel.id,
            guild_id=channel.guild_id,
            user_id=self.id,
            data=data,
        )
        payload["attachment_size_limit"] = world.upload_limit(channel.guild_id)
        if channel.guild_id is not None:
            payload["channel"]["permissions"] = payload["member"]["permissions"]
            payload["authorizing_integration_owners"] = {"0": str(channel.guild_id)}
            payload["guild"] = {"id": str(channel.guild_id), "locale": "en-US", "features": []}
        if name is not None:
            record.command_name = name  # what stands above the answer: "/video text", not "/video"
        if about is not None:
            payload["message"] = dict(about.raw)
            record.source_message_id = about.id
        interaction = Interaction(self, record)
        world.outcomes[record.id] = lambda state: self._settle(interaction, state, nonce)
        world.emit("INTERACTION_CREATE", payload)
        return interaction

    def _settle(self, interaction: Interaction, state: str, nonce: str | None) -> None:
        interaction.settle(state)
        modal = interaction.modal
        told = {
            "id": str(interaction.id),
            "state": state,
            "modal": modal.raw if modal is not None else None,
            "nonce": nonce,
        }
        self._world.whisper(self.id, "INTERACTION", told)

    # ------------------------------------------------------------------ messages

    async def say(
        self,
        text: str = "",
        *,
        reply_to: Message | int | None = None,
        files: Iterable[Upload] = (),
    ) -> Message:
        """Write a message, maybe as a reply, maybe with files (paths or `File`s)."""
        channel = self._here()
        needed = ["send_messages_in_threads" if channel.is_thread else "send_messages"]
        uploads = [asking.read_file(item) for item in files]
        if uploads:
            needed.append("attach_files")
        self._need(channel, *needed)
        self._need_unlocked(channel)
        limit = self._world.upload_limit(channel.guild_id)
        if len(text) > CONTENT:
            raise PersonCannot(f"A message has at most {CONTENT} characters, not {len(text)}.")
        if len(uploads) > FILES:
            raise PersonCannot(f"A message has at most {FILES} files.")
        for file in uploads:
            if len(file.data) > limit:
                raise PersonCannot(f"{file.name} is too big: the limit here is {limit >> 20} MB.")
        reference = None
        if reply_to is not None:
            reference = {
                "message_id": str(self._visible(reply_to).id),
                "channel_id": str(channel.id),
            }
        attachments = self._world.store_attachments(
            channel.id, [(file.name, file.data) for file in uploads]
        )
        try:
            made = self._world.create_message(
                channel.id, self.id, text, attachments=attachments, reference=reference
            )
        except BackendError as no:
            raise PersonCannot(no.message) from None
        self._world.save()
        return self._view(made.id, channel.id)

    async def edit(self, message: Message | int, text: str) -> Message:
        """Change the words of an own message."""
        current = self._visible(message)
        if current.author_id != self.id:
            raise PersonCannot("You can only edit your own messages.")
        self._need_awake(self._world.get_channel(current.channel_id))
        self._world.edit_message(current.channel_id, current.id, {"content": text})
        self._world.save()
        return self._view(current.id, current.channel_id)

    async def delete(self, message: Message | int) -> None:
        """Delete an own message, dismiss an ephemeral one, or any other with Manage Messages."""
        current = self._visible(message)
        if current.author_id != self.id and not current.ephemeral:
            self._need(self._world.get_channel(current.channel_id), "manage_messages")
        self._world.delete_message(current.channel_id, current.id)
        self._world.save()

    async def react(self, message: Message | int, emoji: str) -> None:
        """Add an emoji to a message; joining one that is there needs no permission to add."""
        current, stored, channel = self._reactable(message)
        if stored.reaction_for(emoji) is None:
            self._need(channel, "add_reactions")
        try:
            routes.check_emoji(self._world, stored, emoji)
        except BackendError as no:
            raise PersonCannot(no.message) from None
        self._world.add_reaction(channel.id, current.id, emoji, self.id)
        self._world.save()

    async def unreact(self, message: Message | int, emoji: str) -> None:
        """Take back an own reaction."""
        current, stored, channel = self._reactable(message)
        reaction = stored.reaction_for(emoji)
        if reaction is None or self.id not in reaction.user_ids:
            raise PersonCannot(f"You have not reacted with {emoji}.")
        self._world.remove_reaction(channel.id, current.id, emoji, self.id)
        self._world.save()

    async def start_thread(self, message: Message | int, name: str) -> int:
        """Start a thread from a message. Returns its id."""
        current = self._visible(message)
        self._need(self._world.get_channel(current.channel_id), "create_public_threads")
        if current.id in self._world.channels:
            raise PersonCannot("That message already has a thread.")
        thread = self._world.create_thread(current.channel_id, name, self.id, message_id=current.id)
        self._world.save()
        return thread.id

    def type_on(self) -> None:
        """Let the others see "… is typing"."""
        channel = self._here()
        told = {
            "channel_id": str(channel.id),
            "user_id": str(self.id),
            "timestamp": int(self._world.time.now()),
        }
        if channel.guild_id is not None:
            told["guild_id"] = str(channel.guild_id)
        self._world.emit("TYPING_START", told)

    # ------------------------------------------------------------------ may they?

    def _need(self, channel: Channel, *names: str) -> None:
        for name in names:
            if not self._world.may(self.id, channel.id, name):
                raise PersonCannot(
                    f"You lack the permission {name.replace('_', ' ').title()} there."
                )

    def _need_unlocked(self, channel: Channel) -> None:
        meta = channel.thread_metadata
        if (
            meta is not None
            and meta.locked
            and not self._world.may(self.id, channel.id, "manage_threads")
        ):
            raise PersonCannot("This thread is locked.")

    def _need_awake(self, channel: Channel) -> None:
        if channel.thread_metadata is not None and channel.thread_metadata.archived:
            raise PersonCannot("This thread is archived. Somebody has to write in it first.")

    def _reactable(self, message: Message | int) -> tuple[Message, Stored, Channel]:
        current = self._visible(message)
        channel = self._world.get_channel(current.channel_id)
        if current.ephemeral:
            raise PersonCannot("Nobody can react to a message that only you can see.")
        self._need(channel, "read_message_history")
        self._need_awake(channel)
        return current, self._world.get_message(channel.id, current.id), channel
