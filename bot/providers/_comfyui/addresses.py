"""Reads `COMFYUI_URLS` and `COMFYUI_HEADERS`: which servers there are, and their secrets.

    COMFYUI_URLS=http://gpu1:8188,render=https://dailies:a-password@gpu2.example/comfy
    COMFYUI_HEADERS={"render": {"Authorization": "Bearer a-token"}}

A server is called as its address says, or by the name before `=`. The list is the operator's:
nothing that a server or a person says ever becomes an address.
"""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from bot.settings import BadSetting

__all__ = ["Address", "addresses"]

PORT = 8188  #: what ComfyUI listens on by itself; it is left out of names
_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,31})=(?=https?://)")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_FORBIDDEN = frozenset({"host", "origin", "content-length", "content-type", "connection"})
_SHAPE = "write addresses such as http://gpu1:8188, with commas between"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where one server is. Its headers go there and nowhere else."""

    name: str
    base: str  #: scheme, host, port and path, without a slash at the end
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def addresses(urls: str, headers: str = "") -> tuple[Address, ...]:
    """The servers that the two settings name. Raises `BadSetting`."""
    found: dict[str, Address] = {}
    for text in urls.split(","):
        if not text.strip():
            continue
        address = _address(text.strip())
        if address.name in found:
            raise BadSetting(
                f"COMFYUI_URLS can't be used: two servers are called {address.name}. "
                "Name one of them, as in second=http://…."
            )
        found[address.name] = address
    if not found:
        raise BadSetting(f"COMFYUI_URLS can't be used: {_SHAPE}.")
    more = _headers(headers, found)
    return tuple(
        Address(name=each.name, base=each.base, headers={**each.headers, **more[each.name]})
        for each in found.values()
    )


def _address(text: str) -> Address:
    named = _NAMED.match(text)
    url = text[named.end() :] if named else text
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadSetting(f"COMFYUI_URLS can't be used: {_SHAPE}.") from None
    odd = bool(parts.query or parts.fragment) or not url.isprintable() or " " in url
    if parts.scheme not in ("http", "https") or not parts.hostname or odd or "\\" in url:
        raise BadSetting(f"COMFYUI_URLS can't be used: {_SHAPE}.")
    host = parts.hostname
    name = host if port in (None, PORT) else f"{host}:{port}"
    at = f"[{host}]" if ":" in host else host
    where = at if port is None else f"{at}:{port}"
    return Address(
        name=named[1] if named else name,
        base=f"{parts.scheme}://{where}{parts.path.rstrip('/')}",
        headers=_password(parts),
    )


def _password(parts: SplitResult) -> dict[str, str]:
    """The header for a proxy that asks for a name and a password."""
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _headers(text: str, known: Mapping[str, Address]) -> dict[str, dict[str, str]]:
    """By the server's name: the headers that all get, and those of its own."""
    found: dict[str, dict[str, str]] = {name: {} for name in known}
    if not text.strip():
        return found
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise BadSetting(
            'COMFYUI_HEADERS can\'t be used: write JSON, such as {"Authorization": "Bearer …"}.'
        )
    for name, value in said.items():
        if isinstance(value, dict):
            if name not in known:
                raise BadSetting(
                    f"COMFYUI_HEADERS can't be used: {name[:60]!r} is not a server in "
                    "COMFYUI_URLS. "
                    f"They are {', '.join(known)}."
                )
            for header, secret in value.items():
                found[name][_header(header)] = _value(secret)
        else:
            for each in found.values():
                each.setdefault(_header(name), _value(value))
    return found


def _header(name: str) -> str:
    if not _HEADER.fullmatch(name) or name.lower() in _FORBIDDEN:
        raise BadSetting("COMFYUI_HEADERS can't be used: one of its names is not a header.")
    return name


def _value(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable() or not value.isascii() or not value:
        raise BadSetting("COMFYUI_HEADERS can't be used: one of its values is not a line of text.")
    return value
