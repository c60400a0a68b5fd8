"""What works instead of an order that nobody, or not who was asked, makes as it was asked for."""

import math
from collections.abc import Collection, Iterator

from bot.catalog.model import RESOLUTIONS
from bot.errors import Refusal
from bot.orders.quote import CHOOSERS, Asked, Quote, Unmakeable
from bot.orders.quotes import Quotes
from storage import Brief

MOST = 3  #: ways that are offered; each is a button
#: What may give way, alone: the first one first.
_FIELDS = ("resolution", "duration", "fps", "aspect")
#: What two ways differ in, to the person who reads them.
_SEEN = ("resolution", "aspect", "fps", "duration", "camera", "start")

_Maker = tuple[str | None, str | None]


class Ways:
    """Finds the clips that are nearest to what was asked for. Nothing is written for it."""

    def __init__(self, quotes: Quotes) -> None:
        self._quotes = quotes

    def out_of(self, refused: Unmakeable, *, off: Collection[str]) -> list[Quote]:
        """Up to `MOST` clips that can be ordered instead, the most like it first.

        First the same by somebody else; then with one thing changed, by who was asked; then the
        nearest that they make; then the nearest by anybody. *off* are providers that may not.
        """
        asked, found = refused.asked, dict[tuple[object, ...], Quote]()
        for brief, maker in self._tries(refused, asked, off):
            quote = self._priced(asked, brief, maker, off)
            if quote is not None:
                seen = tuple(getattr(quote.brief, name) for name in _SEEN)
                found.setdefault((quote.provider.name, *seen), quote)
            if len(found) == MOST:
                break
        return list(found.values())

    def _tries(
        self, refused: Unmakeable, asked: Asked, off: Collection[str]
    ) -> Iterator[tuple[Brief, _Maker]]:
        """What to price, the best first. What cannot be priced is passed over."""
        own, anybody = (asked.provider, asked.model), (None, None)
        named = asked.provider not in (None, *CHOOSERS) or asked.model is not None
        makers = [own]
        if named:
            yield asked.brief, anybody
            if self._priced(asked, asked.brief, anybody, off) is None:
                makers.append(anybody)
        if asked.brief.plan is not None and asked.brief.plan.place == "part":
            return  # another length would not fill its place
        for maker in makers:
            for name in _FIELDS:
                changed = next(self._changed(asked, name, maker), None)
                if changed is not None:
                    yield changed, maker
            if maker is own and refused.nearest is not None:
                yield refused.nearest, own

    def _changed(self, asked: Asked, name: str, maker: _Maker) -> Iterator[Brief]:
        """What was asked for with another value of *name*, as far as it can be made: the nearest
        value first."""
        wanted = getattr(asked.brief, name)
        if wanted is None:
            return
        try:
            provider, model = self._quotes.spelled(*maker)
            values = self._quotes.values(asked.brief.mode, name, provider=provider, model=model)
        except Refusal:
            return
        for value in sorted(values, key=lambda each: _apart(name, each, wanted)):
            changed = asked.brief.but(**{name: value})
            if value != wanted and self._priced(asked, changed, maker, ()) is not None:
                yield changed

    def _priced(
        self, asked: Asked, brief: Brief, maker: _Maker, off: Collection[str]
    ) -> Quote | None:
        provider, model = maker
        try:
            if not asked.sources:
                return self._quotes.best(
                    brief, provider=provider, model=model, request="ways", without=off
                )
            return self._quotes.least(
                brief,
                *self._quotes.spelled(provider, model),
                without=off,
                given=asked.sources,
                larger_than=asked.larger_than,
            )
        except Refusal:
            return None


def _apart(name: str, value: object, wanted: object) -> tuple[float, float]:
    """How far *value* is from what was wanted; of two, the smaller comes first."""
    if name == "aspect":
        return 0.0, 0.0
    here, there = _figure(name, value), _figure(name, wanted)
    return (abs(math.log2(here / there)) if here and there else math.inf), here


def _figure(name: str, value: object) -> float:
    return float(RESOLUTIONS.get(str(value), 0)) if name == "resolution" else float(str(value))
