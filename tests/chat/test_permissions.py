"""Who may use what: every command and button, for a member, a moderator, another server, a DM.

The rules stand below; whatever the bot offers and no rule speaks of fails these tests.
"""

import pytest
from simcord.enums import InteractionType as Kind

from bot.chat.buttons import marked
from cogs._pressing import VERBS
from playground import open_playground
from storage import By, ChangedBy, Post
from tests.rig.house import until, working
from tests.rig.makers import NATIVE, Maker
from tests.rig.paid import ordered, said
from tests.rig.taking import done, first_clip

EVERYBODY, MODERATORS = "everybody", "moderators"
ORDERED = ""  #: no refusal: a card
NO_DM = "Dailies only works in servers. Use it in a channel there."
NOT_ALLOWED = "Only moderators can do this. They need the Manage Server permission."

#: Every command by its full name, and what a run of it is given.
COMMANDS = {
    "video text": (EVERYBODY, {"prompt": "a fox"}),
    "video queue": (EVERYBODY, {}),
    "video image": (EVERYBODY, {}),
    "video audio": (EVERYBODY, {}),
    "video takes": (EVERYBODY, {}),
    "video presets": (EVERYBODY, {}),
    "video enhance": (EVERYBODY, {"prompt": "a fox"}),
    "video mine": (EVERYBODY, {}),
    "video search": (EVERYBODY, {"words": "fox"}),
    "video shots": (EVERYBODY, {}),
    "video reel": (EVERYBODY, {}),
    "video usage": (EVERYBODY, {}),
    "video privacy": (EVERYBODY, {}),
    "video notify": (EVERYBODY, {"how": "no ping"}),
    "video new": (EVERYBODY, {}),
    "video defaults show": (EVERYBODY, {}),
    "video defaults set": (EVERYBODY, {"sound": True}),
    "video defaults clear": (EVERYBODY, {"what": "everything"}),
    "help": (EVERYBODY, {}),
    "video models": (EVERYBODY, {}),
    "quota show": (MODERATORS, {}),
    "quota set": (MODERATORS, {"amount": "5"}),
    "quota budget": (MODERATORS, {"amount": "500"}),
    "quota limits": (MODERATORS, {}),
    "quota grant": (MODERATORS, {"person": "mira", "credits": 5}),
    "quota withdraw": (MODERATORS, {"person": "mira"}),
    "quota reset": (MODERATORS, {"person": "mira"}),
    "quota block": (MODERATORS, {"person": "jonas", "reason": "x"}),
    "quota unblock": (MODERATORS, {"person": "jonas"}),
    "quota report": (MODERATORS, {}),
    "quota audit": (MODERATORS, {}),
    "studio setup": (MODERATORS, {}),
    "studio takes": (MODERATORS, {}),
    "studio queue": (MODERATORS, {}),
    "studio pause": (MODERATORS, {"reason": "x"}),
    "studio resume": (MODERATORS, {}),
    "studio undelivered": (MODERATORS, {}),
    "studio unclear": (MODERATORS, {}),
    "studio rules": (MODERATORS, {}),
}
#: Commands about one clip: what they are given, and what they say to a member and to a
#: moderator about somebody else's, where this server lets only moderators build on it.
BUILD = "In this server, only moderators can build on other people's clips."
ABOUT_A_CLIP = {
    "video show": ({"clip": "#{}"}, "### ✅ Done · #1", "### ✅ Done · #1"),
    "video cancel": ({"clip": "#{}"}, "Only <@", "#1 has already ended."),
    "video compare": ({"a": "#{}", "b": "#{}"}, "Those are the same", "Those are the same"),
    "video shot": ({"clip": "#{}", "name": "sc/sh"}, BUILD, "filed under **sc/sh**"),
    "video again": ({"clip": "#{}"}, BUILD, "That is take 1 (#1) again."),
    "video extend": ({"clip": "#{}"}, BUILD, ORDERED),
    "video retake": ({"clip": "#{}"}, BUILD, ORDERED),
    "video hdr": ({"clip": "#{}"}, BUILD, "able-1 can't make"),
}
#: The other ways to name a clip, likewise.
NAMING_A_CLIP = {
    "video image": ({"link": "#{}", "prompt": "x"}, BUILD, ORDERED),
    "video image last": (
        {"link": "#{}", "last_link": "#{}", "prompt": "x"},
        BUILD,
        "last",
    ),
    "video audio": ({"link": "#{}", "prompt": "x"}, BUILD, "able-1 can't make"),
    "video audio picture": ({"image_link": "#{}", "prompt": "x"}, BUILD, "able-1 can't make"),
    "video presets": ({"save": "x", "clip": "#{}"}, "Saved", "Saved"),
}
#: Menus of a message: nobody can open one on a message of a server they are not in.
MENUS = {"Retake…", "Extend…", "Animate this image", "Use this sound", "Details"}

