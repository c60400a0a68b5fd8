"""What a provider delivers counts once it was read to its end and is what was ordered."""

from functools import partial

import pytest

from bot.jobs.results import REFETCHED, Results
from bot.jobs.verify import CUT, differences
from bot.media.decode import decode
from storage import Brief, State
from tests.rig.doubles import FakeProvider, Presenter
from tests.rig.footage import _ffmpeg
from tests.rig.proving import one_in
from tests.rig.worker import House, clock, store, until_over

__all__ = ["clock", "store"]

ORDER = {"resolution": "720p", "aspect": "16:9", "fps": 24, "duration": 6, "sound": True}


_FILMS = {}  # each is made once


def film(folder, *, size="1280x720", rate=24, seconds=6.0, sound=True, picture=True):
    key = (size, rate, seconds, sound, picture)
    if key in _FILMS:
        return _FILMS[key]
    to = folder / f"{size}-{rate}-{seconds}-{sound}-{picture}.mp4"
    streams = []
    if picture:
        streams += ["-f", "lavfi", "-i", f"color=gray:size={size}:rate={rate}:duration={seconds}"]
    if sound:
        streams += ["-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}"]
    _ffmpeg(
        *streams,
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
        *("-movflags", "+faststart"),
        str(to),
    )
    return _FILMS.setdefault(key, to.read_bytes())


EXACT = {
    "another size": ({"size": "1280x704"}, "it is 1280 × 720 pixels instead of 1280 × 704"),
    "a few frames more": ({"seconds": 5.7}, "it is 6 s long instead of 5.7 s"),
}


@pytest.mark.long
@pytest.mark.parametrize("brief", EXACT)
async def test_where_it_is_known_what_comes_out_the_clip_is_that(brief, tmp_path):
    (clip := tmp_path / "clip.mp4").write_bytes(film(tmp_path))
    more, wrong = EXACT[brief]
    assert await differences(Brief(**ORDER), clip, decode=decode) == []
    assert await differences(Brief(**ORDER, **more), clip, decode=decode) == [wrong]
    fits = {"size": "1280x720", "seconds": 6.04}
    assert await differences(Brief(**ORDER, **fits), clip, decode=decode) == []


def half(folder):
    """Its index says everything is there; its end is not."""
    whole = film(folder)
    return whole[: len(whole) // 2]


def garbled(folder):
    """As long as it says, and full of nothing in its second half."""
    whole = film(folder)
    return whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2)


WRONG = {
    "half": (half, CUT),
    "garbled": (garbled, CUT),
    "short": (partial(film, seconds=1.0), "it is 1 s long instead of 6 s"),
    "long": (partial(film, seconds=9.0), "it is 9 s long instead of 6 s"),
    "small": (partial(film, size="320x180"), "it is 320 × 180 pixels instead of 1280 × 720"),
    "upright": (partial(film, size="720x1280"), "it is 720 × 1280 pixels instead of 1280 × 720"),
    "slow": (partial(film, rate=12), "it has 12 fps instead of 24 fps"),
    "mute": (partial(film, sound=False), "it has no sound"),
    "no picture": (partial(film, picture=False), "it has no video"),
    "no film": (lambda _: b"\0\0\0\x18ftypmp42" + bytes(5000), "it can't be played"),
}


@pytest.mark.parametrize(("made", "words"), one_in(6, WRONG.values()), ids=WRONG)
async def test_what_is_not_what_was_ordered_is_said(tmp_path, made, words):
    file = tmp_path / "given.mp4"
    file.write_bytes(made(tmp_path))
    assert words in await differences(Brief(prompt="a fox", **ORDER), file, decode=decode)


@pytest.mark.long
@pytest.mark.parametrize(
    "more",
    [{}, {"seconds": 5.875}, {"seconds": 6.3}, {"size": "1280x736"}, {"rate": "24000/1001"}],
    ids=["as ordered", "blocks of frames, less", "blocks of frames, more", "blocks", "NTSC"],
)
async def test_what_a_model_rounds_is_what_was_ordered(tmp_path, more):
    file = tmp_path / "given.mp4"
    file.write_bytes(_ntsc(tmp_path) if "rate" in more else film(tmp_path, **more))
    assert await differences(Brief(prompt="a fox", **ORDER), file, decode=decode) == []


def _ntsc(folder):
    to = folder / "ntsc.mp4"
    _ffmpeg(
        *("-f", "lavfi", "-i", "testsrc=size=1280x720:rate=24000/1001:duration=6"),
        *("-f", "lavfi", "-i", "sine=frequency=440:duration=6"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", str(to)),
    )
    return to.read_bytes()


@pytest.mark.parametrize("again", one_in(3, [REFETCHED + 1, REFETCHED, 1]))
async def test_it_is_fetched_again_and_then_posted_with_a_sentence_and_told(
    store, clock, tmp_path, again
):
    good, bad = film(tmp_path), half(tmp_path)
    provider, screen = FakeProvider(), Presenter()
    provider.fetches.extend([bad] * again + [good] * 5)
    results = partial(Results, decode=decode)
    house = House(store, {"fake": provider}, screen, clock, tmp_path, results=results)
    job = await house.order(**ORDER)
    await until_over(house, clock, 300)
    job = await house.get(job)
    told = await store.accounting.incidents()
    assert job.state is State.DONE
    if again <= REFETCHED:
        assert (job.note, told) == (None, [])
        assert screen.delivered == [(job.id, good, False)]
    else:
        assert job.note.startswith(f"This is not what was ordered: {CUT}")
        assert [each.kind for each in told] == ["content"]
        assert screen.delivered == [(job.id, bad, False)], (
            "what was paid for is posted all the same"
        )
    assert len(provider.submitted) == 1
