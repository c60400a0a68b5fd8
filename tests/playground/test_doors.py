"""Nobody comes into the playground by another name, from another site, or without its key."""

import asyncio
import re

import aiohttp
import pytest

from playground import open_playground
from playground.discord.doors import Doors
from tests.rig.browsing import playground_process

EVIL = [
    "evil.example",
    "evil.example:{port}",
    "127.0.0.1.evil.example",
    "localhost.evil.example:{port}",
    "evil.example@127.0.0.1",
    "127.0.0.1@evil.example",
    "127.0.0.1:80:80",
    "127.0.0.1#.evil.example",
    "127.0.0.1/.evil.example",
    "0.0.0.0",
    "169.254.169.254",
    "[::ffff:10.0.0.1]",
    "[::]",
    "10.0.0.1",
    "",
]
ROUTES = [
    "/",
    "/page/app/page.js",
    "/page/socket?person=ada",
    "/page/upload?name=x.png",
    "/gateway",
    "/api/v10/gateway",
    "/api/v10/users/@me",
    "/attachments/1/2/clip.mp4",
    "/favicon.ico",
    "/nothing",
]


async def status(port, path, *, host=None, method="GET", **headers):
    """The status of one request, with exactly this Host."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"{method} {path} HTTP/1.1", "Connection: close", "Content-Length: 0"]
    lines += [] if host is None else [f"Host: {host}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = await reader.read(4096)
    writer.close()
    return int(answer.split()[1])


def port_of(playground):
    return int(playground.page_url.rstrip("/").rpartition(":")[2])


@pytest.mark.parametrize("path", ROUTES)
async def test_a_request_for_another_name_gets_nothing(playground, path):
    port = port_of(playground)
    for evil in EVIL:
        assert await status(port, path, host=evil.format(port=port)) in {400, 421}, evil
        posted = await status(port, path, host=evil.format(port=port), method="POST")
        assert posted in {400, 421}, evil
    assert await status(port, path) in {400, 421}, "no name at all"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:{port}", "localhost:{port}", "LOCALHOST", "127.8.8.8:1",
             "[::1]:{port}", "[::1]"],
)  # fmt: skip
async def test_this_machine_has_several_names(playground, host):
    port = port_of(playground)
    assert await status(port, "/", host=host.format(port=port)) == 200


@pytest.mark.parametrize("path", ROUTES)
async def test_another_site_reaches_no_route(playground, path):
    port = port_of(playground)
    host = f"127.0.0.1:{port}"
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", f"ftp://{host}"):
        assert await status(port, path, host=host, Origin=origin) == 403, origin
    assert await status(port, "/", host=host, Origin=f"http://{host}") == 200


async def test_a_name_that_was_given_is_answered_and_no_other():
    async with open_playground(names=["studio.example"]) as playground:
        port = port_of(playground)
        assert await status(port, "/", host=f"studio.example:{port}") == 200
        assert await status(port, "/", host="STUDIO.example.") == 200
        assert await status(port, "/", host="sub.studio.example") == 421
        assert not playground.doors.key


async def test_whoever_listens_for_others_asks_for_a_key():
    async with (
        open_playground(host="0.0.0.0", names=["studio.example"]) as playground,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as web,
    ):
        base, key = playground.page_url, playground.doors.key
        assert len(key) > 30
        for wrong in ("", "?key=", "?key=wrong", "?key=%C3%A9", f"?key={key[:-1]}", f"?key={key}é"):
            assert (await web.get(base + wrong)).status == 401, wrong
        for path in ("page/app/page.js", "page/upload?name=x", f"page/app/page.js?key={key}"):
            assert (await web.get(base + path)).status == 401, path
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await web.ws_connect(base + "page/socket?person=ada")
        assert refused.value.status == 401
        for cookie in ("", "wrong", "é", key[:-1]):
            headers = {"Cookie": f"playground-key={cookie}"}
            assert (await web.get(base, headers=headers)).status == 401
        # What has a secret of its own needs no key: the bot comes in by its token.
        bot = {"Authorization": f"Bot {playground.token}"}
        assert (await web.get(playground.api_url + "/users/@me", headers=bot)).status == 200
        assert (await web.get(playground.api_url + "/users/@me")).status == 401
        assert playground.links[0] == f"{base}?key={key}"
        assert playground.links[1].startswith("http://studio.example:")
        opened = await web.get(playground.links[0])
        assert opened.status == 200
        assert str(opened.url) == base, "the key does not stay in the address"
        async with web.ws_connect(base + "page/socket?person=ada") as line:
            assert (await line.receive_json())["event"] == "HELLO"
        other = Doors("0.0.0.0")
        assert other.key != key


async def test_the_bot_is_reached_on_this_machine_wherever_the_page_is():
    async with open_playground(host="127.0.0.2") as playground, aiohttp.ClientSession() as web:
        port = port_of(playground)
        assert (await web.get(f"http://127.0.0.2:{port}/")).status == 200
        assert (await web.get(f"http://127.0.0.1:{port}/")).status == 200


async def test_a_seal_or_token_of_any_letters_is_only_wrong(playground):
    async with aiohttp.ClientSession() as web:
        base = playground.page_url
        for seal in ("é", "%C3%A9", "%FF%FE", "\U0001f98a", "%00"):
            for query in (f"ex=1&is=1&hm={seal}", f"ex={seal}&is={seal}&hm=0"):
                answer = await web.get(f"{base}attachments/1/2/clip.mp4?{query}")
                assert answer.status == 404, query
    port = port_of(playground)
    for token in ("Bot é", "é", "Bot", ""):
        found = await status(port, "/api/v10/users/@me", host="localhost", Authorization=token)
        assert found == 401
    async with aiohttp.ClientSession() as web, web.ws_connect(playground.gateway_url) as socket:
        await socket.receive()
        await socket.send_json({"op": 2, "d": {"token": "é\ud83e", "intents": 0}})
        await socket.receive()
        assert socket.close_code == 4004


async def test_what_is_printed_is_where_it_listens(tmp_path):
    log = tmp_path / "log"
    environ = {"DAILIES_PLAYGROUND_HOST": "0.0.0.0"}
    async with playground_process("--name", "studio.example", log=log, **environ) as link:
        said = log.read_text()
        assert re.search(r"listens on 0\.0\.0\.0", said)
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?key=\S{30,}", link)
        assert re.search(r"also as http://studio\.example:\d+/\?key=", said)
        async with aiohttp.ClientSession() as web:
            assert (await web.get(link.partition("?")[0])).status == 401


async def test_an_address_that_is_not_here_is_one_sentence(tmp_path):
    log = tmp_path / "log"
    environ = {"DAILIES_PLAYGROUND_HOST": "203.0.113.7"}
    with pytest.raises(AssertionError):
        async with playground_process(log=log, **environ):
            pass
    said = log.read_text()
    assert "DAILIES_PLAYGROUND_HOST=203.0.113.7 can't be used" in said
    assert "Traceback" not in said