#: What stands behind a verb that is about something of server one, for another server.
VERB_RULES = {
    "cancel": (EVERYBODY, "{job}"),
    "models": (EVERYBODY, "1"),
    "less": (EVERYBODY, "{refused}"),
    "all": (EVERYBODY, "{refused}"),
    "ask": (EVERYBODY, "{refused}"),
    "export": (EVERYBODY, ""),
    "forget": (EVERYBODY, ""),
    "grant": (MODERATORS, "{refused}:1"),
    "deny": (MODERATORS, "{refused}"),
    "resume": (MODERATORS, ""),
    "audit": (MODERATORS, "999"),
    "post": (MODERATORS, "{job}:there"),
    "check": (MODERATORS, "{job}"),
    "retry": (MODERATORS, "{job}"),
    "close": (MODERATORS, "{job}"),
    "billed": (MODERATORS, "{job}:1:yes"),
    "forbid": (MODERATORS, "word"),
    "allow": (MODERATORS, ""),
    "drop": (MODERATORS, "{job}"),
    "front": (MODERATORS, "{job}"),
    "set": (MODERATORS, "changed-by"),
    "slow": (MODERATORS, "on"),
    "confirm": (MODERATORS, ""),
    "budget": (MODERATORS, ""),
    "zone": (MODERATORS, ""),
    "setup": (MODERATORS, ""),
    "page": (MODERATORS, "who"),
    "threads": (MODERATORS, "on"),
    "help": (EVERYBODY, ""),
    "example": (EVERYBODY, ""),
    "credits": (EVERYBODY, ""),
    "reactions": (EVERYBODY, ""),
    "pings": (EVERYBODY, ""),
    "take-why": (EVERYBODY, "{job}:🔁"),
    "try": (EVERYBODY, "{job}:6"),
    "try-edited": (EVERYBODY, "{job}"),
    "try-elsewhere": (EVERYBODY, "{job}:able:6"),
    "try-takes": (EVERYBODY, "{job}:6"),
    "undo": (EVERYBODY, "{job}"),
    "help-edit": (EVERYBODY, "7:6"),
    "help-use": (EVERYBODY, "7:6"),
    "help-ask": (EVERYBODY, "7"),
    "help-agree": (EVERYBODY, "7:127.0.0.1"),
    "help-stop": (EVERYBODY, ""),
    "help-kept": (EVERYBODY, "{refused}"),
    "new-again": (EVERYBODY, "7"),
    "batch-show": (EVERYBODY, "{job}"),
    "batch-more": (EVERYBODY, "{job}"),
    "batch-cancel": (EVERYBODY, "{job}"),
    "found": (EVERYBODY, "{job}"),
    "mine": (EVERYBODY, "o9:..."),
    "shots": (EVERYBODY, "1"),
    "reel-make": (EVERYBODY, "{job}"),
    "search": (EVERYBODY, "o9:fox"),
    # Whose clip it must be, and what a server lets whom do with it, is for the tests of takes.
    **{
        f"take-{name}": (EVERYBODY, "{job}")
        for name in (
            "compare",
            "details",
            "extend",
            "favourite",
            "four",
            "hdr",
            "help",
            "more",
            "remove",
            "retake",
            "send",
            "show",
            "variation",
        )
    },
}
#: Verbs whose answer is a form or a list of what is there, whatever they are about.
WITHOUT_IDS = {"export", "forget", "resume", "audit", "retry", "forbid", "allow", "set", "slow"}
WITHOUT_IDS |= {"confirm", "models", "budget", "zone", "setup", "page", "threads"}
WITHOUT_IDS |= {"help", "example", "credits", "mine", "reactions", "pings", "search", "shots"}
#: A suggested prompt is its person's; its number says nothing of another server.
WITHOUT_IDS |= {"new-again", "help-edit", "help-use", "help-ask", "help-agree", "help-stop"}


