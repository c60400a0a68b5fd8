"""What `make prove` writes is what its tests said, the failures first of all."""

import ast
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.rig.proving import Proof, Tried
from tools.prove import Case, bound, cases, report

RESULTS = """<testsuites><testsuite>
<testcase file="tests/test_a.py" name="test_held[x|y]" time="12.4"><properties>
<property name="tried" value='{"count": 100, "unit": "kills", "usual": 4, "independent": true}'/>
</properties></testcase>
<testcase file="tests/test_b.py" name="test_broken" time="3"><failure message="no"/></testcase>
<testcase file="tests/test_c.py" name="test_left_out" time="0"><skipped/></testcase>
</testsuite></testsuites>"""


ROOT = Path(__file__).parent.parent.parent


def proofs():
    """Every test that is marked `prove`, as file::name."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                marks = {ast.unparse(each) for each in node.decorator_list}
                if "pytest.mark.prove" in marks:
                    yield f"{path.relative_to(ROOT)}::{node.name}"


def test_what_is_scaled_is_a_proof():
    uses = re.compile(r"^from tests\.rig\.proving import .*(scaled|PROVING)", re.MULTILINE)
    files = (ROOT / "tests").rglob("test_*.py")
    scaled = {str(path.relative_to(ROOT)) for path in files if uses.search(path.read_text())}
    assert scaled
    assert scaled <= {each.partition("::")[0] for each in proofs()}


def page(found):
    at = datetime(2026, 11, 28, 6, 0, tzinfo=UTC)
    return report(found, seed=7, command="make prove SEED=7", commit="abc+", at=at, took=600)


def test_a_report_says_what_was_tried_and_what_did_not_hold(tmp_path):
    (tmp_path / "results.xml").write_text(RESULTS)
    found = list(cases(tmp_path / "results.xml"))
    assert [case.passed for case in found] == [True, False]
    text = page(found)
    assert "2 proofs in 10 minutes: **1 did not hold**" in text
    assert r"| tests/test_a.py::test_held[x\|y] | 100 kills | 4 | < 0.03 | 12 | held |" in text
    assert "| tests/test_b.py::test_broken | – | – | – | 3 | **failed** |" in text
    assert "Seed of everything that rolls dice: `7`" in text
    assert "commit `abc+`" in text
    assert "all held" in page(found[:1])


@pytest.mark.parametrize(
    ("count", "independent", "said"), [(3, True, "< 1"), (300, True, "< 0.01"), (300, False, "–")]
)
def test_the_rule_of_three_is_for_tries_that_stand_alone(count, independent, said):
    assert bound(Tried(count=count, unit="x", usual=1, independent=independent)) == said


def test_what_tried_nothing_is_no_proof(request):
    with pytest.raises(AssertionError):
        Proof(request.node).tried(0, "kills", usual=0)
    assert isinstance(Case(name="x", seconds=1, passed=True, tried=None), Case)
