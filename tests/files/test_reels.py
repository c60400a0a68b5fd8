"""A reel and the bucket: clips that left the disk come back; a link carries what is too large."""

import re
from urllib.parse import urlsplit

import pytest

from bot.files.cache import DAY, FRESH, GIB
from bot.media.probe import probe
from tests.files.test_bucket import read
from tests.rig import s3 as imitation
from tests.rig.house import until, working
from tests.rig.makers import NATIVE, Maker
from tests.rig.paid import fetched, said
from tests.rig.taking import done, first_clip


@pytest.fixture
async def s3():
    async with imitation.s3() as server:
        yield server


@pytest.fixture
async def house(playground, tmp_path, s3):
    async with working(
        playground,
        tmp_path,
        providers={"able": Maker("able", NATIVE)},
        loopback=frozenset({urlsplit(playground.api_url).netloc}),
        dailies_disk_gb=1 / GIB,
        **s3.settings(),
    ) as deployment:
        yield deployment


async def approved(house, person, moderator):
    """A clip that is filed and approved; where its message stands."""
    clip = await first_clip(person, duration=1)
    await done(house, 1)
    person.go(clip.channel_id)
    assert "is filed under" in (await said(person, "/video shot", name="sc1")).text
    await house.store.takes.sign_off(1, moderator.id, at=1.0)
    person.go("videos")
    return clip


async def test_a_clip_that_left_the_disk_comes_back_for_a_reel(
    playground, house, mira, ada, tmp_path
):
    await approved(house, mira, ada)
    await until(lambda: house.store.files.copy_of("takes/1.mp4"))
    playground.clock.advance(2 * FRESH)
    await house.cache.tidy()
    assert not (tmp_path / "takes" / "1.mp4").exists()
    planned = await said(mira, "/video reel")
    assert "no longer kept" not in planned.text
    reel = await mira.wait_for(lambda each: "Reel 1 ·" in each.text and bool(each.attachments))
    [film] = [each for each in reel.attachments if each.filename.endswith(".mp4")]
    shown = tmp_path / "shown.mp4"
    shown.write_bytes(await fetched(film))
    assert (await probe(shown)).frames == 24


@pytest.mark.long
async def test_what_no_message_can_carry_is_lent_by_the_bucket_until_its_link_dies(
    playground, house, mira, ada, tmp_path, s3
):
    await approved(house, mira, ada)
    guild = playground.guild.id
    limit = house.bot.get_guild(guild).filesize_limit
    await house.store.takes.learn_limit(guild, said=limit, takes=3000, at=1.0)
    await said(mira, "/video reel")
    reel = await mira.wait_for(lambda each: "[the original](" in each.text)
    assert "it is too large for this server" in reel.text
    assert sorted(each.filename.rpartition(".")[2] for each in reel.attachments) == ["csv", "edl"]
    link = re.search(r"\[the original\]\((\S+)\) until", reel.text)[1]
    status, data = await read(link)
    assert status == 200
    shown = tmp_path / "shown.mp4"
    shown.write_bytes(data)
    assert (await probe(shown)).frames == 24
    await until(lambda: not [*(tmp_path / "reels").iterdir()])
    file = f"reels/1.{guild}.mp4"
    await house.bucket_sync.work()
    assert await house.store.files.copy_of(file) is not None, "it is lent as long as its link lives"
    playground.clock.advance(8 * DAY)
    await house.bucket_sync.work()
    assert await house.store.files.copy_of(file) is None
    assert not [key for key in s3.objects if "/reels/" in key]


@pytest.mark.long
async def test_delete_mine_takes_the_lent_reels_of_one_s_servers_back(
    playground, house, mira, ada, tmp_path, s3
):
    await approved(house, mira, ada)
    (tmp_path / "reels").mkdir(exist_ok=True)
    for guild in (playground.guild.id, 77):
        (tmp_path / "reels" / f"9.{guild}.mp4").write_bytes(b"film %d" % guild)
        assert await house.cache.lend(f"reels/9.{guild}.mp4") is not None
    await until(lambda: _forgotten(house, mira))
    await house.bucket_sync.work(whole=False)
    left = [data for key, data in s3.objects.items() if "/reels/" in key]
    assert left == [b"film 77"], "the other server has no clip of theirs"


async def _forgotten(house, person):
    return await house.store.privacy.forget(person.id) is not None
