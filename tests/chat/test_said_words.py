"""What limits, grants and the audit say reads as a sentence, whatever the figures and keys are."""

import logging
import zipfile
from types import SimpleNamespace

import discord
import pytest

from bot.chat.explain import explain
from bot.media.hdr_preview import MOST_BYTES, MOST_FRAMES, preview
from bot.media.probe import MediaError
from bot.moderation import audit_words, tables
from bot.words.limits import said
from storage import By, Change, Limit, Period, Refused, Server, Whose, open_store


@pytest.mark.parametrize(
    ("refused", "sentence"),
    [
        (
            Refused(limit=Limit.PACE, whose=Whose.MEMBER, amount=1e6),
            (
                "You're ordering too fast: the limit is 1,000,000 clips a minute. "
                "Try again in a minute."
            ),
        ),
        (
            Refused(limit=Limit.BLOCKED, whose=Whose.MEMBER, why="spam", frees_at=1795844716.5),
            "A moderator blocked you from ordering clips until <t:1795844716:D>. Reason: spam.",
        ),
        (
            Refused(limit=Limit.BLOCKED, whose=Whose.MEMBER, why="Too many! "),
            "A moderator blocked you from ordering clips. Reason: Too many\\!",
        ),
        (
            Refused(limit=Limit.PAUSED, whose=Whose.SERVER, why="**see** [us](https://x.y)"),
            r"A moderator paused orders in this server. Reason: \*\*see\*\* \[us\]\(https\://x\.y\).",
        ),
        (
            Refused(limit=Limit.PAUSED, whose=Whose.SERVER, why=""),
            "A moderator paused orders in this server.",
        ),
    ],
)
def test_a_limit_says_so_in_sentences(refused, sentence):
    assert said(refused, 6) == sentence


NEVER = {"frees_at": None}


@pytest.mark.parametrize(
    ("limit", "more", "sentence"),
    [
        (
            Limit.QUOTA,
            {},
            "you've used your 50 for today. They reset <t:1000:R>.",
        ),
        (
            Limit.QUOTA,
            {"would_fit": 10, "period": Period.WEEK},
            "you have 10 of your 50 left for this week. They reset <t:1000:R>.",
        ),
        (
            Limit.QUOTA,
            NEVER,
            "your limit is 50 a day. A moderator can raise it.",
        ),
        (
            Limit.BUDGET,
            {"amount": 5000.0, "period": Period.MONTH},
            "this server has used its 5,000 for this month. They reset <t:1000:R>.",
        ),
        (
            Limit.BUDGET,
            {**NEVER, "amount": 12.0},
            "this server's budget is 12 a day. A moderator can raise it.",
        ),
        (
            Limit.ALL,
            {"would_fit": 3},
            "this bot only has 3 left for today, across all its servers. They reset <t:1000:R>.",
        ),
        (
            Limit.ALL,
            NEVER,
            "this bot can't spend that much a day. Only its operator can raise the limit.",
        ),
    ],
)
def test_a_limit_of_credits_says_what_is_left_and_when_it_resets(limit, more, sentence):
    usual = {"amount": 50.0, "period": Period.DAY, "frees_at": 1000.0}
    refused = Refused(limit=limit, whose=Whose.MEMBER, **{**usual, **more})
    assert said(refused, 24) == f"Not enough credits: this clip costs 24, and {sentence}"


async def test_a_grant_that_is_over_has_nothing_left_and_says_how_it_ended(tmp_path):
    now = [1_000_000.0]
    async with open_store(tmp_path, wall=lambda: now[0], ticks=lambda: now[0]) as store:
        by, grants = By(guild_id=10, actor_id=1), store.moderation
        await grants.grant(by, 30, 5, lasts=100.0)
        withdrawn = await grants.grant(by, 30, 6, lasts=None)
        await grants.grant(by, 30, 7, lasts=None)
        now[0] += 50
        await grants.withdraw(by, 30, withdrawn.id)
        now[0] += 100
        found = await grants.grants(10, user_id=30)
        assert [(each.left, each.ended, each.withdrawn) for each in found] == [
            (7, False, False),
            (0, True, True),
            (0, True, False),
        ]
        assert await grants.withdraw(by, 30, withdrawn.id) == []
        assert (await store.check(thorough=True)) == []
    said = [tables._end_of(each) for each in found]
    assert said == [
        "7 credits left",
        "withdrawn <t:1000050:R>, 0 credits left",
        "ended <t:1000100:R>, 0 credits left",
    ]


