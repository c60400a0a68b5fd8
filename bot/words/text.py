"""What other people wrote: made readable, shown as it was written, cut where nothing breaks."""

import re
import unicodedata

#: Kept of what nobody sees: joiners and variation selectors, which scripts and emoji need.
_JOINERS = frozenset("\u200c\u200d")
#: Arabic, Syriac and Kaithi signs that Unicode counts as formatting, and that are seen.
_SIGNS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
#: Letters and marks that show nothing.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2065")
_MARKS_IN_A_ROW = 4  #: no script needs more combining marks on one letter than Thai and Hebrew do


def clean(text: str) -> str:
    """*text* without what can only do harm: control characters, invisible ones and those that
    turn the direction of writing, lone surrogates, towers of marks, and blank edges.

    Line breaks stay. A text of only invisible characters is an empty one.
    """
    if text.isascii() and text.isprintable():  # nearly every text, and nothing can be wrong with it
        return text.strip()
    text = re.sub("\r\n|[\r\u2028\u2029]", "\n", text)
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text):
        if _is_selector(character) or character in _JOINERS:
            # Behind what is seen, and one at a time: a row of them holds a hidden text.
            before = kept[-1] if kept else " "
            joins = character in _JOINERS and _is_selector(before)
            if joins or not _is_invisible(before):
                kept.append(character)
            continue
        if _is_dropped(character):
            continue
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MARKS_IN_A_ROW:
            kept.append(character)
    whole = "".join(kept).strip()
    return whole if any(not _is_invisible(each) for each in whole) else ""


def one_line(text: str) -> str:
    """*text*, cleaned, on one line."""
    return " ".join(clean(text).split())


def _is_selector(character: str) -> bool:
    return (
        "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
        or character in "\u180b\u180c\u180d\u180f"
    )


def _is_dropped(character: str) -> bool:
    if character in "\n\t" or character in _SIGNS:
        return False
    kind = unicodedata.category(character)
    return kind in {"Cc", "Cs", "Co", "Cn", "Cf"} or character in _BLANK


def _is_invisible(character: str) -> bool:
    return (
        character in _JOINERS
        or character == "\u2800"
        or _is_selector(character)
        or character.isspace()
        or unicodedata.category(character) in {"Cf", "Cc"}
    )


# In messages.

_MARKDOWN = re.compile(r"([\\`*_~|<>\[\]()#+\-:.!])")


def inert(text: str) -> str:
    """*text* as it was written: no markdown, no mention, no ping, no link, nothing hidden."""
    # Also of what was kept before `clean` knew all of it.
    text = "".join(each for each in text if not _is_dropped(each))
    # A zero-width space behind an @ keeps it from being a mention even where one is allowed.
    return _MARKDOWN.sub(r"\\\1", text).replace("@", "@\u200b")


def typed(text: str, limit: int = 40) -> str:
    """What somebody typed, to be named in a sentence: “a \\*fox\\*”."""
    return f"“{inert(elide(one_line(text), limit))}”"


def number(value: float) -> str:
    """*value* as people write it: '1,000,000', '0.5'; never '1e+06'."""
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.6f}".rstrip("0").rstrip(".")


# Cutting.

#: What is whole or worthless: links, mentions, emoji of a server, moments, code, escapes.
_WHOLE = re.compile(
    r"""
      \[(?:\\.|[^\[\]\\\n])*\]\([^()\s]*\)
    | __\[(?:\\.|[^\[\]\\\n])*\]\([^()\s]*\)__
    | <(?:@[!&]?|\#|t:|a?:\w{1,32}:|/[^<>\n]{1,100}:)[-\w:]*>
    | <?https?://[^\s<>*\[]+>?
    | \*\*(?:\\.|[^*\n\\])+\*\*
    | ```.+?```
    | `[^`\n]+`
    | \\.
    """,
    re.VERBOSE | re.DOTALL,
)


def elide(text: str, limit: int) -> str:
    """*text* in at most *limit* characters, with an ellipsis where it was cut.

    No link, mention, moment, emoji, letter with its marks, bold or code is cut in the middle.
    """
    if len(text) <= limit:
        return text
    end, room = 0, limit - 1
    while end < len(text):
        whole = _WHOLE.match(text, end)
        behind = whole.end() if whole is not None else _letter(text, end)
        if behind > room:
            # Longer than everything: words in bold or in code can be cut, a link cannot.
            if end == 0 and whole is not None and text[0] in "*`":
                return elide(text.replace("*", "").replace("`", ""), limit)
            break
        end = behind
    return f"{text[:end].rstrip()}…" if limit > 0 else ""


def _letter(text: str, at: int) -> int:
    """Where what is seen as one character from *at* on ends: a letter and its marks, a flag, a
    family."""
    end = at + 1
    if _is_regional(text[at]) and end < len(text) and _is_regional(text[end]):
        return end + 1
    while end < len(text):
        if text[end] == "\u200d" and end + 1 < len(text):
            end += 2
        elif _belongs(text[end]):
            end += 1
        else:
            break
    return end


def _belongs(character: str) -> bool:
    """Whether a character is drawn on the one before it."""
    return (
        unicodedata.category(character) in {"Mn", "Mc", "Me"}
        or _is_selector(character)
        or character == "\u200c"
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def whole_lines(text: str, limit: int) -> str:
    """As many whole lines of *text* as fit into *limit* characters."""
    if len(text) <= limit:
        return text
    end = text.rfind("\n", 0, limit)
    return text[:end] if end > 0 else elide(text, limit)


# Layouts.

#: Bytes of all text of one message in parts. Discord answers 500 to more than about 10,100, which
#: 4000 Japanese characters are (discord-api-docs #8554).
BYTES = 9_900


def fits(text: str, limit: int) -> bool:
    """Whether Discord takes *text* in parts, in at most *limit* characters."""
    return len(text) <= limit and len(text.encode()) <= BYTES * min(1.0, limit / 3900)


def shown(text: str, limit: int = 4000) -> str:
    """*text*, cut so that it `fits`."""
    most = limit
    while not fits(text, limit):
        text = elide(text, most)
        most -= max(1, most // 10)
    return text
