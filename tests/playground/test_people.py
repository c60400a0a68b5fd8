"""A person can do in the playground what a person can do on Discord, and no more."""

import asyncio
from pathlib import Path

import discord
import pytest

from playground import File, PersonCannot, Playground
from tests.rig.toybot import AgainButton, ToyBot, connected


async def test_a_typed_command_is_answered(playground: Playground) -> None:
    async with connected(playground):
        mira = playground.person("mira")
        asked = await mira.type("/toy say", text="hello", times=2, look="Noir")
        await asked.answered
        assert asked.message is not None
        assert asked.message.text == "hello ×2 noir False 1.0 None"
        assert not asked.ephemeral


async def test_a_file_given_as_an_option_reaches_the_bot(
    playground: Playground, tmp_path: Path
) -> None:
    picture = tmp_path / "my picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    async with connected(playground):
        mira = playground.person("mira")
        asked = await (await mira.type("/toy say", text="look", image=picture)).answered
        assert asked.message is not None
        assert "my_picture.png 108 bytes" in asked.message.text


async def test_a_person_can_be_named_in_an_option(playground: Playground) -> None:
    async with connected(playground):
        jonas = playground.person("jonas")
        asked = await (
            await playground.person("mira").type("toy say", text="x", who=jonas)
        ).answered
        assert asked.message is not None
        assert asked.message.text.endswith("jonas")


@pytest.mark.parametrize(
    ("command", "options", "sentence"),
    [
        ("/nothing", {}, "There is no command called /nothing."),
        ("/toy", {}, "/toy needs one of: say"),
        ("/toy dance", {}, "There is no command called /toy dance."),
        ("/toy say", {}, "text is required."),
        ("/toy say", {"text": "x", "colour": "red"}, "no option called colour"),
        ("/toy say", {"text": "x" * 101}, "text takes 1 to 100 characters, not 101."),
        ("/toy say", {"text": "x", "times": 6}, "times must be between 1 and 5, not 6."),
        ("/toy say", {"text": "x", "times": "two"}, "times must be a whole number, not two."),
        ("/toy say", {"text": "x", "times": 1.5}, "times must be a whole number, not 1.5."),
        ("/toy say", {"text": "x", "size": 0.1}, "size must be between 0.5 and 2, not 0.1."),
        ("/toy say", {"text": "x", "look": "Pop"}, "look must be one of: Noir."),
        ("/toy say", {"text": "x", "loud": "maybe"}, "loud must be True or False."),
        ("/toy say", {"text": "x", "who": "nobody"}, "who: there is no user called nobody here."),
        ("/toy say", {"text": "x", "image": Path("/no/such/file")}, "There is no file"),
        ("/toy say", {"text": "x", "image": File("a.png", bytes(10 * 2**20 + 1))}, "10 MB"),
        ("/rule", {}, "You can't use /rule here."),
    ],
)
async def test_the_client_refuses_what_does_not_fit(
    playground: Playground, command: str, options: dict[str, object], sentence: str
) -> None:
    async with connected(playground):
        with pytest.raises(PersonCannot) as refused:
            await playground.person("mira").type(command, **options)
        assert sentence in str(refused.value)


async def test_typed_words_become_what_the_option_takes(playground: Playground) -> None:
    async with connected(playground):
        asked = await playground.person("mira").run(
            "/toy say", {"text": "x", "times": "3", "loud": "true", "size": "1.5"}
        )
        await asked.answered
        assert asked.message is not None
        assert asked.message.text == "x ×3 none True 1.5 None"


async def test_a_moderators_command_is_for_moderators(playground: Playground) -> None:
    async with connected(playground):
        asked = await (await playground.person("ada").type("/rule")).answered
        assert asked.message is not None
        assert asked.message.text == "ruled"
        assert playground.person("ada").moderator
        assert not playground.person("jonas").moderator


async def test_a_server_command_is_not_there_in_direct_messages(playground: Playground) -> None:
    async with connected(playground):
        mira = playground.person("mira")
        mira.go_to_dm()
        with pytest.raises(PersonCannot, match="You can't use /toy here"):
            await mira.type("/toy secret")


async def test_suggestions_come_while_typing(playground: Playground) -> None:
    async with connected(playground):
        mira = playground.person("mira")
        assert await mira.suggestions("/toy look", "name", "n") == [
            ("Noir", "noir"),
            ("Nature", "nature"),
        ]
        # What is suggested binds nobody.
        asked = await (await mira.type("/toy look", name="my own")).answered
        assert asked.message is not None
        assert asked.message.text == "my own"


async def test_an_ephemeral_answer_is_only_for_its_person(playground: Playground) -> None:
    async with connected(playground):
        mira, jonas = playground.person("mira"), playground.person("jonas")
        with playground.feed(jonas) as over_there, playground.feed(mira) as here:
            asked = await (await mira.type("/toy secret")).answered
            assert asked.ephemeral
            event, told = await asyncio.wait_for(here.get(), 120)
            assert (event, told["content"], told["flags"]) == ("MESSAGE_CREATE", "psst", 64)
            assert (await mira.wait_for("psst")).ephemeral
            await mira.say("done")
            heard = []
            while not heard or heard[-1][1].get("content") != "done":
                heard.append(await asyncio.wait_for(over_there.get(), 120))
        assert [event for event, _ in heard] == ["MESSAGE_CREATE"]
        assert [message.text for message in jonas.messages("videos")] == ["done"]
        await mira.delete(await mira.wait_for("psst"))
        assert [message.text for message in mira.messages("videos")] == ["done"]


