"""What `--say` prints is what a person sees: words, and nothing of Discord's markup."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import discord
import pytest
from discord import ui

from playground import open_playground
from playground.people.plain import Names, from_now, moment, plain
from playground.people.say import names_in
from playground.people.shown import shown
from tests.rig.pagebot import PageBot
from tests.rig.stage import png
from tests.rig.toybot import connected

NOW = 1_800_000_000
HOUR = 3600

NAMES = Names(
    user={1: "Mira"}.get, role={2: "@everyone"}.get, channel={3: "videos"}.get, now=lambda: NOW
)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("**bold** *it* _it_ __under__ ~~gone~~ ***both***", "bold it it under gone both"),
        ("**#12** costs **12** credits", "#12 costs 12 credits"),
        ("<@1> and <@!1> and <@&2> in <#3>", "@Mira and @Mira and @everyone in #videos"),
        ("try </video text:99>", "try /video text"),
        ("<:fox:123> and <a:run_fast:5> and 🦊", ":fox: and :run_fast: and 🦊"),
        (f"resets <t:{NOW + 20 * HOUR + 5}:R>", "resets in 20 hours"),
        ("||a secret|| here", "[spoiler: a secret] here"),
        ("[the rules](https://example.com/a_b)", "the rules (https://example.com/a_b)"),
        ("[**bold** <@1>](<https://example.com>)", "bold @Mira (https://example.com)"),
        ("<https://example.com/a_b_c>", "https://example.com/a_b_c"),
        ("**https://example.com/a_b_c**", "https://example.com/a_b_c"),
        ("see https://example.com/*x*, then", "see https://example.com/*x*, then"),
        ("# Large\n## Less\n### Small\n-# under", "Large\nLess\nSmall\nunder"),
        ("> quoted **words**\n>>> all", "quoted words\nall"),
        ("- one\n  - two\n* three\n1. first", "• one\n  • two\n• three\n1. first"),
        ("`a *b* <@1>` and ``c`d``", "a *b* <@1> and c`d"),
        ("```py\nprint('**x**')\n```", "print('**x**')"),
        (r"\*not italic\* and \<@1>", "*not italic* and <@1>"),
        ("2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name"),
        ("#3 of 4, -5 and a - b", "#3 of 4, -5 and a - b"),
        ("**open and *never closed", "**open and *never closed"),
        ("", ""),
    ],
)
def test_markdown_is_read_and_not_printed(written, read):
    assert plain(written, NAMES) == read


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "now"),
        (59, "in 59 seconds"),
        (-1, "1 second ago"),
        (90, "in 1 minute"),
        (-2 * HOUR, "2 hours ago"),
        (24 * HOUR, "tomorrow"),
        (-47 * HOUR, "yesterday"),
        (3 * 24 * HOUR, "in 3 days"),
        (40 * 24 * HOUR, "next month"),
        (-800 * 24 * HOUR, "2 years ago"),
    ],
)
def test_a_distance_is_said_as_the_page_says_it(seconds, words):
    assert from_now(NOW + seconds, NOW) == words


def test_moments_are_said_in_the_zone_of_this_machine():
    script = (
        "from playground.people.plain import moment\n"
        "print('|'.join(moment(1800000000, each, 0) for each in 'tTdDfF'))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip().split("|") == [
        "5:00 PM",
        "5:00:00 PM",
        "1/15/2027",
        "January 15, 2027",
        "January 15, 2027 at 5:00 PM",
        "Friday, January 15, 2027 at 5:00 PM",
    ]
    assert moment(10**12 * 9, "f", NOW) == "an impossible time"


def test_ten_thousand_marks_take_no_time():
    began = time.process_time()
    for mark in ("*", "_", "**", "~~", "||", "`", "[", "[a](", "<@", "<t:", "*a **b __c "):
        plain(mark * 1000, NAMES)
    assert time.process_time() - began < 30, "seconds; a pattern that backtracks takes hours"


class Bar(ui.View):
    def __init__(self):
        super().__init__(timeout=None)
        link = ui.Button(label="Open", url="https://example.com/x")
        off = ui.Button(label="Later", custom_id="later", disabled=True)
        for each in (ui.Button(label="Retake…", emoji="🔁", custom_id="retake"), off, link):
            self.add_item(each)
        self.add_item(
            ui.Select(
                custom_id="look",
                placeholder="Choose a look",
                options=[discord.SelectOption(label="Noir")],
            )
        )


async def test_a_message_is_shown_with_its_embed_its_files_and_its_controls():
    async with open_playground() as playground:
        bot = PageBot(clip=b"clip", picture=png(4, 4))
        async with connected(playground, bot):
            channel = bot.get_channel(playground.channel("videos").id)
            embed = discord.Embed(title="**Queued**", description=f"> a <t:{NOW}:R> fox")
            embed.add_field(name="Model", value="`ltx-2-fast`")
            embed.set_footer(text="From Mira")
            files = [
                discord.File(__file__, "clip.mp4"),
                discord.File(__file__, "x.png", spoiler=True),
            ]
            sent = await channel.send("**Take 1**", embed=embed, files=files, view=Bar())
            raw = playground.person("mira").message(sent.id).raw
            names = replace(names_in(playground), now=lambda: NOW + HOUR)
            lines = shown(raw, names)
    assert lines == [
        "Take 1",
        "[clip.mp4]",
        "[spoiler: x.png]",
        "Queued",
        "a 1 hour ago fox",
        "Model: ltx-2-fast",
        "From Mira",
        "[🔁 Retake…] [Later, off] [Open] (https://example.com/x)",
        "[Choose a look ▾]",
    ]


async def test_a_message_of_components_is_shown_top_to_bottom():
    async with open_playground() as playground:
        bot = PageBot(clip=b"clip", picture=png(4, 4))
        async with connected(playground, bot):
            mira = playground.person("mira")
            await (await mira.type("/video panel")).answered
            message = await mira.wait_for("Approved by nobody")
            names = names_in(playground)
            lines = shown(message.raw, names)
            queue = await (await mira.type("/video queue")).answered
            private = shown(queue.message.raw, names)
            boards = playground.channel("storyboards").id
            said = f"<@{mira.id}> <#{boards}> <#1> <@1> <@&1> <@&{playground.guild.id}>"
            named = plain(said, names)
    assert lines == [
        "Take 1 · a red fox",
        "6 s · 1280×720 · seed 42",
        "12 credits, from Mira [frame.png: The first frame]",
        "[clip.mp4: A test card moves]",
        "Approved by nobody yet. [Approve]",
        "[notes.txt]",
        "[Choose a look ▾]",
        "[Up to two models ▾]",
        "[Choose a person ▾]",
    ]
    assert private == ["Nothing waits.", "(only you can see this)"]
    assert named == "@Mira #storyboards #no-access @someone @unknown role @everyone"
