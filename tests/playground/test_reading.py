"""What people have read is remembered, also by a playground that was stopped."""

from playground import open_playground


async def test_read_marks_live_on_and_what_came_meanwhile_is_unread(tmp_path):
    async with open_playground(data=tmp_path) as playground:
        mira, jonas = playground.person("mira"), playground.person("jonas")
        boards, videos = playground.channel("storyboards").id, playground.channel("videos").id
        for place in (boards, videos):
            jonas.go(place)
            await jonas.say("for all")
        playground.reading.read(mira.id, boards)
        assert playground.reading.unread(mira.id) == {str(videos): 0}
    async with open_playground(data=tmp_path) as playground:
        assert playground.reading.unread(mira.id) == {str(videos): 0}
        assert playground.reading.unread(jonas.id) == {}
        jonas = playground.person("jonas")
        jonas.go("videos")
        await jonas.say(f"<@{mira.id}> for you, and <@{mira.id}> again")
        assert playground.reading.unread(mira.id) == {str(videos): 1}


async def test_a_channel_that_somebody_may_not_see_is_not_unread_for_them():
    async with open_playground() as playground:
        ada = playground.person("ada")
        place = ada.go("moderators")
        await ada.say("among us")
        assert playground.reading.unread(playground.person("mira").id) == {}
        playground.reading.read(ada.id, place)
        assert playground.reading.unread(ada.id) == {}
