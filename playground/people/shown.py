"""A message as lines of words: all that a person sees of it, on a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from playground.people.plain import Names, plain
from playground.people.views import SELECTS

Json = Mapping[str, Any]

# types of components
_ROW, _BUTTON, _SECTION, _TEXT = 1, 2, 9, 10
_THUMBNAIL, _GALLERY, _FILE, _CONTAINER = 11, 12, 13, 17
_LAYOUT = 1 << 15  #: a message of Components V2, which shows its attachments itself
_LOADING = 1 << 7
_EPHEMERAL = 1 << 6
_NO_EMBEDS = 1 << 2
_LINK = 5  #: the style of a button that opens an address


def shown(raw: Json, names: Names) -> list[str]:
    """What *raw*, a message's JSON, shows, line by line from the top; no line is empty."""
    flags = raw.get("flags", 0)
    if flags & _LOADING:
        return [f"{_author(raw)} is thinking…"]
    found = [*_lines(raw.get("content") or "", names)]
    if not flags & _LAYOUT:
        found += [_file(each["filename"]) for each in raw.get("attachments") or []]
    if not flags & _NO_EMBEDS:
        for embed in raw.get("embeds") or []:
            found += _embed(embed, names)
    for part in raw.get("components") or []:
        found += _component(part, names)
    if found and flags & _EPHEMERAL:
        found.append("(only you can see this)")
    return found


def _author(raw: Json) -> str:
    return str(raw["author"].get("global_name") or raw["author"]["username"])


def _lines(text: str, names: Names) -> Iterator[str]:
    yield from (line.strip() for line in plain(text, names).splitlines() if line.strip())


def _file(name: str) -> str:
    hidden = name.startswith("SPOILER_")
    return f"[spoiler: {name.removeprefix('SPOILER_')}]" if hidden else f"[{name}]"


def _name_of(media: Json) -> str:
    """The name of the file behind an address, as it stands in its path."""
    return str(media.get("url") or "").split("?")[0].rstrip("/").rpartition("/")[2]


def _embed(embed: Json, names: Names) -> Iterator[str]:
    yield from filter(None, ((embed.get("author") or {}).get("name"),))
    for key in ("title", "description"):
        yield from _lines(embed.get(key) or "", names)
    for item in embed.get("fields") or []:
        name = " ".join(_lines(item["name"], names))
        value = " ".join(_lines(item["value"], names))
        yield f"{name}: {value}" if name and value else name or value
    yield from filter(None, ((embed.get("footer") or {}).get("text"),))


def _component(part: Json, names: Names) -> list[str]:
    kind = part.get("type")
    inner = [line for each in part.get("components") or [] for line in _component(each, names)]
    if kind == _ROW:
        return [" ".join(inner)] if inner else []
    if kind == _BUTTON:
        return [_button(part)]
    if kind in SELECTS:
        return [f"[{_chosen(part)} ▾]"]
    if kind == _TEXT:
        return list(_lines(part["content"], names))
    if kind == _SECTION:
        beside = _component(part.get("accessory") or {}, names)
        return [*inner[:-1], " ".join([*inner[-1:], *beside])]
    if kind == _THUMBNAIL:
        return [_media(part, part["media"])]
    if kind == _GALLERY:
        return [" ".join(_media(item, item["media"]) for item in part["items"])]
    if kind == _FILE:
        return [_media(part, {"url": part.get("name") or part["file"].get("url")})]
    if kind == _CONTAINER:
        return [f"[spoiler: {' | '.join(inner)}]"] if part.get("spoiler") else inner
    return inner


def _media(item: Json, media: Json) -> str:
    words = ": ".join(filter(None, (_name_of(media), item.get("description"))))
    return f"[spoiler: {words}]" if item.get("spoiler") else f"[{words}]"


def _emoji(part: Json) -> str:
    emoji = part.get("emoji") or {}
    name = emoji.get("name") or ""
    return f":{name}:" if emoji.get("id") and name else name


def _button(part: Json) -> str:
    label = " ".join(filter(None, (_emoji(part), part.get("label"))))
    if part.get("style") == _LINK:
        return f"[{label}] ({part.get('url')})"
    return f"[{label}, off]" if part.get("disabled") else f"[{label}]"


def _chosen(part: Json) -> str:
    """What a select shows while it is closed."""
    options = [each["label"] for each in part.get("options") or [] if each.get("default")]
    return ", ".join(options) or part.get("placeholder") or "Make a choice"
