"""The official LTX API, from order to clip: which version is asked, its files, and its settings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Busy, Refusal
from bot.providers import Connection, Stage
from bot.providers.ltx import ENDPOINTS, connect
from bot.settings import BadSetting
from playground.providers._server import Answer
from storage import Brief, Mode
from tests.rig.ltx import BRIEFS, MP4, SOUND, VIDEO, ZIP, Opens, on

__all__ = ["on"]


# From order to clip.


@pytest.mark.parametrize("v1", ["id", "gone"])
@pytest.mark.parametrize("mode", list(Mode))
async def test_every_mode_goes_from_order_to_file(
    on: Opens, tmp_path: Path, mode: Mode, v1: str
) -> None:
    async with on(v1=v1) as here:
        order = here.order(BRIEFS[mode])
        remote_id = await here.made(order)
        last = await here.ltx.poll(order, remote_id)
        assert last.stage is Stage.READY
        await here.ltx.fetch(order, remote_id, last.url, tmp_path / "take")
        assert (tmp_path / "take").read_bytes() == (ZIP if mode is Mode.HDR else MP4)
        asked = here.paths("status")
        assert asked == [f"/v2/{ENDPOINTS[mode]}/{remote_id}"]


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.HDR])
async def test_a_clip_in_the_answer_is_taken_as_it_is(on: Opens, mode: Mode) -> None:
    async with on(v1="clip") as here:
        receipt = await here.ltx.submit(here.order(BRIEFS[mode]))
        assert receipt.remote_id is None
        assert receipt.file is not None
        assert receipt.file.read_bytes() == MP4
        assert here.paths() == [f"/v1/{ENDPOINTS[mode]}"]


async def test_the_guide_counts_so_an_order_goes_to_v1_first(on: Opens) -> None:
    async with on() as here:
        await here.ltx.submit(here.order())
        assert here.paths() == ["/v1/text-to-video"]


async def test_once_v1_is_gone_only_v2_is_asked(on: Opens) -> None:
    async with on(v1="gone") as here:
        await here.ltx.submit(here.order())
        await here.ltx.submit(here.order())
        assert here.paths() == ["/v1/text-to-video", "/v2/text-to-video", "/v2/text-to-video"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=410, body=b"Gone"),
        Answer(status=405, body=b""),
        Answer(
            status=400,
            data={
                "type": "error",
                "error": {"type": "invalid_request_error", "message": "v1 is deprecated, use v2."},
            },
        ),
    ],
)
async def test_other_ways_to_say_that_v1_is_gone(on: Opens, answer: Answer) -> None:
    async with on() as here:
        here.server.script("submit", answer)
        await here.ltx.submit(here.order())
        assert here.paths() == ["/v1/text-to-video", "/v2/text-to-video"]


async def test_the_version_is_a_setting(on: Opens) -> None:
    async with on(environ={"LTX_SUBMIT_VERSION": "v2"}) as here:
        await here.ltx.submit(here.order())
        assert here.paths() == ["/v2/text-to-video"]


async def test_hdr_is_ordered_from_v2_only(on: Opens) -> None:
    async with on() as here:
        await here.ltx.submit(here.order(BRIEFS[Mode.HDR]))
        assert here.paths() == ["/v2/video-to-video-hdr"]


# Results.


async def test_a_dead_link_is_asked_for_anew(on: Opens, tmp_path: Path) -> None:
    async with on() as here:
        order = here.order()
        remote_id = await here.made(order)
        url = (await here.ltx.poll(order, remote_id)).url
        here.server.script("result", Answer(status=403, body=b"expired"))
        await here.ltx.fetch(order, remote_id, url, tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == MP4
        assert len(here.paths("status")) == 2


async def test_a_link_that_stays_dead_is_tried_later(on: Opens, tmp_path: Path) -> None:
    async with on() as here:
        order = here.order()
        remote_id = await here.made(order)
        here.server.jobs[remote_id].expired = True
        url = (await here.ltx.poll(order, remote_id)).url
        with pytest.raises(Busy):
            await here.ltx.fetch(order, remote_id, url, tmp_path / "take.mp4")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b"<!doctype html><title>Sign in</title>", content_type="text/html"),
        Answer(body=b"#EXTM3U\n", content_type="video/mp4"),
        Answer(body=b"", content_type="video/mp4"),
    ],
)
async def test_a_result_that_is_no_clip_is_asked_for_once_more_and_then_later(
    on: Opens, tmp_path: Path, answer: Answer
) -> None:
    async with on() as here:
        order = here.order()
        remote_id = await here.made(order)
        url = (await here.ltx.poll(order, remote_id)).url
        here.server.script("result", answer, answer)
        with pytest.raises(Busy):
            await here.ltx.fetch(order, remote_id, url, tmp_path / "take.mp4")
        assert not (tmp_path / "take.mp4").exists()
        here.server.script("result", answer)
        await here.ltx.fetch(order, remote_id, url, tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").exists(), "the fresh link gave it"


async def test_a_result_that_is_not_in_public_is_never_fetched(on: Opens, tmp_path: Path) -> None:
    async with on() as here:
        with pytest.raises(Busy):
            await here.ltx.fetch(
                here.order(), None, "https://169.254.169.254/latest", tmp_path / "t"
            )


# Inputs.


async def test_inputs_are_uploaded_without_the_key_and_only_once(on: Opens) -> None:
    async with on() as here:
        order = here.order(BRIEFS[Mode.IMAGE])
        await here.ltx.submit(order)
        await here.ltx.submit(order)
        assert len(here.paths("put")) == 1, "first and last frame are the same file"
        put = next(seen for seen in here.server.seen if seen.route == "put")
        assert put.body == b"\x89PNG" + bytes(2000)
        assert put.headers["Content-Type"] == "image/png"
        assert "Authorization" not in put.headers
        assert here.sent()["image_uri"].startswith("ltx://")


@pytest.mark.parametrize("broken", ["upload", "put"])
async def test_where_uploads_are_refused_a_small_input_goes_into_the_order(
    on: Opens, broken: str
) -> None:
    async with on() as here:
        here.server.script(broken, Answer(status=404, body=b""))
        await here.ltx.submit(here.order(BRIEFS[Mode.AUDIO].but(image=None)))
        assert here.sent()["audio_uri"].startswith("data:audio/ogg;base64,")


async def test_where_uploads_are_refused_a_large_input_is_linked_to(on: Opens) -> None:
    async with on() as here:
        here.server.script("upload", Answer(status=404, body=b""))
        large = replace(VIDEO, size=30_000_000)
        await here.ltx.submit(here.order(Brief(mode=Mode.HDR, video=large)))
        assert here.sent()["video_uri"] == "https://clips.example.com/inputs/a.mp4"
        assert here.linked == [large]


async def test_nothing_is_ordered_while_uploads_are_out_of_order(on: Opens) -> None:
    async with on() as here:
        here.server.script("upload", Answer(status=503, body=b""))
        with pytest.raises(Busy):
            await here.ltx.submit(here.order(BRIEFS[Mode.IMAGE]))
        assert here.paths() == []


@pytest.mark.parametrize(
    "odd",
    [
        {"storage_uri": None},
        {"storage_uri": "file:///etc/passwd"},
        {"upload_url": None},
        {"required_headers": {"Host": "10.0.0.1"}},
        {"required_headers": {"x-a": "1\r\nHost: 10.0.0.1"}},
        {"required_headers": {"x-a": 1}},
        {"required_headers": ["x-a"]},
    ],
)
async def test_nothing_is_sent_where_the_uploads_answer_is_odd(
    on: Opens, odd: dict[str, Any]
) -> None:
    async with on() as here:
        sane = {"upload_url": f"{here.server.url}/storage/x?signature=1", "storage_uri": "ltx://x"}
        here.server.script("upload", Answer(data=sane | odd))
        here.server.script("put", Answer(status=200, body=b""))
        with pytest.raises(Busy):
            await here.ltx.submit(here.order(BRIEFS[Mode.IMAGE]))
        assert (here.paths("put"), here.paths()) == ([], [])


async def test_what_ltx_would_refuse_after_an_upload_is_refused_before(on: Opens) -> None:
    async with on() as here:
        with pytest.raises(Refusal, match="needs a prompt or a first frame"):
            await here.ltx.submit(here.order(Brief(mode=Mode.AUDIO, audio=SOUND)))
        assert here.server.seen == []


# Settings.


def test_without_a_key_there_is_no_ltx(tmp_path: Path) -> None:
    assert connect(Connection(data=tmp_path)) is None
    assert connect(Connection(data=tmp_path, environ={"LTX_API_KEY": " "})) is None


def test_each_setting_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n")
    (tmp_path / "many").write_text("9\n")
    ltx = connect(
        Connection(
            data=tmp_path,
            environ={
                "LTX_API_KEY_FILE": str(tmp_path / "key"),
                "LTX_CONCURRENCY_FILE": str(tmp_path / "many"),
            },
        )
    )
    assert ltx is not None
    assert ltx.limits.concurrency == 9


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "LTX_SUBMIT_VERSION",
            "v3",
            "LTX_SUBMIT_VERSION can't be used: write one of v1 or v2.",
        ),
        (
            "LTX_CONCURRENCY",
            "0",
            "LTX_CONCURRENCY can't be used: write 1 or more.",
        ),
        (
            "LTX_BASE_URL",
            "http://api.ltx.video",
            "LTX_BASE_URL must be an https link without a query or user name.",
        ),
        (
            "LTX_BASE_URL",
            "https://key@api.ltx.video",
            "LTX_BASE_URL must be an https link without a query or user name.",
        ),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    tmp_path: Path, name: str, value: str, sentence: str
) -> None:
    environ = {"LTX_API_KEY": "sekret-key-123", name: value}
    with pytest.raises(BadSetting) as bad:
        connect(Connection(data=tmp_path, environ=environ))
    assert str(bad.value) == sentence