@pytest.fixture
async def playground():
    """Without Discord's rate limits: each press needs a message of its own."""
    async with open_playground(rate_limits=False, patient=True) as running:
        yield running


def leaves(bot):
    """Every command that can be typed, by its full name."""
    for top in bot.tree.get_commands():
        walk = top.walk_commands() if hasattr(top, "walk_commands") else ()
        subs = [each for each in walk if not hasattr(each, "walk_commands")]
        yield from subs or [top]


async def forced(person, command, options):
    """Type a command that the client would not offer, as a changed client can."""
    spec = next(
        one
        for scope in person._world.commands.values()
        for key, one in scope.items()
        if one["name"] == command.split()[0]
    )
    part, steps = person_leaf(spec, command.split()[1:])
    asked = person._send_command(Kind.APPLICATION_COMMAND, spec, part, steps, options, None)
    await asked.answered
    return asked


def person_leaf(spec, path):
    from playground.discord import commands

    return commands.leaf(spec, path)


async def test_every_command_and_button_has_a_rule(paid_house):
    bot = paid_house.bot
    known = {*COMMANDS, *ABOUT_A_CLIP, *MENUS}
    found = {getattr(each, "qualified_name", each.name) for each in leaves(bot)}
    assert found == known, f"give a rule to {found - known}"
    assert set(VERBS) == set(VERB_RULES), "each verb has one rule"
    for name, verb in VERBS.items():
        assert verb.moderators is (VERB_RULES[name][0] == MODERATORS), name
    # By name: an extension that another test has unloaded comes back as another class.
    items = {each.__qualname__ for each in bot._connection._view_store._dynamic_items.values()}
    assert items == {"Pressed"}, "what can be pressed has a rule as a verb"


async def test_the_code_refuses_members_whatever_their_client_lets_them_type(mira, paid_house):
    for command, (whose, options) in COMMANDS.items():
        if whose == MODERATORS:
            asked = await forced(mira, command, options)
            assert asked.ephemeral, command
            assert asked.message.text == NOT_ALLOWED, command


async def test_moderators_and_members_may_what_is_theirs(ada, mira, paid_house):
    for command, (whose, options) in COMMANDS.items():
        for person in (ada, mira) if whose == EVERYBODY else (ada,):
            asked = await forced(person, command, options)
            if asked.message is not None and not asked.message.loading:
                assert asked.message.text != NOT_ALLOWED, command
            if command == "studio pause":
                await said(ada, "/studio resume")


async def test_default_permissions_hide_the_moderators_commands(paid_house):
    for top in paid_house.bot.tree.get_commands():
        if top.name in {"quota", "studio"}:
            assert top.default_permissions.manage_guild


async def test_no_command_is_there_in_direct_messages(paid_house):
    for top in paid_house.bot.tree.get_commands():
        contexts = top.to_dict(paid_house.bot.tree).get("contexts")
        assert contexts in ([0], None), top.name
        if contexts is None:
            assert paid_house.bot.tree.allowed_contexts.dm_channel is not True


async def sent(person, kind, data, **more):
    """An interaction that no client would send, where this person is; its answer's words."""
    channel = person._world.get_channel(person.at)
    asked = person._interact(kind, channel, data, nonce=None, **more)
    await asked.answered
    message = await until(lambda: asked.message if asked.message and asked.message.text else None)
    assert asked.ephemeral, data
    return message.text


