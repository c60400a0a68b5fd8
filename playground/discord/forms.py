"""What Discord checks in the body of a message or a form, where simcord does not look.

Sources: components/reference, resources/message, interactions/receiving-and-responding.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simcord.backend.models import Message
from simcord.components import walk_components

from playground.discord import layouts
from playground.discord.limits import Refused, bad_form

CONTENT = 2000  #: characters (resources/message)
NONCE = 25  #: characters (resources/message)
FILES = 10  #: attachments of one message
ALT_TEXT = 1024  #: characters of an attachment's description
FILE_NAME = 260  #: characters of an attachment's name
MENTIONS = 100  #: people, and roles, that `allowed_mentions` may name
TEXT_INPUT = 4000  #: characters of one field of a form

_SELECTS = (3, 5, 6, 7, 8)
_WEB = ("http://", "https://")


def check_message(
    body: Mapping[str, Any],
    files: Sequence[Any] = (),
    *,
    new: bool,
    before: Message | None = None,
) -> None:
    """What a message may hold. *new*: it is sent, not edited, and so may not be empty.

    *before*: what is edited, as it is.
    """
    _at_most("content", body.get("content"), CONTENT)
    nonce = body.get("nonce")
    if nonce is not None:
        _at_most("nonce", str(nonce), NONCE)
    layout = bool(int(body.get("flags") or 0) & layouts.V2)
    substance = [str(body.get("content") or "").strip(), *map(body.get, _SUBSTANCE)]
    if new and not layout and not files and not any(substance):
        raise Refused(400, 50006, "Cannot send an empty message")
    _check_attachments(body, files)
    _check_mentions(body.get("allowed_mentions"))
    for index, embed in enumerate(body.get("embeds") or []):
        _check_embed(f"embeds.{index}", embed)
    for part in walk_components(body.get("components") or []):
        _check_component(part)
    layouts.check_layout(body, files, before=before)


_SUBSTANCE = ("embeds", "embed", "components", "sticker_ids", "poll", "attachments")


def _check_attachments(body: Mapping[str, Any], files: Sequence[Any]) -> None:
    listed = body.get("attachments") or []
    if max(len(files), len(listed)) > FILES:
        raise _long("attachments", FILES)
    for file in files:
        _between("attachments.filename", file.filename, 1, FILE_NAME)
    for item in listed:
        _at_most("attachments.description", item.get("description"), ALT_TEXT)


def _check_mentions(allowed: Any) -> None:
    for name in ("users", "roles"):
        if isinstance(allowed, Mapping) and len(allowed.get(name) or []) > MENTIONS:
            raise _long(f"allowed_mentions.{name}", MENTIONS)


def _check_embed(where: str, embed: Mapping[str, Any]) -> None:
    for index, field in enumerate(embed.get("fields") or []):
        for name in ("name", "value"):
            if not str(field.get(name) or "").strip():
                raise _needed(f"{where}.fields.{index}.{name}")
    for name, link in _links(embed):
        if not str(link).startswith((*_WEB, "attachment://")):
            raise bad_form(f"{where}.{name}", "URL_TYPE_INVALID_SCHEME", "Not a well formed URL.")
    color = embed.get("color")
    if color is not None and not 0 <= int(color) <= 0xFFFFFF:
        raise bad_form(f"{where}.color", "NUMBER_TYPE_MAX", "Should be at most 16777215.")


def _links(embed: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if embed.get("url"):
        yield "url", embed["url"]
    for name, key in (
        ("image", "url"),
        ("thumbnail", "url"),
        ("footer", "icon_url"),
        ("author", "icon_url"),
        ("author", "url"),
    ):
        if (embed.get(name) or {}).get(key):
            yield f"{name}.{key}", embed[name][key]


def _check_component(part: Mapping[str, Any]) -> None:
    kind = part.get("type")
    if kind == 2 and part.get("style") != 6:
        if not (part.get("label") or part.get("emoji")):
            raise bad_form("components.label", "BUTTON_COMPONENT_REQUIRED", "A label or an emoji.")
        link = part.get("url")
        if link is not None and not str(link).startswith((*_WEB, "discord://")):
            raise bad_form("components.url", "URL_TYPE_INVALID_SCHEME", "Not a well formed URL.")
    elif kind in _SELECTS:
        _check_picks(part)
    elif kind == 13 and not str((part.get("file") or {}).get("url")).startswith("attachment://"):
        raise bad_form("components.file", "URL_TYPE_INVALID_SCHEME", "Use attachment://name.")
    elif kind == 17 and not part.get("components"):
        raise _needed("components.components")
    elif kind in (11, 12):
        for medium in [part] if kind == 11 else part.get("items") or []:
            link = str((medium.get("media") or {}).get("url"))
            if not link.startswith((*_WEB, "attachment://")):
                raise bad_form("components.media", "URL_TYPE_INVALID_SCHEME", "Not a URL.")


def _check_picks(part: Mapping[str, Any]) -> None:
    """No more may be picked beforehand than a person may pick, nor than there is."""
    options = part.get("options") or []
    most = 1 if part.get("max_values") is None else part["max_values"]
    least = 1 if part.get("min_values") is None else part["min_values"]
    if part.get("type") == 3 and len(options) < least:
        raise bad_form("components.min_values", "BASE_TYPE_BAD_LENGTH", "More than the options.")
    if part.get("type") == 3 and len(options) < most:
        raise bad_form("components.max_values", "BASE_TYPE_BAD_LENGTH", "More than the options.")
    if sum(bool(option.get("default")) for option in options) > most:
        raise bad_form("components.options", "SELECT_COMPONENT_TOO_MANY_DEFAULTS", "Too many.")
    chosen = part.get("default_values") or []
    if chosen and not least <= len(chosen) <= most:
        raise bad_form("components.default_values", "BASE_TYPE_BAD_LENGTH", "Too many or too few.")


def check_modal(modal: Mapping[str, Any]) -> None:
    """A form that a bot opens. What it presets must fit, as what a person types must."""
    for part in walk_components(modal.get("components") or []):
        kind = part.get("type")
        if kind == 4:
            _check_text_input(part)
        elif kind in _SELECTS:
            _check_picks(part)
        elif kind in (21, 22):
            chosen = sum(bool(option.get("default")) for option in part.get("options") or [])
            most = 1 if kind == 21 else part.get("max_values") or 10
            if chosen > most:
                raise bad_form("components.options", "TOO_MANY_DEFAULTS", "Too many.")
        if part.get("required") and part.get("min_values") == 0:
            raise bad_form("components.required", "REQUIRED_WITHOUT_VALUES", "min_values is 0.")


def _check_text_input(part: Mapping[str, Any]) -> None:
    least = part.get("min_length") or 0
    most = TEXT_INPUT if part.get("max_length") is None else part["max_length"]
    preset = part.get("value")
    if preset:
        _between("components.value", preset, least, most)
    if part.get("label") is not None:
        _between("components.label", part["label"], 1, 45)


# ---------------------------------------------------------------------- sentences of Discord's


def _long(field: str, most: int) -> Refused:
    return bad_form(field, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")


def _needed(field: str) -> Refused:
    return bad_form(field, "BASE_TYPE_REQUIRED", "This field is required")


def _at_most(field: str, text: Any, most: int) -> None:
    if isinstance(text, str) and len(text) > most:
        raise _long(field, most)


def _between(field: str, text: Any, least: int, most: int) -> None:
    if not isinstance(text, str) or not least <= len(text) <= most:
        raise bad_form(
            field, "BASE_TYPE_BAD_LENGTH", f"Must be between {least} and {most} in length."
        )
