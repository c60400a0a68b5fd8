"""An imitated LTX, a real client of it, and what the tests of both order."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.catalog.complete import complete
from bot.providers import Connection, Order
from bot.providers._vocabulary import Reply
from bot.providers.ltx import Ltx, connect, models
from playground.providers._server import Wish
from playground.providers.ltx import LtxServer
from storage import Brief, Input, Mode

MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(3000)
ZIP = b"PK\x03\x04" + bytes(3000)
MODELS = {model.name: model for model in models()}
PICTURE = Input(file="inputs/a.png", type="image/png", size=2000, width=1920, height=1080)
SOUND = Input(file="inputs/a.ogg", type="audio/ogg", size=2000, seconds=18.0)
VIDEO = Input(
    file="inputs/a.mp4",
    type="video/mp4",
    size=2000,
    width=1920,
    height=1080,
    seconds=7.0,
    fps=24.0,
)
TEXT = Brief(prompt="A fox runs over snow.")
BRIEFS = {
    Mode.TEXT: TEXT,
    Mode.IMAGE: Brief(
        mode=Mode.IMAGE, prompt="It turns.", image=PICTURE, last_image=PICTURE, camera="jib_up"
    ),
    Mode.AUDIO: Brief(mode=Mode.AUDIO, prompt="She sings.", audio=SOUND, image=PICTURE),
    Mode.EXTEND: Brief(mode=Mode.EXTEND, prompt="It goes on.", video=VIDEO, direction="start"),
    Mode.RETAKE: Brief(
        mode=Mode.RETAKE, prompt="Rain.", video=VIDEO, start=1.5, duration=3, replace="picture"
    ),
    Mode.HDR: Brief(mode=Mode.HDR, video=VIDEO),
}


def reply(data: dict[str, Any]) -> Reply:
    return Reply(status=200, headers={}, raw=json.dumps(data), data=data)


class Set:
    """An imitated LTX, a real client of it, and orders to give."""

    def __init__(self, server: LtxServer, ltx: Ltx, folder: Path) -> None:
        self.server, self.ltx, self.folder = server, ltx, folder
        self.linked: list[Input] = []

    def order(self, wish: Brief = TEXT, model: str = "ltx-2-3-pro", attempt: str = "t1") -> Order:
        async def link(given: Input) -> str:
            self.linked.append(given)
            return f"https://clips.example.com/{given.file}"

        return Order(
            job=1,
            attempt=attempt,
            model=MODELS[model],
            brief=complete(MODELS[model], wish, seed=7),
            path=lambda given: self.folder / given.file,
            link=link,
        )

    def sent(self) -> dict[str, Any]:
        """The body of the last order."""
        return next(seen for seen in reversed(self.server.seen) if seen.route == "submit").object()

    def paths(self, route: str = "submit") -> list[str]:
        return [seen.path for seen in self.server.seen if seen.route == route]

    async def made(self, order: Order) -> str:
        """Order, wait for the rendering, and return its id."""
        receipt = await self.ltx.submit(order)
        assert receipt.remote_id is not None
        await self.server.rendered()
        return receipt.remote_id


Opens = Callable[..., Any]


@pytest.fixture
def on(tmp_path: Path) -> Opens:
    """Opens a set; complains at the end about all that the documents do not allow."""

    @asynccontextmanager
    async def opened(
        *,
        render: Callable[[Wish], Awaitable[Path]] | None = None,
        odd: bool = False,
        **options: Any,
    ) -> AsyncIterator[Set]:
        environ = {"LTX_API_KEY": "sekret-key-123", "LTX_PER_MINUTE": "60000"}
        environ |= options.pop("environ", {})
        for given, content in ((PICTURE, b"\x89PNG"), (SOUND, b"OggS"), (VIDEO, MP4)):
            (tmp_path / given.file).parent.mkdir(exist_ok=True)
            (tmp_path / given.file).write_bytes(content + bytes(2000))

        async def plain(wish: Wish) -> Path:
            file = tmp_path / ("frames.zip" if wish.mode == "hdr" else "clip.mp4")
            file.write_bytes(ZIP if wish.mode == "hdr" else MP4)
            return file

        async with LtxServer(render or plain, key="sekret-key-123", **options) as server:
            connection = Connection(
                data=tmp_path,
                environ={"LTX_BASE_URL": server.url, **environ},
                loopback=frozenset({server.host}),
            )
            ltx = connect(connection)
            assert ltx is not None
            try:
                yield Set(server, ltx, tmp_path)
            finally:
                await ltx.close()
        assert odd or server.complaints == []

    return opened
