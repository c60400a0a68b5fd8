"""Texts that try to ping, to forge, to break a layout or to reach a limit."""

from hypothesis import strategies as st

HOSTILE = (
    "@everyone look",
    "@here <@&1000> <@2000> <@!2000> <#3000> </video text:1>",
    "everyone: @\u200beveryone @everyo\u0301ne ＠everyone",
    "```\n@everyone\n``` `` ` ||spoiler|| **bold** __under__ ~~gone~~",
    "[click](https://evil.example) <https://evil.example> https://evil.example/@everyone",
    "[x](javascript:alert(1)) discord.gg/abc https://discord.gg/abc",
    "# big\n## less\n-# small\n> said\n>>> all of it\n- one\n1. two",
    "\u202egnp.exe \u2066inside\u2069 \u200b\u200c\u200d\ufeff zero",
    "a\u0301" + "\u0301" * 500 + " z" + "\u0489" * 300,
    "<t:0:R> <:a:1> <a:b:2> <id:customize> <sound:1:2>",
    "Done · #1\n**#1** is ready <@1> · take 1 · ✅ card",
    "' OR 1=1-- \\' \" ; DROP TABLE job; %s {0} {title} {detail} $& \\1",
    '=HYPERLINK("https://evil.example") +1 -1 @SUM(A1)',
    "𝕬 👨‍👩‍👧‍👦 🏳️‍🌈 👩🏽‍🚀 ﷽ " + "👨‍👩‍👧‍👦" * 60,
    "x" * 1900 + " @everyone",
    "\n".join(["@everyone"] * 100),
)

_PIECES = st.sampled_from(
    [
        *("@everyone", "@here", "<@1>", "<@!1>", "<@&1>", "<#1>", "```", "`", "||", "**", "__"),
        *("~~", "](https://x.example)", "[", "https://x.example", "\n", "\r", "\t", "> ", ">>> "),
        *(
            "# ",
            "-# ",
            "\\",
            "<t:1:R>",
            "<:a:1>",
            "\u202e",
            "\u200b",
            "\u0301" * 50,
            "👨‍👩‍👧‍👦",
            "ﷺ",
        ),
        *("x" * 500, "é", "{title}", "%s", "**#1** is ready", "\u2028", "\u2066", "discord.gg/x"),
    ]
)
#: What people, providers and servers may have written anywhere.
texts = st.lists(_PIECES | st.text(max_size=20), max_size=40).map("".join)
