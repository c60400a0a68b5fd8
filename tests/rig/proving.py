"""How often a proof is repeated: a little in the ordinary run, in full in `make prove`.

`DAILIES_PROVE=1` is the one switch; `DAILIES_SEED` is what a proof with dice begins from, and
`DAILIES_PROVE_SHARE` is how much of the full counts is done.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest

#: What of the environment is the tests' own, and no setting of Dailies'.
SWITCHES = (
    *("DAILIES_PROVE", "DAILIES_PROVE_SHARE", "DAILIES_PROVE_WORKERS"),
    *("DAILIES_SEED", "DAILIES_FIRE", "DAILIES_PROVE_ONLY"),
)
PROVING = os.environ.get("DAILIES_PROVE") == "1"
#: `make fire`: hours of what `make prove` does minutes of.
FIRE = os.environ.get("DAILIES_FIRE") == "1"
SHARE = float(os.environ.get("DAILIES_PROVE_SHARE") or "1")
SEED = int(os.environ.get("DAILIES_SEED", "5"))

#: The name under which a test's report holds what was tried.
PROPERTY = "tried"
#: The name under which it says that `make test` leaves it out, and no count of it is larger.
LEFT_OUT = "long"


def scaled(usual: int, proof: int, fire: int | None = None) -> int:
    """How often something is done: *usual* in `make test`, *proof* in `make prove`, and in `make
    fire` as often as there, or *fire* times."""
    full = fire if FIRE and fire is not None else proof
    return max(usual, round(full * SHARE)) if PROVING else usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What a proof did, and found nothing wrong with: a line of `docs/proofs.md`."""

    count: int
    unit: str  #: what was counted, as in "kills at a random moment"
    usual: int  #: how many of them `make test` tries
    #: Each try may fail on its own, so 3/count bounds how often one does, with 95 % confidence.
    independent: bool
    #: The module that plays it, as in "tests.fire.simulation": of the product it tries what that
    #: loads, so the rest may be another code. Empty where it tries all of it.
    played_by: str = ""
    #: What they were made of, as in {"jobs": 602, "deaths": 52}.
    of: Mapping[str, int] = field(default_factory=dict)


def parts(count: int) -> pytest.MarkDecorator:
    """Parametrize a proof by `part`: so many are done beside each other, and told as one."""
    return pytest.mark.parametrize("part", range(count), ids="part {}".format)


def one_in(count: int, cases: Iterable[Any]) -> list[Any]:
    """The *cases* of a parametrized test, of which one in *count* is in `make test`.

    The others are further cases of the same belief: they are marked `long`, and `make long` runs
    them.
    """

    def further(case: Any) -> Any:
        values = case.values if isinstance(case, type(pytest.param())) else case
        values = values if isinstance(values, tuple) else (values,)
        return pytest.param(*values, marks=pytest.mark.long)

    return [case if number % count == 0 else further(case) for number, case in enumerate(cases)]


def asked_for(request: pytest.FixtureRequest, name: str) -> list[Any]:
    """The values of the parameter *name* in the tests of this run, for a fixture of all of them."""
    params = [getattr(item, "callspec", None) for item in request.session.items]
    return [each.params[name] for each in params if each is not None and name in each.params]


class Proof:
    """Notes in the report of a test what it tried."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def tried(
        self,
        count: int,
        unit: str,
        *,
        usual: int,
        independent: bool = False,
        played_by: str = "",
        **of: int,
    ) -> None:
        """Note *count* tries of *unit* that went well, at the end of the test.

        *usual* is how many `make test` does, *of* what they were made of.
        """
        assert count > 0, "a proof that tried nothing proves nothing"
        if self._item.get_closest_marker("long") is not None:  # `make test` leaves it out
            usual = 0
        tried = Tried(
            count=count,
            unit=unit,
            usual=usual,
            independent=independent,
            played_by=played_by,
            of=of,
        )
        self._item.user_properties.append((PROPERTY, json.dumps(asdict(tried))))