@pytest.mark.long
async def test_what_is_sent_from_a_direct_message_is_refused(ada, mira, paid_house):
    """Registered or not: whatever a changed client sends from there."""
    bot = paid_house.bot
    for person in (ada, mira):
        person.go_to_dm()
        for each in leaves(bot):
            name = getattr(each, "qualified_name", each.name)
            data = {"id": "1", "name": name, "type": 1, "options": []}
            if name in MENUS:
                message = {"id": "5", "channel_id": str(person.at), "content": "", "author": {}}
                data |= {"type": 3, "target_id": "5", "resolved": {"messages": {"5": message}}}
            elif " " in name:
                top, *groups, leaf = name.split()
                options = [{"name": leaf, "type": 1, "options": []}]
                for group in reversed(groups):
                    options = [{"name": group, "type": 2, "options": options}]
                data |= {"name": top, "options": options}
            assert await sent(person, Kind.APPLICATION_COMMAND, data) == NO_DM, name
        for verb, (_, about) in VERB_RULES.items():
            about = about.format(job=1, refused=1)
            said = await told(person, paid_house, person.at, verb, about)
            assert said == NO_DM, verb
        for form in ("retake:1", "extend:1", "animate:0", "sound:0", "new"):
            data = {"custom_id": f"form:{form}", "components": filled_in(prompt="x", seconds="2")}
            assert await sent(person, Kind.MODAL_SUBMIT, data) == NO_DM, form


def filled_in(**fields):
    """A form's fields as Discord sends them."""
    return [
        {"type": 18, "id": number, "component": {"type": 4, "custom_id": name, "value": value}}
        for number, (name, value) in enumerate(fields.items(), 1)
    ]


async def press(person, paid_house, channel, verb, about):
    """Press a button that carries this, on a message of the bot's."""
    import discord

    view = discord.ui.View(timeout=None)
    custom_id = marked(verb, about)
    view.add_item(discord.ui.Button(label="x", custom_id=custom_id))
    message = await paid_house.bot.get_partial_messageable(channel).send("press", view=view)
    await person.wait_for(lambda each: each.id == message.id)
    done = await person.click(message.id, "x")
    await done.answered
    return done


async def told(person, paid_house, channel, verb, about):
    """What the bot says to a press, to this person alone: at once, or a moment later."""
    before = {each.id for each in person.messages()}
    done = await press(person, paid_house, channel, verb, about)
    said = done.message.text if done.message is not None else ""
    if said and said != "press":
        return said
    news = await until(
        lambda: [e for e in person.messages() if e.ephemeral and e.id not in before and e.text]
    )
    return news[-1].text


async def test_moderators_buttons_refuse_members(mira, paid_house, playground):
    await ordered(mira)
    channel = playground.channel("videos").id
    for verb, (whose, about) in VERB_RULES.items():
        if whose == MODERATORS:
            said = await told(mira, paid_house, channel, verb, about.format(job=1, refused=1))
            assert said == NOT_ALLOWED, verb


async def test_ids_of_another_server_answer_exactly_as_unknown_ones(
    playground, ada, mira, paid_house
):
    """A moderator of a second server uses numbers of the first one."""
    await said(ada, "/quota set", amount="6", who="mira")
    await ordered(mira)
    await ordered(mira)  # refused: number 1
    other = playground.world.add_guild("Elsewhere", channels=("general",))
    boss = playground.add_person("boss", guild=other.id)
    role = playground.world.create_role(other.id, "Boss", permissions=1 << 5)
    playground.world.add_member_role(other.id, boss.id, role.id)
    general = playground.world.find_channel("general", other.id).id
    boss.go(general)
    for verb, (_, about) in VERB_RULES.items():
        if verb in WITHOUT_IDS:
            continue
        theirs = await told(boss, paid_house, general, verb, about.format(job=1, refused=1))
        unknown = await told(boss, paid_house, general, verb, about.format(job=777, refused=777))
        assert theirs.replace("#1", "#777") == unknown, verb
    for command, (options, _, _) in {**ABOUT_A_CLIP, **NAMING_A_CLIP}.items():
        answers = []
        for number in (1, 777):
            filled = {name: value.format(number) for name, value in options.items()}
            told_them = await said_to(boss, command, filled)
            answers.append(told_them.replace(str(number), "N"))
        assert answers[0] == answers[1], command
        assert "There is no clip #N here." in answers[0], command
    for form in ("retake", "extend"):
        answers = []
        for number in (1, 777):
            fields = filled_in(**{"from": "0", "to": "1", "seconds": "2", "prompt": "x"})
            data = {"custom_id": f"form:{form}:{number}", "components": fields}
            answers.append((await sent(boss, Kind.MODAL_SUBMIT, data)).replace(str(number), "N"))
        assert answers == ["There is no clip #N here."] * 2, form
    thread = (await until(lambda: mira.threads("videos")))[0]
    card = (await paid_house.store.jobs.get(1)).card_id
    await paid_house.store.takes.posted(Post(message_id=4711, channel_id=thread, job_id=1, at=0.0))
    for menu in MENUS - {"Animate this image", "Use this sound"}:
        for message in (card, 4711, 777):
            assert await by_menu(boss, menu, message) == "Use this on a clip that Dailies made."
    assert len(await paid_house.store.jobs.newest()) == 1