async def test_a_form_is_shown_filled_and_answered(playground: Playground) -> None:
    async with connected(playground):
        mira = playground.person("mira")
        asked = await (await mira.type("/toy form")).answered
        assert asked.state == "modal"
        assert asked.modal is not None
        assert asked.modal.title == "Edit the prompt"
        assert [field.label for field in asked.modal.fields] == ["New prompt", "Look"]
        for fields, sentence in (
            ({"look": "Noir"}, r"New prompt is required\."),
            (
                {"prompt": "x" * 51, "look": "Noir"},
                r"New prompt takes 0 to 50 characters, not 51\.",
            ),
            ({"prompt": "x", "look": "Pop"}, r"Look has no Pop\."),
            ({"prompt": "x", "colour": "red"}, "no field called colour"),
        ):
            with pytest.raises(PersonCannot, match=sentence):
                await mira.submit(asked, fields)
        done = await (await mira.fill(asked, **{"New prompt": "a fox", "look": "Anime"})).answered
        assert done.message is not None
        assert done.message.text == "a fox in Anime"


async def test_a_menu_entry_of_a_message_works(playground: Playground) -> None:
    async with connected(playground):
        mira = playground.person("mira")
        words = await playground.person("jonas").say("to be")
        asked = await (await mira.menu(words, "Quote")).answered
        assert asked.message is not None
        # Without MESSAGE_CONTENT the bot may still read what a person hands it.
        assert asked.message.text == "“to be”"
        with pytest.raises(PersonCannot, match="no menu entry called Burn"):
            await mira.menu(words, "Burn")


async def test_a_thread_a_file_a_button_and_a_reaction(playground: Playground) -> None:
    async with connected(playground) as bot:
        mira = playground.person("mira")
        await mira.type("/toy make", prompt="fox")
        done = await mira.wait_for(lambda m: m.text == "Done: fox" and len(m.reactions) == 1)
        assert done.attachments[0].filename == "clip_one.mp4"
        assert done.attachments[0].description == "A clip"
        pressed = await (await mira.click(done, "Again")).answered
        assert pressed.ephemeral
        assert pressed.message is not None
        assert pressed.message.text == "Again: 7"
        await mira.react(done, "🔁")
        heard = await bot.hear("reaction")
        assert heard.message_id == done.id
        assert heard.member is not None
        assert heard.member.id == mira.id
        again = await mira.wait_for(lambda m: m.id == done.id)
        assert (again.reactions[0].count, again.reactions[0].mine) == (2, True)
        await mira.unreact(done, "🔁")
        with pytest.raises(PersonCannot, match="You have not reacted with 🔁"):
            await mira.unreact(done, "🔁")


async def test_what_a_message_does_not_offer_cannot_be_pressed(playground: Playground) -> None:
    async with connected(playground) as bot:
        channel = bot.get_channel(playground.channel("videos").id)
        assert isinstance(channel, discord.TextChannel)
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label="Off", custom_id="off", disabled=True))
        view.add_item(discord.ui.Button(label="Docs", url="https://example.com/"))
        view.add_item(
            discord.ui.Select(
                custom_id="pick", options=[discord.SelectOption(label="One", value="1")]
            )
        )
        await channel.send("Here", view=view)
        mira = playground.person("mira")
        here = await mira.wait_for("Here")
        for label, sentence in (
            ("Off", "greyed out"),
            ("Docs", "only opens"),
            ("No", "no button No"),
        ):
            with pytest.raises(PersonCannot, match=sentence):
                await mira.click(here, label)
        with pytest.raises(PersonCannot, match=r"pick has no Two\. It has: One\."):
            await mira.choose(here, "pick", "Two")
        with pytest.raises(PersonCannot, match=r"pick takes 1 to 1 picks, not 2\."):
            await mira.choose(here, "pick", ["1", "1"])


async def test_a_pick_from_a_menu_reaches_the_bot(playground: Playground) -> None:
    class Menu(discord.ui.View):
        @discord.ui.select(cls=discord.ui.UserSelect, custom_id="who")
        async def who(
            self, interaction: discord.Interaction, select: discord.ui.UserSelect
        ) -> None:
            await interaction.response.edit_message(content=f"Picked {select.values[0]}", view=None)

    async with connected(playground) as bot:
        channel = bot.get_channel(playground.channel("videos").id)
        assert isinstance(channel, discord.TextChannel)
        await channel.send("Who?", view=Menu(timeout=None))
        mira = playground.person("mira")
        question = await mira.wait_for("Who?")
        await (await mira.choose(question, "who", [playground.person("jonas")])).answered
        picked = await mira.wait_for("Picked jonas")
        assert picked.id == question.id
        assert picked.edited
        assert not picked.selects


