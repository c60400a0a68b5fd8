"""https to a team's own servers: whose certificates are trusted, and what is said of the others."""

import ssl
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from bot.errors import Busy
from bot.providers import Connection
from bot.providers._comfyui.trust import distrusted
from bot.providers.comfyui import connect
from bot.settings import BadSetting
from tests.rig.gpus import fleet, over_https

TLS = Path(__file__).parent.parent / "rig" / "tls"
OWN, ELSEWHERE = TLS / "loopback.pem", TLS / "elsewhere.pem"


@pytest_asyncio.fixture
async def one(media, tmp_path):
    """One server, whose address a test changes."""
    async with fleet(media, tmp_path, names=("gpu1",)) as found:
        yield found


async def moved(one, url, **environ):
    one._environ |= {"COMFYUI_URLS": f"gpu1={url}", **environ}
    await one.restart()


async def found(one):
    return (await one.provider.examine())[0]


async def test_a_self_signed_server_is_not_trusted_and_the_doctor_says_what_to_do(one, caplog):
    async with over_https(one.servers["gpu1"], OWN) as url:
        await moved(one, url.replace("//", "//dailies:a-password@"))
        said = await found(one)
        assert said.found.startswith("gpu1 can't be reached: its certificate isn't trusted (self")
        assert "COMFYUI_CA_FILE" in said.mend
        with pytest.raises(Busy, match="can't be reached: its certificate isn't trusted"):
            await one.provider.submit(one.order())
    assert one.servers["gpu1"].seen == [], "no password goes to whoever that is"
    assert "left alone for now: it can't be reached: its certificate isn't trusted" in caplog.text


async def test_a_certificate_that_the_operator_names_is_trusted_by_the_socket_too(one):
    server = one.servers["gpu1"]
    async with over_https(server, OWN) as url:
        await moved(one, url, COMFYUI_CA_FILE=str(OWN))
        assert (await found(one)).mend == ""
        order = one.order()
        receipt = await one.provider.submit(order)
        assert server.world.sockets, "it is listened to"
        await one.provider.fetch(
            order, await one.followed(order, receipt.remote_id), None, one.data / "clip.mp4"
        )
        assert (one.data / "clip.mp4").stat().st_size > 0


async def test_a_named_certificate_is_good_for_its_own_name_alone(one):
    async with over_https(one.servers["gpu1"], ELSEWHERE) as url:
        await moved(one, url, COMFYUI_CA_FILE=str(ELSEWHERE))
        said = await found(one)
    assert said.found == "gpu1 can't be reached: its certificate is for another name"
    assert "COMFYUI_URLS" in said.mend


async def test_a_server_without_https_is_told_so(one):
    await moved(one, one.servers["gpu1"].url.replace("http:", "https:"))
    said = await found(one)
    assert said.found == "gpu1 can't be reached: it doesn't answer in https"
    assert "http://" in said.mend


@pytest.mark.parametrize(("code", "why"), [(10, "has expired"), (9, "is not valid yet")])
def test_what_is_over_is_renewed(code, why):
    trouble = ssl.SSLCertVerificationError(1, "certificate verify failed")
    trouble.verify_code = code
    said = distrusted(aiohttp.ClientConnectorCertificateError(None, trouble))
    assert said.why == f"its certificate {why}"
    assert said.mend.startswith("renew it")


@pytest.mark.parametrize("content", [None, "", "hello"])
def test_a_file_without_a_certificate_is_refused_before_anything_is_asked(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    environ = {"COMFYUI_URLS": "https://gpu1", "COMFYUI_CA_FILE": str(file)}
    with pytest.raises(BadSetting, match=r"COMFYUI_CA_FILE can't be used: .*ca\.pem"):
        connect(Connection(data=tmp_path, environ=environ))
