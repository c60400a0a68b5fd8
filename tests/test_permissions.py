"""Who may use what: every command and button, for a member, a moderator, another server, a DM.

The rules stand below; whatever the bot offers and no rule speaks of fails these tests.
"""

import pytest

from cogs._pressing import VERBS, marked
from playground import open_playground
from tests.house import until
from tests.paid import ordered, said

EVERYBODY, MODERATORS = "everybody", "moderators"
NOT_ALLOWED = "Only moderators can do this: people who may manage this server."

#: Every command by its full name, and what a run of it is given.
COMMANDS = {
    "video text": (EVERYBODY, {"prompt": "a fox"}),
    "video queue": (EVERYBODY, {}),
    "video image": (EVERYBODY, {}),
    "video audio": (EVERYBODY, {}),
    "video takes": (EVERYBODY, {}),
    "video presets": (EVERYBODY, {}),
    "video usage": (EVERYBODY, {}),
    "video privacy": (EVERYBODY, {}),
    "video models": (EVERYBODY, {}),
    "quota show": (MODERATORS, {}),
    "quota set": (MODERATORS, {"amount": "5"}),
    "quota budget": (MODERATORS, {"amount": "500"}),
    "quota limits": (MODERATORS, {}),
    "quota grant": (MODERATORS, {"person": "mira", "credits": 5}),
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
#: Commands about one clip, whose own tests say who may do what to whose: an id of another
#: server is answered like one that is not there.
ABOUT_A_CLIP = {
    "video show": {"clip": "#{}"},
    "video cancel": {"clip": "#{}"},
    "video compare": {"a": "#{}", "b": "#{}"},
    "video again": {"clip": "#{}"},
    "video extend": {"clip": "#{}"},
    "video retake": {"clip": "#{}"},
    "video hdr": {"clip": "#{}"},
}
#: Menus of a message: nobody can open one on a message of a server they are not in.
MENUS = {"Retake…", "Extend…", "Animate this image", "Use this sound", "Details"}

#: What stands behind a verb that is about something of server one, for another server.
VERB_RULES = {
    "cancel": (EVERYBODY, "{job}"),
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
    # Whose clip it must be, and what a server lets whom do with it, is for the tests of takes.
    **{
        f"take-{name}": (EVERYBODY, "{job}")
        for name in (
            "compare",
            "details",
            "extend",
            "favourite",
            "hdr",
            "hdr-yes",
            "remove",
            "retake",
            "send",
            "variation",
            "variation-yes",
        )
    },
}
#: Verbs whose answer is a form or a list of what is there, whatever they are about.
WITHOUT_IDS = {"export", "forget", "resume", "audit", "retry", "forbid", "allow", "set", "slow"}
WITHOUT_IDS |= {"confirm"}


@pytest.fixture
async def playground():
    """Without Discord's rate limits: each press needs a message of its own."""
    async with open_playground(rate_limits=False) as running:
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
    from simcord.enums import InteractionType

    asked = person._send_command(
        InteractionType.APPLICATION_COMMAND, spec, part, steps, options, None
    )
    await asked.answered
    return asked


def person_leaf(spec, path):
    from playground import commands

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
    for command, options in ABOUT_A_CLIP.items():
        answers = []
        for number in (1, 777):
            filled = {name: value.format(number) for name, value in options.items()}
            asked = await boss.type(f"/{command}", **filled)
            await asked.answered
            answers.append(asked.message.text.replace(str(number), "N"))
        assert answers[0] == answers[1], command


async def test_nobody_finds_another_server_in_what_is_listed(playground, mira, ada, paid_house):
    await ordered(mira)
    other = playground.world.add_guild("Elsewhere", channels=("general",))
    boss = playground.add_person("boss", guild=other.id)
    role = playground.world.create_role(other.id, "Boss", permissions=1 << 5)
    playground.world.add_member_role(other.id, boss.id, role.id)
    boss.go(playground.world.find_channel("general", other.id).id)
    assert (await said(boss, "/studio queue")).text == "Nothing is under way."
    assert "Nothing was ordered." in (await said(boss, "/quota report")).text
    assert "Nothing has been changed" in (await said(boss, "/quota audit")).text
