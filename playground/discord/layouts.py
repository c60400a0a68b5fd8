"""What Discord asks of a message in Components V2, refused as Discord refuses it.

Sources: components/reference; resources/message; discord-api-docs #7487 (what V2 forbids), #7534
(40 parts), #7560 (no way back), #8554 (10,170 bytes).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from simcord.backend.models import Message
from simcord.components import walk_components

from playground.discord.limits import Refused, bad_form
from playground.discord.shown_files import media_of

V2 = 1 << 15  #: IS_COMPONENTS_V2 (resources/message, "Message Flags")
PARTS = 40  #: components of one message, those within others counted
TEXT = 4000  #: characters of all text displays of one message
BYTES = (
    10_170  #: UTF-8 bytes of them; each display counts 12 more (measured, discord-api-docs #8554)
)
PER_TEXT = 12

_LEGACY = ("content", "embeds", "embed", "sticker_ids", "poll")
_ROOTS = (1, 9, 10, 12, 13, 14, 17)


def check_layout(
    body: Mapping[str, Any], files: Sequence[Any] = (), *, before: Message | None = None
) -> None:
    """Raise what Discord answers to a layout it does not take. *before*: the message as it is."""
    given = body.get("flags")
    was = before is not None and bool(before.flags & V2)
    if was and given is not None and not int(given) & V2:
        raise bad_form(
            "flags",
            "MESSAGE_CANNOT_REMOVE_COMPONENTS_V2_FLAG",
            "The MessageFlags.IS_COMPONENTS_V2 flag cannot be removed.",
        )
    parts = list(walk_components(body.get("components") or []))
    if not was and not int(given or 0) & V2:
        _check_rows(body.get("components") or [])
        return
    _check_legacy(body, before)
    if len(parts) > PARTS:
        raise bad_form(
            "components",
            "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
            f"The maximum number of total components is {PARTS}",
        )
    texts = [str(part.get("content") or "") for part in parts if part.get("type") == 10]
    if sum(map(len, texts)) > TEXT:
        raise bad_form(
            "components",
            "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
            f"Components displayable text size exceeds maximum size of {TEXT}",
        )
    if sum(len(text.encode()) + PER_TEXT for text in texts) > BYTES:
        raise Refused(500, 0, "500: Internal Server Error")
    _check_references(parts, body, files, before)


def _check_rows(components: Sequence[Any]) -> None:
    """Without the flag, a message holds rows of buttons and nothing else."""
    for index, part in enumerate(components):
        if isinstance(part, Mapping) and part.get("type") in _ROOTS[1:]:
            raise bad_form(
                f"components.{index}",
                "UNION_TYPE_CHOICES",
                'Value of field "type" must be one of (1,).',
            )


def _check_legacy(body: Mapping[str, Any], before: Message | None) -> None:
    """No content, embeds, stickers or poll, also none that stands there from before."""
    held: dict[str, Any] = {}
    if before is not None and not before.flags & V2:
        held = {"content": before.content, "embeds": before.embeds, "poll": before.poll}
    for field in _LEGACY:
        if body.get(field, held.get(field)):
            raise bad_form(
                field,
                "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                f"The '{field}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
            )


def _check_references(
    parts: Sequence[Mapping[str, Any]],
    body: Mapping[str, Any],
    files: Sequence[Any],
    before: Message | None,
) -> None:
    """A file that a part names must be in the message: uploaded now, or kept from before."""
    held = {str(item["id"]): item["filename"] for item in before.attachments} if before else {}
    if "attachments" in body:
        listed = {str(item.get("id")) for item in body.get("attachments") or []}
        held = {key: name for key, name in held.items() if key in listed}
    there = {file.filename for file in files} | set(held.values())
    for part in parts:
        for medium in media_of(part):
            kind, _, name = str(medium.get("url")).partition("://")
            if kind == "attachment" and name not in there:
                raise bad_form(
                    "components",
                    "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND",
                    f"The referenced attachment '{name}' was not found",
                )
