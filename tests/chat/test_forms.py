"""Every form of the code is answered after a restart: by its own name, and by nothing else."""

import ast
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bot.errors import Failure, Refusal, Unclear
from cogs._forms import FORMS, UNKNOWN
from playground import File
from storage import State
from tests.rig.every import for_every
from tests.rig.house import until, working
from tests.rig.makers import PLAIN, Maker
from tests.rig.paid import ordered, paid_provider, said, turned
from tests.rig.proving import one_in
from tests.rig.taking import answered, clip_of, done, first_clip

ROOT = Path(__file__).parent.parent.parent
PLACES = sorted(
    str(path.relative_to(ROOT))
    for layer in ("bot", "cogs")
    for path in ROOT.glob(f"{layer}/**/*.py")
)
WORDS = (UNKNOWN, "broke on our side")
#: Names and subjects that no form has, as a changed client may send them.
FORGED = (
    *("form:retry:x", "form:retry:", "form:retry:9:9:9", "form:nothing:1", "form:forbid:café"),
    *("form:budget:1", "form", "0123456789abcdef0123456789abcdef"),
)


def made_by(tree):
    """The forms of discord.py's own that a module makes, and its classes of them."""
    named = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            named += node.bases
        elif isinstance(node, ast.Call):
            named.append(node.func)
    return [name for each in named if (name := ast.unparse(each)).endswith("Modal")]


@for_every(PLACES)
def test_no_form_is_made_that_only_the_memory_of_a_process_knows(place):
    """What `_forms.form` makes has a registered name: it asserts so."""
    made = made_by(ast.parse((ROOT / place).read_text()))
    assert made == (["ui.Modal"] if place == "cogs/_forms.py" else [])


@pytest.fixture
async def stage(playground, tmp_path, mira, ada, media):
    """A clip, a parked job, a picture, a sound; each form is opened, then the bot is gone."""
    here = frozenset({urlsplit(playground.api_url).netloc})
    plain, held = Maker("plain", PLAIN), paid_provider()
    providers = {"plain": plain, "held": held}
    async with working(
        playground, tmp_path, providers=providers, loopback=here, dailies_jobs_per_user=20
    ) as house:
        clip = await first_clip(mira, provider="plain")
        held.submits.append(Unclear("its reply was lost"))
        await ordered(mira, provider="held")
        await mira.wait_for("is on hold")
        held.submits.append(Refusal("It would not.", failure=Failure.CONTENT, final=True))
        await ordered(mira, provider="held")
        ended = await mira.wait_for("**#3** failed")
        picture = await mira.say("look", files=[File("a.png", media.picture.read_bytes())])
        sound = await mira.say("listen", files=[File("a.m4a", media.sound.read_bytes())])
        panel = await turned(ada, await said(ada, "/studio setup"), "Money")
        helps = await said(mira, "/help")
        rules = await said(ada, "/studio rules")
        trouble = await said(ada, "/studio unclear")
        helped = await answered(await mira.type("/video enhance", prompt="a red fox"))
        write = mira.click(helped.message, "Edit and make it…")
        #: By the name of each form: who opens it how, and what is filled in.
        openers = {
            "retake": (mira, mira.click(clip, "Retake…"), {"prompt": "at night"}),
            "extend": (mira, mira.click(clip, "Extend…"), {"seconds": "1"}),
            "new": (mira, mira.type("/video new"), {"prompt": "a fox at dawn"}),
            "animate": (mira, mira.menu(picture, "Animate this image"), {"prompt": "waves"}),
            "sound": (mira, mira.menu(sound, "Use this sound"), {"prompt": "a drummer"}),
            "text": (mira, mira.click(helps, "do:example"), {"prompt": "an owl"}),
            "write": (mira, write, {"prompt": "a sea"}),
            "confirm": (ada, ada.click(panel, "Ask above a price…"), {"credits": "70"}),
            "budget": (ada, ada.click(panel, "Budget…"), {"amount": "1234"}),
            "zone": (ada, ada.click(panel, "Time zone…"), {"zone": "Asia/Kathmandu"}),
            "forbid": (ada, ada.click(rules, "Add a word"), {"text": "fox hunt"}),
            "retry": (ada, ada.click(trouble, "Retry (could pay twice)"), {"why": "not listed"}),
            "try-edited": (mira, mira.click(ended, "Edit and try…"), {"prompt": "a pond"}),
        }
        opened = {
            name: (person, await answered(await opening), fields)
            for name, (person, opening, fields) in openers.items()
        }
        assert opened.keys() == FORMS.keys(), "a form that this test does not know how to open"
        await done(house, 1)
    async with working(
        playground, tmp_path, providers=providers, loopback=here, dailies_jobs_per_user=20
    ) as house:
        yield house, opened, plain


@pytest.mark.long
async def test_each_form_that_was_opened_before_a_restart_does_what_it_says(
    playground, mira, stage
):
    house, opened, plain = stage
    for name, (person, form, fields) in opened.items():
        assert form.state == "modal", name
        sent = await answered(await person.fill(form, **fields))
        text = sent.message.text if sent.message is not None else ""
        assert not any(words in text for words in WORDS), (name, text)
    await clip_of(mira, 4)
    server = await house.store.policy.server(playground.guild.id)
    assert (server.confirm_above, server.zone) == (70, "Asia/Kathmandu")
    standing = await house.store.policy.standing(
        guild_id=playground.guild.id, user_id=mira.id, roles=()
    )
    assert standing.budget.amount == 1234
    [rule] = await house.store.servers.prompt_rules(playground.guild.id)
    assert (rule.kind, rule.text) == ("word", "fox hunt")

    async def tried_again():
        return (await house.store.jobs.get(2)).state not in {State.UNCLEAR, State.QUEUED}

    await until(tried_again)
    await until(
        lambda: (
            {"at night", "waves", "an owl", "a sea", "a fox at dawn"}
            <= {order.prompt for order in plain.orders}
        )
    )


@pytest.mark.long
async def test_a_form_for_moderators_is_refused_to_who_is_none_any_more(playground, ada, stage):
    house, opened, _ = stage
    for role in list(playground.world.get_member(playground.guild.id, ada.id).role_ids):
        playground.world.remove_member_role(playground.guild.id, ada.id, role)
    for name, (person, form, fields) in opened.items():
        if FORMS[name].moderators:
            sent = await answered(await person.fill(form, **fields))
            assert "Only moderators" in sent.message.text, name
    server = await house.store.policy.server(playground.guild.id)
    assert server.confirm_above is None


@pytest.mark.parametrize("forged", one_in(3, FORGED))
async def test_a_form_that_nobody_knows_is_answered_in_a_sentence(
    playground, mira, house, forged, caplog
):
    clip = await first_clip(mira)
    opened = await answered(await mira.click(clip, "Extend…"))
    playground.world.interactions[opened.id].modal["custom_id"] = forged
    sent = await answered(await mira.fill(opened))
    assert sent.ephemeral
    assert sent.message.text == UNKNOWN
    assert "ERROR" not in caplog.text
