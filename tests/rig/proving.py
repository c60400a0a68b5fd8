"""How often a proof is repeated: a little in the ordinary run, in full in `make prove`.

`DAILIES_PROVE=1` is the one switch; `DAILIES_SEED` is what a proof with dice begins from, and
`DAILIES_PROVE_SHARE` is how much of the full counts is done.
"""

import json
import os
from dataclasses import asdict, dataclass

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


class Proof:
    """Notes in the report of a test what it tried."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item

    def tried(self, count: int, unit: str, *, usual: int, independent: bool = False) -> None:
        """Note *count* tries of *unit* that went well, at the end of the test.

        *usual* is how many `make test` does.
        """
        assert count > 0, "a proof that tried nothing proves nothing"
        tried = Tried(count=count, unit=unit, usual=usual, independent=independent)
        self._item.user_properties.append((PROPERTY, json.dumps(asdict(tried))))
