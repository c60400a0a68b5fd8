"""Only what is ours is taken from a ComfyUI server, and only that server is asked for it."""

import json

import pytest
from aiohttp import web

from bot.errors import Busy
from bot.providers._comfyui.outputs import clip_of
from playground.providers._server import Answer
from tests.rig.fleets import one, two
from tests.rig.gpus import fleet
from tests.rig.provider_rig import raised

__all__ = ["one", "two"]


def job(**outputs):
    return {"status": "completed", "outputs": outputs}


def file(filename="an-id_00001_.mp4", subfolder="dailies", type="output"):
    return {"filename": filename, "subfolder": subfolder, "type": type}


@pytest.mark.parametrize(
    "odd",
    [
        file(type="input"),
        file(type="temp"),
        file("../an-id.mp4"),
        file("an-id/../../x.mp4"),
        file("an-id\\..\\x.mp4"),
        file("an-id_00001_.png"),
        file("another_00001_.mp4"),
        file("an-id" + "a" * 260 + ".mp4"),
        file("an-id\0.mp4"),
        file(subfolder="../dailies"),
        file(subfolder=""),
        file(subfolder=None),
        "an-id_00001_.mp4",
        None,
    ],
)
def test_a_name_that_is_not_ours_is_no_clip(odd):
    assert clip_of(job(**{"16": {"images": [odd]}}), node="16", prompt_id="an-id") is None


def test_only_the_manifests_node_counts_whatever_others_show():
    shown = {
        "3": {"images": [file("an-id-upload.mp4", type="input")], "animated": [True]},
        "16": {"gifs": [file("an-id_00002_.mp4", subfolder="dailies\\")]},
    }
    assert clip_of(job(**shown), node="16", prompt_id="an-id").filename == "an-id_00002_.mp4"
    assert clip_of(job(**shown), node="3", prompt_id="an-id") is None


async def test_a_password_is_needed_on_every_route_and_goes_to_its_own_server(media, tmp_path):
    said = json.dumps({"gpu1": {"Authorization": "Bearer secret-one"}})
    async with fleet(media, tmp_path, environ={"COMFYUI_HEADERS": said}) as found:
        found.servers["gpu1"].vices.password = "Bearer secret-one"
        order = found.order()
        receipt = await found.provider.submit(order)
        assert receipt.remote_id.startswith("gpu1/")
        await found.followed(order, receipt.remote_id)
        assert found.servers["gpu1"].world.sockets, "the socket has it, too"
        for seen in found.servers["gpu2"].seen:
            assert "Authorization" not in seen.headers
        for server in found.servers.values():
            for seen in server.seen:
                assert not {"Origin", "Cookie", "Referer"} & set(seen.headers)
        found.servers["gpu1"].vices.password = "another"
        await found.servers["gpu2"].kill()
        busy = await raised(found.provider.submit(found.order(seed=3)))
        assert isinstance(busy, Busy)
        findings = await found.provider.examine()
        assert "doesn't let Dailies in" in findings[0].found
        assert "secret" not in f"{busy} {busy.raw} {findings}"
        await found.servers["gpu2"].revive()


async def test_no_redirect_is_followed(two):
    for server in two.servers.values():
        server.answers = lambda _seen: Answer(
            status=302, body=b"", headers={"Location": "http://127.0.0.1:1/"}
        )
    assert isinstance(await raised(two.provider.submit(two.order())), Busy)


async def test_nor_is_one_of_the_socket(media, tmp_path):
    seen = []

    async def elsewhere(request):
        seen.append(request.headers)
        return web.Response()

    async def away(_):
        return web.Response(status=302, headers={"Location": f"http://127.0.0.1:{port}/ws"})

    runner = web.AppRunner(web.Application())
    runner.app.router.add_get("/ws", elsewhere)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    async with fleet(media, tmp_path, names=("gpu1",)) as found:
        found.servers["gpu1"]._socket = away
        await found.servers["gpu1"].kill()
        await found.servers["gpu1"].revive()
        order = found.order()
        await found.followed(order, (await found.provider.submit(order)).remote_id)
    await runner.cleanup()
    assert seen == []


async def test_no_proxy_of_the_environment_is_used(one, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    await one.provider.submit(one.order())
