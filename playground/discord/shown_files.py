"""Files that a message shows in its parts: Discord lists them there and nowhere else.

Source: resources/message, "attachments" (discord-api-docs #8277, #8279).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from simcord.components import walk_components


def media_of(part: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The media that one component shows itself."""
    found = [part.get("media"), part.get("file")]
    found += [item.get("media") for item in part.get("items") or [] if isinstance(item, Mapping)]
    yield from (medium for medium in found if isinstance(medium, dict))


def complete(wire: dict[str, Any]) -> None:
    """List a file where a part shows it and nowhere else, with what Discord tells of it there.

    Changes *wire*, a message as it is sent out.
    """
    files = {str(item["id"]): item for item in wire.get("attachments") or []}
    shown = set()
    for part in walk_components(wire.get("components") or []):
        for medium in media_of(part):
            file = files.get(str(medium.get("attachment_id")))
            if file is not None:
                shown.add(str(file["id"]))
                medium.update({key: file[key] for key in ("width", "height") if key in file})
    wire["attachments"] = [item for key, item in files.items() if key not in shown]