async def test_a_bot_that_is_late_did_not_respond(playground: Playground) -> None:
    async with connected(playground) as bot:
        mira = playground.person("mira")
        with playground.feed(mira) as feed:
            asked = await mira.run("/toy late", {"seconds": 0.2}, nonce="n1")
            playground.clock.advance(3)
            with pytest.raises(PersonCannot, match="The application did not respond"):
                await asked.answered
            told = dict([await asyncio.wait_for(feed.get(), 120)])
        assert told["INTERACTION"] == {
            "id": str(asked.id),
            "state": "failed",
            "modal": None,
            "nonce": "n1",
        }
        await asyncio.wait_for(bot.failed.wait(), 120)
        assert isinstance(bot.errors[0], discord.NotFound)
        assert bot.errors[0].code == 10062


async def test_without_a_bot_nobody_responds(playground: Playground) -> None:
    async with connected(playground):
        pass
    asked = await playground.person("mira").type("/toy secret")
    playground.clock.advance(3)
    with pytest.raises(PersonCannot, match="The application did not respond"):
        await asked.answered
    with pytest.raises(PersonCannot, match="Loading options failed"):
        suggesting = asyncio.create_task(playground.person("mira").suggestions("/toy look", "name"))
        await asyncio.sleep(0)
        playground.clock.advance(3)
        await suggesting


async def test_people_write_reply_edit_and_delete(playground: Playground) -> None:
    mira, jonas, ada = (playground.person(name) for name in ("mira", "jonas", "ada"))
    first = await mira.say("hello", files=[File("a.txt", b"words")])
    assert first.attachments[0].size == 5
    reply = await jonas.say(f"<@{mira.id}> hi", reply_to=first)
    assert reply.reference == first.id
    assert reply.mentions == (mira.id,)
    with pytest.raises(PersonCannot, match="only edit your own"):
        await jonas.edit(first, "changed")
    assert (await mira.edit(first, "hello!")).edited
    with pytest.raises(PersonCannot, match="You lack the permission Manage Messages there"):
        await mira.delete(reply)
    await ada.delete(reply)
    assert [message.text for message in jonas.messages()] == ["hello!"]
    with pytest.raises(PersonCannot, match="That message is gone"):
        await jonas.react(reply, "👍")
    with pytest.raises(PersonCannot, match="at most 2000 characters"):
        await mira.say("x" * 2001)
    with pytest.raises(PersonCannot, match=r"big\.bin is too big: the limit here is 10 MB"):
        await mira.say(files=[File("big.bin", bytes(10 * 2**20 + 1))])


async def test_people_see_only_the_channels_they_may(playground: Playground) -> None:
    mira, ada = playground.person("mira"), playground.person("ada")
    assert [item["name"] for item in mira.channels()] == ["videos", "storyboards"]
    assert [item["name"] for item in ada.channels()] == ["videos", "storyboards", "moderators"]
    mira.go("moderators")
    with pytest.raises(PersonCannot, match="You can't see that channel"):
        await mira.say("let me in")
    with playground.feed(mira) as feed:
        playground.world.set_permissions("moderators", mira.id, allow=["view_channel"])
        event, channel = await asyncio.wait_for(feed.get(), 120)
        while event == "CHANNEL_UPDATE":
            event, channel = await asyncio.wait_for(feed.get(), 120)
        assert (event, channel["name"]) == ("CHANNEL_CREATE", "moderators")
        await mira.say("thanks")
        playground.world.set_permissions("moderators", mira.id)
        heard = [event]
        while heard[-1] != "CHANNEL_DELETE":
            heard.append((await asyncio.wait_for(feed.get(), 120))[0])
    assert heard == ["CHANNEL_CREATE", "MESSAGE_CREATE", "CHANNEL_DELETE"]


async def test_the_feed_tells_of_commands_and_of_the_bot(playground: Playground) -> None:
    with playground.feed("mira") as feed:
        async with connected(playground):
            pass
        heard = {}
        while "BOT" not in heard or heard["BOT"]["online"]:
            event, data = await asyncio.wait_for(feed.get(), 120)
            heard[event] = data
    assert {item["name"] for item in heard["COMMANDS"]} == {"toy", "Quote", "rule"}
    assert not playground.online


async def test_a_button_of_an_earlier_process_still_works(playground: Playground) -> None:
    mira = playground.person("mira")
    async with connected(playground) as bot:
        channel = bot.get_channel(playground.channel("videos").id)
        assert isinstance(channel, discord.TextChannel)
        view = discord.ui.View(timeout=None)
        view.add_item(AgainButton(3))
        await channel.send("Old", view=view)
        old = await mira.wait_for("Old")
    async with connected(playground, ToyBot()):
        pressed = await (await mira.click(old, "Again")).answered
        assert pressed.message is not None
        assert pressed.message.text == "Again: 3"


async def test_waiting_in_vain_says_what_was_there(playground: Playground) -> None:
    mira = playground.person("mira")
    await mira.say("something else")
    with pytest.raises(TimeoutError, match=r"mira waited 0\.01 s for 'a clip'.*something else"):
        await mira.wait_for("a clip", timeout=0.01)
