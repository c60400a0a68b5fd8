"""Every answer of the official LTX API is understood, and none is taken for more than it says."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.errors import Busy, Failure, Refusal, Unclear
from bot.providers import Stage
from bot.providers.ltx import report
from playground.providers._server import Answer, Wish
from tests.rig.ltx import MP4, Opens, on, reply

__all__ = ["on"]


# What is heard: every reply of the reference.

JOB = {"id": "2f0e", "created_at": "2026-01-15T10:00:00.000Z"}
ENDED = {**JOB, "completed_at": "2026-01-15T10:01:00.000Z"}


@pytest.mark.parametrize(
    ("data", "stage", "url"),
    [
        ({"status": "pending", **JOB}, Stage.WAITING, None),
        ({"status": "processing", **JOB}, Stage.RUNNING, None),
        ({"status": "polishing", **JOB}, Stage.RUNNING, None),
        (JOB, Stage.RUNNING, None),
        ({"status": ["completed"], **JOB}, Stage.RUNNING, None),
        (
            {"status": "completed", **ENDED, "result": {"video_url": "https://s.example/v.mp4"}},
            Stage.READY,
            "https://s.example/v.mp4",
        ),
        (
            {"status": "completed", **ENDED, "result": {"exr_frames_url": "https://s.example/f"}},
            Stage.READY,
            "https://s.example/f",
        ),
        (
            {"status": "completed", "result": {"n": 3, "other": "https://s.example/o"}},
            Stage.READY,
            "https://s.example/o",
        ),
    ],
)
def test_each_status_reply_is_understood(
    data: dict[str, Any], stage: Stage, url: str | None
) -> None:
    said = report(reply(data))
    assert (said.stage, said.url, said.fraction) == (stage, url, None)


@pytest.mark.parametrize("result", [None, {}, [], "https://s.example/v.mp4", {"video_url": None}])
def test_a_finished_job_without_a_link_is_a_bad_result(result: object) -> None:
    with pytest.raises(Refusal) as refused:
        report(reply({"status": "completed", **ENDED, "result": result}))
    assert (refused.value.failure, refused.value.billed) == (Failure.BAD_RESULT, True)


@pytest.mark.parametrize(
    ("word", "failure"),
    [
        ("content_filtered_error", Failure.CONTENT),
        ("invalid_request_error", Failure.REFUSED),
        ("api_error", Failure.DOWN),
        ("something_new", Failure.REFUSED),
        (None, Failure.REFUSED),
    ],
)
def test_a_failed_job_costs_nothing_and_says_why(word: str | None, failure: Failure) -> None:
    error = {"type": word, "message": "Blocked."}
    with pytest.raises(Refusal) as refused:
        report(reply({"status": "failed", **ENDED, "error": error}))
    assert (refused.value.failure, refused.value.billed) == (failure, False)
    assert "Blocked" in refused.value.raw


ERRORS = [
    (400, "invalid_request_error", Refusal, Failure.REFUSED),
    (401, "authentication_error", Refusal, Failure.KEY),
    (402, "insufficient_funds_error", Refusal, Failure.CREDIT),
    (403, "permission_error", Refusal, Failure.KEY),
    (404, "not_found_error", Refusal, Failure.REFUSED),
    (413, "request_too_large", Refusal, Failure.INPUT),
    (422, "content_filtered_error", Refusal, Failure.CONTENT),
    (429, "rate_limit_error", Busy, Failure.RATE),
    (429, "concurrency_limit_error", Busy, Failure.RATE),
    (500, "api_error", Unclear, None),
    (503, "service_unavailable", Busy, Failure.DOWN),
    (503, "service_unavailable_error", Busy, Failure.DOWN),
    (529, "overloaded_error", Unclear, None),
]


@pytest.mark.parametrize(("status", "word", "kind", "failure"), ERRORS)
async def test_each_error_of_the_reference_has_its_failure(
    on: Opens, status: int, word: str, kind: type[Exception], failure: Failure | None
) -> None:
    async with on(environ={"LTX_SUBMIT_VERSION": "v2"}) as here:
        data = {"type": "error", "error": {"type": word, "message": "Something specific."}}
        here.server.script("submit", Answer(status=status, data=data))
        with pytest.raises(kind) as said:
            await here.ltx.submit(here.order())
        assert getattr(said.value, "failure", None) is failure
        assert "Something specific." in said.value.raw
        assert word not in str(said.value)
        assert here.server.jobs == {}


async def test_the_persons_sentence_holds_what_ltx_said(on: Opens) -> None:
    async with on() as here:
        message = "image_uri: the image is\n 12 pixels wide <@&123>."
        data = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
        here.server.script("submit", Answer(status=400, data=data))
        with pytest.raises(Refusal) as refused:
            await here.ltx.submit(here.order())
        assert str(refused.value) == (
            "LTX didn't take this: image_uri: the image is 12 pixels wide <@&123>."
        )


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=504, data={"type": "error", "error": {"type": "api_error", "message": ""}}),
        Answer(status=500, body=b"<h1>Internal Server Error</h1>", content_type="text/html"),
        Answer(status=302, body=b"", headers={"Location": "https://elsewhere.example/"}),
        Answer(body=b'{"id": "half'),
        Answer(body=b"[]"),
        Answer(body=b'{"id": 1, "id": 2}'),
        Answer(data={"created_at": "2026-01-15T10:00:00.000Z"}),
        Answer(data={"id": None}),
        Answer(data={"id": "../../v1/upload"}),
        Answer(data={"id": "x" * 129}),
        Answer(body=b"\x00" * 2_000_000, content_type="application/octet-stream"),
        Answer(carried_out=True, dropped=True),
        Answer(dropped=True),
    ],
)
async def test_what_does_not_say_whether_it_was_taken_is_unclear(on: Opens, answer: Answer) -> None:
    async with on() as here:
        here.server.script("submit", answer)
        with pytest.raises(Unclear):
            await here.ltx.submit(here.order())
        assert len(here.paths()) == 1, "an order that may have arrived is never sent twice"


async def test_an_id_counts_whatever_its_content_type(on: Opens) -> None:
    async with on() as here:
        here.server.script("submit", Answer(content_type="text/html"))
        receipt = await here.ltx.submit(here.order())
        assert receipt.remote_id in here.server.jobs
        assert receipt.raw


async def test_a_clip_that_breaks_off_is_unclear_and_leaves_no_file(on: Opens) -> None:
    async with on() as here:
        here.server.script("submit", Answer(body=MP4, content_type="video/mp4", cut=1000))
        with pytest.raises(Unclear):
            await here.ltx.submit(here.order())
        assert list((here.folder / "ltx").iterdir()) == []


async def test_being_asked_to_wait_is_passed_on(on: Opens) -> None:
    async with on() as here:
        data = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
        here.server.script("submit", Answer(status=429, data=data, headers={"Retry-After": "7"}))
        with pytest.raises(Busy) as busy:
            await here.ltx.submit(here.order())
        assert busy.value.retry_after == 7
        with pytest.raises(Busy) as busy:
            await here.ltx.submit(here.order())
        assert 6 < (busy.value.retry_after or 0) < 9
        assert len(here.paths()) == 1, "it was not asked again before its time"


async def test_a_wrong_key_is_said_to_be_one_and_never_shown(on: Opens) -> None:
    async with on(environ={"LTX_API_KEY": "wrong-key-456"}) as here:
        with pytest.raises(Refusal) as refused:
            await here.ltx.submit(here.order())
        assert refused.value.failure is Failure.KEY
        for shown in (str(refused.value), repr(refused.value), refused.value.raw, repr(here.ltx)):
            assert "wrong-key-456" not in shown


# Polling.


async def test_polling_follows_the_job_from_waiting_to_ready(on: Opens, tmp_path: Path) -> None:
    finish = asyncio.Event()

    async def render(_: Wish) -> Path:
        await finish.wait()
        (tmp_path / "clip.mp4").write_bytes(MP4)
        return tmp_path / "clip.mp4"

    async with on(render=render) as here:
        order = here.order()
        receipt = await here.ltx.submit(order)
        stages = [(await here.ltx.poll(order, receipt.remote_id)).stage for _ in range(2)]
        finish.set()
        await here.server.rendered()
        stages.append((await here.ltx.poll(order, receipt.remote_id)).stage)
        assert stages == [Stage.WAITING, Stage.RUNNING, Stage.READY]


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (Answer(status=500, body=b"oops"), Failure.DOWN),
        (Answer(status=504, body=b""), Failure.DOWN),
        (Answer(status=429, body=b"", headers={"Retry-After": "3"}), Failure.RATE),
        (Answer(status=401, body=b"{}"), Failure.KEY),
        (Answer(status=302, body=b"", headers={"Location": "/elsewhere"}), Failure.DOWN),
        (Answer(body=b"{not json"), Failure.DOWN),
        (Answer(body=b'{"status": NaN}'), Failure.DOWN),
        (Answer(body=b"[" * 100_000), Failure.DOWN),
        (Answer(body=b'{"a": "' + b"x" * 1_100_000 + b'"}'), Failure.DOWN),
        (Answer(dropped=True), Failure.DOWN),
    ],
)
async def test_whatever_goes_wrong_with_a_question_it_is_only_asked_again(
    on: Opens, answer: Answer, failure: Failure
) -> None:
    async with on() as here:
        order = here.order()
        remote_id = await here.made(order)
        here.server.script("status", answer, answer)  # aiohttp itself may ask twice
        with pytest.raises(Busy) as busy:
            await here.ltx.poll(order, remote_id)
        assert busy.value.failure is failure
        assert busy.value.retry_after is None or 1 <= busy.value.retry_after <= 900


async def test_a_job_it_no_longer_knows_is_lost_only_after_several_answers(on: Opens) -> None:
    async with on() as here:
        order = here.order()
        for _ in range(3):
            with pytest.raises(Busy):
                await here.ltx.poll(order, "gone")
        with pytest.raises(Refusal) as refused:
            await here.ltx.poll(order, "gone")
        assert (refused.value.failure, refused.value.billed) == (Failure.LOST, None)


async def test_a_failed_job_is_told_with_its_reason(on: Opens) -> None:
    async with on() as here:
        here.server.fail_next.append(("content_filtered_error", "The prompt was blocked."))
        order = here.order()
        remote_id = await here.made(order)
        with pytest.raises(Refusal) as refused:
            await here.ltx.poll(order, remote_id)
        assert str(refused.value) == (
            "LTX refused this because of its content rules: The prompt was blocked."
        )


async def test_a_status_that_goes_backwards_or_is_new_breaks_nothing(on: Opens) -> None:
    async with on() as here:
        order = here.order()
        remote_id = await here.made(order)
        here.server.jobs[remote_id].words.extend(["processing", "pending", "polishing"])
        stages = [(await here.ltx.poll(order, remote_id)).stage for _ in range(4)]
        assert stages == [Stage.RUNNING, Stage.WAITING, Stage.RUNNING, Stage.READY]
