"""A message as a person sees it: a small frozen view over Discord's JSON."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from simcord.components import walk_components

SELECTS = (3, 5, 6, 7, 8)  #: component types: text, user, role, mentionable, channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    filename: str
    url: str
    description: str  #: alt text, "" without one
    size: int  #: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    label: str  #: its emoji first, if it has one
    custom_id: str  #: "" for a link
    disabled: bool
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    custom_id: str
    placeholder: str
    kind: int  #: component type, one of SELECTS
    options: tuple[Mapping[str, Any], ...]  #: of a text select: label, value, description, default
    least: int
    most: int
    disabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    emoji: str
    count: int
    mine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message. `text` is everything it shows in words, for tests to look into."""

    id: int
    channel_id: int
    author: str
    author_id: int
    content: str
    text: str
    attachments: tuple[Attachment, ...]  #: also those that a gallery or a file part shows
    buttons: tuple[Button, ...]
    selects: tuple[Select, ...]
    reactions: tuple[Reaction, ...]
    mentions: tuple[int, ...]  #: people it pings
    flags: int
    type: int
    edited: bool
    reference: int | None  #: the message it replies to
    thread_id: int | None  #: the thread started from it
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def ephemeral(self) -> bool:
        return bool(self.flags & 1 << 6)

    @property
    def loading(self) -> bool:
        """Whether it shows "thinking…"."""
        return bool(self.flags & 1 << 7)

    def button(self, label_or_custom_id: str) -> Button | None:
        """The button of this label or custom_id; a part of a label will do if only one has it."""
        exact = [
            item for item in self.buttons if label_or_custom_id in (item.label, item.custom_id)
        ]
        partly = [item for item in self.buttons if label_or_custom_id in item.label]
        for found in (exact, partly):
            if len(found) == 1:
                return found[0]
        return None


def view(raw: Mapping[str, Any], *, size_of: Callable[[str], int] = lambda _: 0) -> Message:
    """The view of a message's JSON. *size_of* gives the bytes of a file by its id: of a clip in
    a gallery Discord does not tell."""
    parts = list(walk_components(list(raw.get("components") or [])))
    thread = raw.get("thread")
    return Message(
        id=int(raw["id"]),
        channel_id=int(raw["channel_id"]),
        author=raw["author"].get("global_name") or raw["author"]["username"],
        author_id=int(raw["author"]["id"]),
        content=raw["content"],
        text="\n".join(_words(raw, parts)),
        attachments=tuple(
            Attachment(
                filename=item["filename"],
                url=item["url"],
                description=item.get("description") or "",
                size=item["size"],
                content_type=item.get("content_type") or "",
            )
            for item in raw.get("attachments") or []
        )
        + tuple(_files(parts, size_of)),
        buttons=tuple(_button(part) for part in parts if part.get("type") == 2),
        selects=tuple(_select(part) for part in parts if part.get("type") in SELECTS),
        reactions=tuple(
            Reaction(emoji=item["emoji"]["name"], count=item["count"], mine=item["me"])
            for item in raw.get("reactions") or []
        ),
        mentions=tuple(int(user["id"]) for user in raw.get("mentions") or []),
        flags=raw.get("flags", 0),
        type=raw["type"],
        edited=raw.get("edited_timestamp") is not None,
        reference=_reference(raw),
        thread_id=int(thread["id"]) if thread else None,
        raw=raw,
    )


def _reference(raw: Mapping[str, Any]) -> int | None:
    found = (raw.get("message_reference") or {}).get("message_id")
    return int(found) if found else None


def _words(raw: Mapping[str, Any], parts: list[dict[str, Any]]) -> Iterator[str]:
    if raw["content"]:
        yield raw["content"]
    for embed in raw.get("embeds") or []:
        yield from filter(None, ((embed.get("author") or {}).get("name"), embed.get("title")))
        yield from filter(None, (embed.get("description"),))
        for item in embed.get("fields") or []:
            yield f"{item['name']}\n{item['value']}"
        yield from filter(None, ((embed.get("footer") or {}).get("text"),))
    for part in parts:
        if part.get("type") == 10:
            yield part["content"]
        elif part.get("type") == 12:
            yield from (item["description"] for item in part["items"] if item.get("description"))


def _files(parts: list[dict[str, Any]], size_of: Callable[[str], int]) -> Iterator[Attachment]:
    """What galleries and file parts show of the message's own files; a thumbnail is no file."""
    for part in parts:
        items = [part] if part.get("type") == 13 else part.get("items") or []
        for item in items:
            medium = item.get("media") or item.get("file") or {}
            if medium.get("attachment_id") is not None:
                yield Attachment(
                    filename=urlsplit(medium["url"]).path.rpartition("/")[2],
                    url=medium["url"],
                    description=item.get("description") or "",
                    size=size_of(str(medium["attachment_id"])),
                    content_type=medium.get("content_type") or "",
                )


def _button(part: Mapping[str, Any]) -> Button:
    emoji = (part.get("emoji") or {}).get("name") or ""
    return Button(
        label=" ".join(filter(None, (emoji, part.get("label") or ""))),
        custom_id=part.get("custom_id") or "",
        disabled=bool(part.get("disabled")),
        url=part.get("url") or "",
    )


def _select(part: Mapping[str, Any]) -> Select:
    return Select(
        custom_id=part["custom_id"],
        placeholder=part.get("placeholder") or "",
        kind=part["type"],
        options=tuple(part.get("options") or ()),
        least=part.get("min_values", 1),
        most=part.get("max_values", 1),
        disabled=bool(part.get("disabled")),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing to fill in: its label, and the component itself."""

    label: str
    custom_id: str
    kind: int
    component: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Modal:
    """A form that a bot showed to somebody."""

    interaction_id: int
    title: str
    custom_id: str
    fields: tuple[Field, ...]
    text: str  #: what it says besides its fields
    raw: Mapping[str, Any] = field(repr=False)


def modal_view(interaction_id: int, raw: Mapping[str, Any]) -> Modal:
    """The view of a modal's JSON."""
    fields: list[Field] = []
    texts: list[str] = []
    for part in raw["components"]:
        if part["type"] == 10:
            texts.append(part["content"])
        elif part["type"] == 18:
            child = part["component"]
            texts += filter(None, [part.get("description")])
            fields.append(
                Field(
                    label=part["label"],
                    custom_id=child["custom_id"],
                    kind=child["type"],
                    component=child,
                )
            )
        else:
            child = part["components"][0]
            fields.append(
                Field(
                    label=child.get("label") or "",
                    custom_id=child["custom_id"],
                    kind=child["type"],
                    component=child,
                )
            )
    return Modal(
        interaction_id=interaction_id,
        title=raw["title"],
        custom_id=raw["custom_id"],
        fields=tuple(fields),
        text="\n".join(texts),
        raw=raw,
    )
