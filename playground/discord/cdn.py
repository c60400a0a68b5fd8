"""Attachments: kept as files, served with Range, under signed links that expire after a day."""

import hashlib
import hmac
import mimetypes
import re
import secrets
import struct
from pathlib import Path
from typing import Any

from aiohttp import web
from simcord.backend.cdn import CdnStore

from playground.discord.clock import Clock
from playground.discord.doors import same

LINK_LIFE = 24 * 3600  #: seconds an attachment link lives (Discord's reference, "Signed CDN URLs")

#: What the world remembers instead of a link: where the link points must survive a new port.
_HOME = "https://cdn.playground.invalid"
_PLAIN = re.compile(re.escape(_HOME) + r"(/attachments/\d+/\d+/[\w.\-]+)")
_SIGNED = re.compile(r"https?://[^/\s\"]+(/attachments/\d+/\d+/[\w.\-]+)(?:\?[^\s\"]*)?")


#: The page has this address too, so a file that is a document must not act in the page's name.
HARMLESS = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}


class Cdn(CdnStore):
    """simcord's store of attachments, on disk. *secret* is what the links are signed with."""

    def __init__(self, folder: Path, clock: Clock, secret: bytes | None = None) -> None:
        super().__init__()
        self._folder = folder
        self._clock = clock
        self.secret = secret or secrets.token_bytes(16)
        self.base_url = _HOME
        folder.mkdir(parents=True, exist_ok=True)

    def store_attachment(
        self,
        attachment_id: int,
        channel_id: int,
        filename: str,
        data: bytes,
        description: str | None,
    ) -> dict[str, Any]:
        """Keep a file and return the attachment as Discord describes it."""
        name = clean_name(filename)
        target = self._folder / str(attachment_id)
        draft = target.with_suffix(".draft")
        draft.write_bytes(data)
        draft.replace(target)
        url = f"{_HOME}/attachments/{channel_id}/{attachment_id}/{name}"
        attachment: dict[str, Any] = {
            "id": str(attachment_id),
            "filename": name,
            "size": len(data),
            "url": url,
            "proxy_url": url,
            "content_type": mimetypes.guess_type(name)[0] or "application/octet-stream",
        }
        if description:
            attachment["description"] = description
        size = picture_size(data)
        if size is not None:
            attachment["width"], attachment["height"] = size
        return attachment

    def size_of(self, attachment_id: str) -> int:
        """Bytes of a kept file; 0 for none."""
        kept = self._folder / attachment_id
        return kept.stat().st_size if attachment_id.isdigit() and kept.is_file() else 0

    def get(self, url: str) -> bytes | None:
        """The bytes behind a link, signed or not, expired or not."""
        match = _SIGNED.match(url)
        if match is None:
            return None
        path = self._folder / match[1].split("/")[3]
        return path.read_bytes() if path.is_file() else None

    def sign(self, text: str) -> str:
        """Replace every attachment address in *text* (JSON) by a link that works now."""
        if _HOME not in text:
            return text
        issued = int(self._clock.now())
        expires = issued + LINK_LIFE
        return _PLAIN.sub(
            lambda found: (
                f"{self.base_url}{found[1]}?ex={expires:x}&is={issued:x}"
                f"&hm={self._seal(found[1], f'{expires:x}', f'{issued:x}')}&"
            ),
            text,
        )

    def unsign(self, text: str) -> str:
        """The reverse: a link of ours that a bot sends back is stored without its signature."""
        if "/attachments/" not in text:
            return text
        return _SIGNED.sub(
            lambda found: _HOME + found[1] if found[0].startswith(self.base_url) else found[0], text
        )

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET /attachments/{channel}/{attachment}/{name}; aiohttp's FileResponse does Range."""
        query = request.query
        seal = self._seal(request.path, query.get("ex", ""), query.get("is", ""))
        if not same(seal, query.get("hm", "")):
            return web.Response(status=404, text="This content is no longer available.")
        if self._clock.now() >= int(query["ex"], 16):
            return web.Response(status=404, text="This content is no longer available.")
        path = self._folder / request.match_info["attachment"]
        if not path.is_file():
            return web.Response(status=404, text="Not Found")
        kind = mimetypes.guess_type(request.path)[0] or "application/octet-stream"
        return web.FileResponse(path, headers={"Content-Type": kind, **HARMLESS})

    def _seal(self, path: str, expires: str, issued: str) -> str:
        text = f"{path}?ex={expires}&is={issued}".encode("utf-8", "surrogatepass")
        return hmac.new(self.secret, text, hashlib.sha256).hexdigest()


def clean_name(filename: str) -> str:
    """The name Discord gives a file: no path, only letters, digits, `_`, `.` and `-`."""
    name = re.sub(r"[^A-Za-z0-9_.\-]+", "_", filename.replace("\\", "/").rsplit("/", 1)[-1])
    return name.strip(".") or "unknown"


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels of a PNG, GIF, JPEG or MP4; None if it is none of these."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return width, height
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
        return width, height
    if data[:2] == b"\xff\xd8":
        return _jpeg_size(data)
    if data[4:8] == b"ftyp":
        return _mp4_size(data)
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return None


def _mp4_size(data: bytes) -> tuple[int, int] | None:
    """The last eight bytes of a `tkhd` box are width and height, 16.16 fixed point."""
    at = data.find(b"tkhd")
    while at != -1:
        end = at - 4 + int.from_bytes(data[at - 4 : at])
        if end <= len(data) and end - at > 12:
            width, height = struct.unpack(">II", data[end - 8 : end])
            if width and height:
                return width >> 16, height >> 16
        at = data.find(b"tkhd", at + 4)
    return None
