"""What a prompt says and what it leaves open, by the advice of LTX's own guide; no model is asked.

The guide asks for one flowing paragraph of four to eight sentences, in the order of time, with
actions, movements, appearances, the camera, the place and sounds. Words are looked for in English;
what is not found may still be said in other words, so this only ever suggests.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

FEWEST, MOST = 4, 8  #: sentences


class Aspect(StrEnum):
    """What a prompt should speak of."""

    ACTION = "action"
    MOVEMENT = "movement"
    APPEARANCE = "appearance"
    CAMERA = "camera"
    SETTING = "setting"
    LIGHT = "light"
    SOUND = "sound"


#: What a gap suggests. Behind the name, in square brackets: a person sees at once what to replace.
GAPS = {
    Aspect.ACTION: "what happens first, and what happens then",
    Aspect.MOVEMENT: "slowly and steadily / all at once",
    Aspect.APPEARANCE: "colors, clothes, materials",
    Aspect.CAMERA: "slow push in / static / follows from behind",
    Aspect.SETTING: "where it is, and what is in the background",
    Aspect.LIGHT: "soft morning sun / neon at night",
    Aspect.SOUND: "footsteps and wind / a quiet song / what somebody says",
}
MORE = "[detail: one more thing to see]"
_GAP = re.compile(rf"\[(?:{'|'.join(Aspect)}|detail): [^\[\]\n]{{1,300}}\][.,;]?", re.IGNORECASE)

#: Words that speak of an aspect. A `~` behind one stands for any ending.
_WORDS = {
    Aspect.ACTION: (
        "walk~ run~ jump~ leap~ cross~ look~ turn~ open~ close~ closing pick~ hold~ carr~ throw~ "
        "catch~ sit sits sitting stand stands standing danc~ sing sings singing speak~ talk~ say "
        "says smil~ laugh~ cry cries crying eat~ drink~ drive~ driving ride~ riding fly flies "
        "flying fall~ rise~ rising climb~ swim~ fight~ chas~ reach~ grab~ push~ pull~ lift~ pour~ "
        "cook~ play~ write~ writing read reads reading wave~ waving nod nods nodding whisper~ "
        "shout~ sleep~ wake~ waking enter~ leave~ leaving arriv~ start~ begin~ break~ burn~ "
        "explod~ melt~ kiss~ hug~ paint~ build~ bounc~ roll rolls rolling sail~ hunt~ watch~ "
        "knock~ step steps stepping kneel~ bow~ work~ bark~ pass passes passing become~ appear~ "
        "disappear~ stare~ staring glanc~ crash~ crawl~ gallop~ race~ racing perform~ grow~"
    ),
    Aspect.MOVEMENT: (
        "slow slowly quick~ gentl~ sudden~ smooth~ graceful~ abrupt~ fast swift~ steadily rapid~ "
        "sway~ trembl~ drift~ glid~ spin~ rippl~ flutter~ toward~ across past upward~ downward~ "
        "forward backward~ shak~ shiver~ swirl~ rotat~ hover~ float~ flow~ tumbl~ sweep~ brisk~ "
        "calmly hastily carefully twirl~ slid~ swing~ speed~ motion movement moves moving rush~ "
        "blow~ bob bobs bobbing flicker~ orbit~ accelerat~"
    ),
    Aspect.APPEARANCE: (
        "red blue green yellow orange purple pink black white gray grey brown golden silver "
        "crimson teal turquoise beige pale colorful wear~ dressed coat~ dress jacket~ suit hat "
        "scarf shirt uniform hair haired beard~ eyes face fur furry feather~ tall short old young "
        "elderly wooden metal~ glass silk leather rust~ shiny worn striped round slender muscular "
        "freckle~ wrinkle~ tiny huge large small fluffy spotted tattoo~ bright-eyed armor velvet "
        "stone chrome polished tattered elegant middle-aged"
    ),
    Aspect.CAMERA: (
        "camera shot close-up closeup pan pans panning tilt~ zoom~ doll~ tracking handheld "
        "hand-held aerial drone crane lens 35mm 50mm 85mm focus angle pov point-of-view framing "
        "frame framed bokeh wide-angle wide macro perspective viewpoint push-in pull-back "
        "over-the-shoulder cinematic overhead bird's-eye viewfinder timelapse time-lapse"
    ),
    Aspect.SETTING: (
        "street forest room kitchen city beach mountain~ field~ sky ocean sea river lake desert "
        "snow~ garden park house office market bar cafe café train station road village rooftop "
        "studio space background foreground indoors outdoors landscape wood woods jungle cave "
        "castle bridge harbor harbour ship valley meadow cliff~ hill~ school hospital church shop "
        "store stage stadium alley courtyard temple island farm barn window sidewalk pavement "
        "library museum restaurant hallway corridor bedroom bathroom workshop garage tunnel "
        "highway coast shore waterfall swamp ruins skyline town planet"
    ),
    Aspect.LIGHT: (
        "light lights lit lighting sunlight sun sunny sunset sunrise dawn dusk golden-hour shadow~ "
        "neon glow~ lamp~ candle~ moon moonlight moonlit backlit backlight dark darkness bright "
        "dim dimly overcast haze hazy ray rays firelight lantern~ contrast silhouett~ noon night "
        "nighttime evening morning twilight daylight sunbeam~ fluorescent spotlight~ foggy misty "
        "starlight luminous illuminat~ blue-hour"
    ),
    Aspect.SOUND: (
        "sound~ music voice~ says whisper~ hum hums humming echo~ footstep~ howl~ silen~ quiet "
        "noise~ song melody patter~ crackl~ rumbl~ roar~ bell~ dialogue speaks sings sing singing "
        "bark~ thunder~ applause audio chirp~ murmur~ buzz~ rustl~ piano guitar violin drum~ "
        "orchestra siren~ laughter shouts shouting hiss~ click clicks clicking splash~ narrator "
        "chatter hear heard loud loudly"
    ),
}


def _pattern(words: str) -> re.Pattern[str]:
    parts = (re.escape(each).replace(r"\~", "~").replace("~", r"[\w']*") for each in words.split())
    return re.compile(rf"(?<![\w'-])(?:{'|'.join(parts)})(?![\w-])", re.IGNORECASE)


_PATTERNS = {aspect: _pattern(words) for aspect, words in _WORDS.items()}
#: What somebody says is in quotation marks.
_QUOTED = re.compile(r"“[^”]{2,}”|\"[^\"]{2,}\"")
#: Something else than a place, a sound or a light, though it has a word of one.
_IDIOMS = re.compile(
    r"(?i)\b(?:light(?=[- ](?:blue|green|brown|gray|grey|pink))|wide(?=[- ]eyed)|in the dark about)"
)
_END = re.compile(r"[.!?…。！？]+[\"”')\]]*(?=\s|$)|[。！？]")  # of other scripts, too
_LETTERS = re.compile(r"\w")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a prompt has."""

    sentences: int
    paragraphs: int
    there: tuple[Aspect, ...]
    missing: tuple[Aspect, ...]

    @property
    def well(self) -> bool:
        """Whether nothing is left to suggest."""
        return not self.missing and self.paragraphs <= 1 and FEWEST <= self.sentences <= MOST


