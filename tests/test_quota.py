"""/quota in the playground: what moderators set holds at once, and everybody is told."""

import json
from datetime import date
from decimal import Decimal

import aiohttp
import pytest
from PIL import Image

from bot.models import Price
from tests.doubles import model
from tests.house import until, working
from tests.test_end_to_end import MINE, Held

PRICED = Price(per_second={"*": Decimal("0.01")}, dated=date(2026, 1, 1), source="the tests")


@pytest.fixture
def held():
    """Six seconds cost six credits."""
    return Held(models=(model(price=PRICED),))


@pytest.fixture
async def house(playground, tmp_path, held):
    async with working(playground, tmp_path, providers={"held": held}) as deployment:
        yield deployment


@pytest.fixture
def mira(playground):
    return playground.person("mira")


@pytest.fixture
def ada(playground):
    return playground.person("ada")


async def said(person, command, /, **options):
    """What the bot answers, to this person alone."""
    asked = await person.type(command, **options)
    await asked.answered
    message = await until(lambda: asked.message if _settled(asked.message) else None)
    assert asked.ephemeral, message.text
    return message


def _settled(message):
    return message is not None and not message.loading


async def ordered(person, **options):
    asked = await person.type("/video text", prompt="a fox", **options)
    await asked.answered
    return asked


async def pressed(person, message, label):
    done = await person.click(message, label)
    await done.answered
    return done


async def bytes_of(attachment):
    async with aiohttp.ClientSession() as web, web.get(attachment.url) as answer:
        return await answer.read()


async def test_a_quota_holds_from_the_moment_it_is_set(ada, mira, held, house):
    done = await said(ada, "/quota set", amount="6", who="mira", reason="trying it")
    assert "6 credits a day" in done.text
    assert not (await ordered(mira)).ephemeral
    refused = await ordered(mira)
    assert refused.ephemeral
    assert "your own limit is 6 a day, and there is nothing left now" in refused.message.text
    assert "<t:" in refused.message.text


async def test_the_best_role_wins_and_the_answer_says_which(playground, ada, mira, house):
    editor = playground.world.create_role(playground.guild.id, "Editors")
    playground.world.add_member_role(playground.guild.id, mira.id, editor.id)
    await said(ada, "/quota set", amount="0")
    await said(ada, "/quota set", amount="6", who=str(editor.id))
    await ordered(mira)
    refused = await ordered(mira)
    assert f"the limit of your role <@&{editor.id}> is 6 a day" in refused.message.text
    shown = await said(ada, "/quota show", person="mira")
    assert f"by the role <@&{editor.id}>" in shown.text


async def test_grants_resets_blocks_and_their_ends_hold_at_once(playground, ada, mira, house):
    await said(ada, "/quota set", amount="6", who="mira")
    await ordered(mira)
    assert (await ordered(mira)).ephemeral

    given = await said(ada, "/quota grant", person="mira", credits=6, days=2)
    assert "has 6 credits more until" in given.text
    assert not (await ordered(mira)).ephemeral

    again = await said(ada, "/quota reset", person="mira", reason="a bad day")
    assert "6 credits no longer count" in again.text
    assert not (await ordered(mira)).ephemeral

    await said(ada, "/quota block", person="mira", reason="spam", days=1)
    refused = await ordered(mira)
    assert "You may not order clips in this server: spam" in refused.message.text
    await said(ada, "/quota unblock", person="mira")
    await said(ada, "/quota set", amount="default", who="mira")
    assert not (await ordered(mira)).ephemeral


async def test_the_audit_has_who_did_what_to_whom_and_why(ada, mira, house):
    for amount in range(14):
        await said(ada, "/quota set", amount=str(amount), who="mira", reason=f"step {amount}")
    page = await said(ada, "/quota audit")
    assert "step 13" in page.text
    assert f"<@{ada.id}> **rule** <@{mira.id}>: amount 12, period day → amount 13" in page.text
    assert "step 1\n" not in page.text + "\n"
    older = await pressed(ada, page, "Older")
    assert "step 0" in older.message.text


async def test_a_report_is_a_chart_a_table_and_two_files(playground, ada, mira, held, house):
    held.finished = True
    await ordered(mira)
    await mira.wait_for(lambda each: MINE in each.text)
    report = await said(ada, "/quota report", period="this month")
    assert "1 clips · 6 credits" in report.text
    assert f"1. <@{mira.id}>: 6 credits" in report.text
    chart, table, data = report.attachments
    picture = await bytes_of(chart)
    (path := playground_file("report.png")).write_bytes(picture)
    with Image.open(path) as image:
        assert image.size[0] == 1000
    assert chart.description.startswith("Credits by day")
    rows = (await bytes_of(table)).decode("utf-8-sig").splitlines()
    assert rows[0] == "day,user_id,provider,model,clips,held,spent,house,lost,suspense"
    assert rows[1].split(",")[1:] == [str(mira.id), "held", "one", "1", "0", "6", "0", "0", "0"]
    [use] = json.loads(await bytes_of(data))["uses"]
    assert use["spent"] == 6


def playground_file(name):
    from pathlib import Path
    from tempfile import gettempdir

    return Path(gettempdir()) / name


async def test_what_cannot_be_an_amount_or_a_date_is_said(ada, house):
    refused = await said(ada, "/quota set", amount="lots")
    assert "is not an amount" in refused.text
    refused = await said(ada, "/quota report", first="yesterday")
    assert "is not a date" in refused.text
    refused = await said(ada, "/quota limits", time_zone="Mars/Olympus")
    assert "There is no time zone" in refused.text