async def by_menu(person, menu, message_id):
    """What a menu says of a message that this person's client would not show."""
    shown = {
        "id": str(message_id),
        "channel_id": str(person.at),
        "content": "",
        **{key: [] for key in ("embeds", "attachments", "mentions", "mention_roles")},
        "flags": 0,
        "type": 0,
        "pinned": False,
        "tts": False,
        "timestamp": "2026-01-01T00:00:00+00:00",
        "edited_timestamp": None,
        "mention_everyone": False,
        "components": [],
        "author": {"id": "5", "username": "x", "discriminator": "0", "avatar": None},
    }
    found = next(
        one
        for scope in person._world.commands.values()
        for one in scope.values()
        if one["name"] == menu
    )
    data = {"id": found["id"], "name": menu, "type": 3, "target_id": str(message_id)}
    data["resolved"] = {"messages": {str(message_id): shown}}
    return await sent(person, Kind.APPLICATION_COMMAND, data)


async def said_to(person, command, options, *, beside=False):
    """The words of a first answer that is for this person alone; "" where it is a card.

    *beside* a card, too, may be such words.
    """
    path = " ".join(command.split()[:2])
    before = {each.id for each in person.everything()}
    asked = await forced(person, path, options)
    first = asked.message
    if first is not None and first.text and not first.loading and (asked.ephemeral or not beside):
        return first.text if asked.ephemeral else ""

    def news():
        now = [each for each in person.everything() if each.id not in before and each.text]
        return [each for each in now if each.ephemeral or (each.flags & 1 << 15 and not beside)]

    found = (await until(news))[-1]
    return found.text if found.ephemeral else ""


async def test_what_is_asked_about_somebody_elses_clip(playground, tmp_path, ada, mira):
    """Every command and menu about a clip, for a member and for a moderator."""
    able = Maker("able", NATIVE)
    limits = {"dailies_jobs_per_user": 100, "dailies_orders_per_minute": 10_000}
    async with working(playground, tmp_path, providers={"able": able}, **limits) as house:
        clip = await first_clip(mira)
        await done(house, 1)
        by = By(guild_id=playground.guild.id, actor_id=1)
        await house.store.moderation.set_server(by, changed_by=ChangedBy.MODERATORS)
        jonas = playground.person("jonas")
        for person, column in ((jonas, 1), (ada, 2)):
            person.go(clip.channel_id)
            for command, row in {**ABOUT_A_CLIP, **NAMING_A_CLIP}.items():
                options = {name: value.format(1) for name, value in row[0].items()}
                wanted = row[column]
                words = await said_to(person, command, options, beside=wanted != ORDERED)
                assert wanted in words if wanted else not words, (person.name, command, words)
            for menu in ("Retake…", "Extend…"):
                opened = await person.menu(person.message(clip.id), menu)
                await opened.answered
                if person is ada:
                    assert opened.modal is not None, menu
                else:
                    assert opened.message.text == BUILD, menu
            opened = await person.menu(person.message(clip.id), "Details")
            await opened.answered
            assert opened.message.text.startswith("### ✅ Done · #1")
            assert opened.ephemeral


async def test_nobody_finds_another_server_in_what_is_listed(playground, mira, ada, paid_house):
    await ordered(mira)
    other = playground.world.add_guild("Elsewhere", channels=("general",))
    boss = playground.add_person("boss", guild=other.id)
    role = playground.world.create_role(other.id, "Boss", permissions=1 << 5)
    playground.world.add_member_role(other.id, boss.id, role.id)
    boss.go(playground.world.find_channel("general", other.id).id)
    assert (await said(boss, "/studio queue")).text == "Nothing is in progress."
    assert "Nothing was ordered." in (await said(boss, "/quota report")).text
    assert "Nothing was changed" in (await said(boss, "/quota audit")).text