def check(prompt: str) -> Checked:
    """Look which aspects *prompt* speaks of, and how it is written. Gaps do not count as said."""
    text = without_gaps(prompt)
    looked_at = _IDIOMS.sub(" ", text)
    found = {aspect for aspect, pattern in _PATTERNS.items() if pattern.search(looked_at)}
    if _QUOTED.search(text):
        found.add(Aspect.SOUND)
    return Checked(
        sentences=len(_sentences(text)),
        paragraphs=sum(bool(each.strip()) for each in text.splitlines()),
        there=tuple(each for each in Aspect if each in found),
        missing=tuple(each for each in Aspect if each not in found),
    )


def proposal(prompt: str) -> str:
    """*prompt* as one paragraph, with a marked gap for each thing that it leaves open.

    Nothing of what was written is changed but line breaks and a missing period. It is the same each
    time; what has no gap to fill comes back as it is.
    """
    text = " ".join(without_gaps(prompt).split())
    checked = check(text)
    gaps = [f"[{each}: {GAPS[each]}]" for each in checked.missing]
    while checked.sentences + len(gaps) < FEWEST:
        gaps.append(MORE)
    if text and not _END.search(text[-3:]) and gaps:
        text += "."
    room = max(1, MOST - checked.sentences)
    return " ".join([text, *_grouped(gaps, room)]).strip()


def _grouped(gaps: list[str], room: int) -> list[str]:
    """*gaps* as at most *room* sentences, or nearly: what is left over shares the last one."""
    if len(gaps) <= room:
        return [f"{each}." for each in gaps]
    alone, together = gaps[: room - 1], gaps[room - 1 :]
    return [*(f"{each}." for each in alone), f"{', '.join(together)}."]


def gaps(text: str) -> list[str]:
    """The gaps that are still in *text*, as they stand there."""
    return [each[0].rstrip(".,;") for each in _GAP.finditer(text)]


def without_gaps(text: str) -> str:
    """*text* with its gaps taken out."""
    return re.sub(r"[^\S\n]{2,}", " ", _GAP.sub("", text)).strip()


def advice(checked: Checked) -> list[str]:
    """What could be better, in sentences; nothing where all is well."""
    said = []
    if checked.missing:
        said.append(f"It doesn't say anything about {_listed(checked.missing)}.")
    if checked.sentences < FEWEST:
        has = {0: "has no sentence yet", 1: "has 1 sentence"}.get(
            checked.sentences, f"has {checked.sentences} sentences"
        )
        said.append(f"It {has}. {FEWEST} to {MOST} work best.")
    elif checked.sentences > MOST:
        said.append(
            f"It has {checked.sentences} sentences. {FEWEST} to {MOST} work best, so shorten it."
        )
    if checked.paragraphs > 1:
        said.append("Write it as one flowing paragraph, without line breaks.")
    return said


def _listed(words: Iterable[str]) -> str:
    items = list(words)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} or {items[-1]}"


def _sentences(text: str) -> list[str]:
    return [each for each in _END.split(text) if _LETTERS.search(each)]


def cut(text: str, limit: int) -> str:
    """*text* in at most *limit* characters, ended behind a whole sentence where there is one."""
    if len(text) <= limit:
        return text
    ends = [each.end() for each in _END.finditer(text) if each.end() <= limit]
    return text[: ends[-1]].strip() if ends else text[:limit].rstrip()