def change(what, before=None, after=None, **more):
    values = {"seq": 1, "actor_id": 1, "user_id": None, "role_id": None, "why": "", "at": 9.0}
    return Change(**{**values, "what": what, "before": before, "after": after, **more})


@pytest.mark.parametrize("name", Server.__dataclass_fields__)
def test_every_setting_of_a_server_has_a_name_in_the_audit(name):
    if name != "unlimited":
        assert name in audit_words._SETTINGS
        assert "_" not in audit_words._SETTINGS[name][0]


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (
            change("rule", {"amount": None, "period": "day"}, {"amount": 1, "period": "week"}),
            "**set a quota**: no limit → 1 credit a week",
        ),
        (
            change("lane", {"job": 5, "lane": "fair"}, {"job": 5, "lane": "front"}),
            "**changed the order of the queue**: clip #5, in the lane fair → in the lane front",
        ),
        (
            change("server", {"slow_lane": 0, "per_minute": 1.5}, {"slow_lane": 1}),
            "**changed settings**: free slow lane off, orders a minute: 1.5 → free slow lane on",
        ),
        (
            change("server", None, {"providers_off": '["ltx", "apixo"]', "channels": "[7]"}),
            "**changed settings**: providers turned off: ltx, apixo, channels for orders: <#7>",
        ),
        (
            change("prompt rule", None, {"kind": "word", "text": "**fox**"}),
            r"**changed the prompt rules**: word “\*\*fox\*\*”",
        ),
        (change("block", user_id=3, why="a\n# b"), r"**blocked** <@3> — a \# b"),
    ],
)
def test_the_audit_speaks_in_words(made, line):
    assert audit_words.audit([made]) == f"### Who changed what\n<t:9:f> <@1> {line}"


def test_a_line_of_the_audit_is_never_cut_within_a_mention():
    made = change("server", None, {"channels": str(list(range(10**17, 10**17 + 40)))})
    line = audit_words.audit([made]).split("\n")[1]
    assert len(line) <= audit_words.LINE
    assert line.endswith((">,…", ">…"))


def test_an_interaction_that_expired_is_no_bug_of_ours(caplog):
    caplog.set_level(logging.INFO)
    answer = SimpleNamespace(status=404, reason="Not Found")
    gone = discord.NotFound(answer, {"code": 10062, "message": "Unknown interaction"})
    assert explain(gone) == "That took too long for Discord. Try again."
    ours = [each for each in caplog.records if each.name.startswith("bot.")]
    assert [each.levelno for each in ours] == [logging.INFO]


# Archives of frames.


def packed(path, names, content=b"frame"):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return path


async def test_an_archive_is_unpacked_within_limits(tmp_path):
    to = tmp_path / "takes" / "1.mp4"
    to.parent.mkdir()
    many = packed(tmp_path / "many.zip", [f"{each:05}.exr" for each in range(MOST_FRAMES + 1)])
    with pytest.raises(MediaError, match=r"2,001 frames. The limit is 2,000 frames"):
        await preview(many, to, fps=24)
    with pytest.raises(MediaError, match="no frames"):
        await preview(packed(tmp_path / "none.zip", ["a.txt"]), to, fps=24)
    huge = packed(tmp_path / "huge.zip", ["0.exr"], bytes(MOST_BYTES + 1))
    with pytest.raises(MediaError, match="larger than 256 MB"):
        await preview(huge, to, fps=24)
    paths = packed(tmp_path / "paths.zip", ["../../out.exr", "/etc/out.exr", "a/../../b.exr"])
    with pytest.raises(MediaError, match="can't be shown"):  # none of them is a picture
        await preview(paths, to, fps=24)
    there = sorted(str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*"))
    assert there == ["huge.zip", "many.zip", "none.zip", "paths.zip", "takes"]


async def test_an_archive_is_not_unpacked_where_there_is_no_room(tmp_path):
    frames = packed(tmp_path / "frames.zip", ["0.exr"])
    with pytest.raises(MediaError, match="no room for the frames"):
        await preview(frames, tmp_path / "1.mp4", fps=24, free=lambda _: 2**20)
