"""What `make prove` writes is what its tests said, the failures first of all."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rig.proving import PROPERTY, Proof, Tried
from tools import proofs as page_of
from tools.proofs import PAGE, Report, bound, merged, proofs
from tools.prove import (
    PRODUCT,
    Case,
    by_file,
    cases,
    code_of,
    files_loaded_by,
    files_of_product,
    line,
    repeating,
)

RESULTS = """<testsuites><testsuite>
<testcase file="tests/test_a.py" name="test_held[x|y]" time="12.4"><properties>
<property name="tried" value='{"count": 100, "unit": "kills", "usual": 4, "independent": true}'/>
</properties></testcase>
<testcase file="tests/test_b.py" name="test_broken" time="3"><failure message="no"/></testcase>
<testcase file="tests/test_c.py" name="test_left_out" time="0"><skipped/></testcase>
<testcase file="tests/test_d.py" name="test_long" time="2"><properties>
<property name="long" value="yes"/></properties></testcase>
<testcase file="tests/test_d.py" name="test_longer" time="3"><properties>
<property name="long" value="yes"/></properties></testcase>
</testsuite></testsuites>"""


ROOT = Path(__file__).parent.parent.parent


def test_what_is_scaled_is_a_proof():
    uses = re.compile(r"^from tests\.rig\.proving import .*(scaled|PROVING)", re.MULTILINE)
    files = (ROOT / "tests").rglob("test_*.py")
    scaled = {str(path.relative_to(ROOT)) for path in files if uses.search(path.read_text())}
    assert scaled
    assert scaled <= {each.partition("::")[0] for each in proofs()}


def rows(text):
    """What the page says of each test, its parameters aside: of several the worst."""
    said = {}
    for name, verdict in re.findall(r"^\| (tests/\S+?::\w+).*\| ([^|]+) \|$", text, re.MULTILINE):
        said[name] = verdict if said.get(name, "held") == "held" else said[name]
    return said


def unproven(text):
    """The proofs of which the page does not say that they held."""
    held = {name for name, verdict in rows(text).items() if verdict == "held"}
    return sorted(set(proofs()) - held)


def test_the_page_says_of_each_proof_whether_it_held():
    """Whoever adds a proof, or breaks one, runs `make prove` (ONLY=… runs that one)."""
    text = PAGE.read_text()
    assert set(rows(text).values()) <= {"held", "not run yet"}
    assert proofs() <= rows(text).keys()
    assert page_of.page(page_of.read()) == PAGE.read_text(), "the page is what is kept"
    assert merged(page_of.read(), []) == page_of.read(), "no report of a test that is gone"


TRIED = Tried(count=9, unit="x", usual=1, independent=True, played_by="tests.a")


def said(name, *, passed=True, tried=TRIED):
    return Report(
        name=name,
        seconds=12.4,
        passed=passed,
        tried=tried if passed else None,
        command="make prove SEED=7",
        commit="abc+",
        day="2026-11-28",
    )


def test_a_page_without_a_proof_or_with_one_that_failed_is_noticed():
    names = sorted(set(proofs()))
    page = page_of.page
    whole = [said(f"{name}[a|b]") for name in names] + [said(name) for name in names]
    assert unproven(page(whole)) == []
    assert unproven(page(whole[1 : -len(names)] + whole[-len(names) + 1 :])) == names[:1]
    assert unproven(page([*whole, said(f"{names[3]}[c]", passed=False)])) == [names[3]]
    assert unproven(page([said(f"{names[3]}[c]", passed=False), *whole])) == [names[3]]


def test_a_report_says_what_was_tried_and_what_did_not_hold(tmp_path):
    (tmp_path / "results.xml").write_text(RESULTS)
    held, broken, long, _ = cases(tmp_path / "results.xml")
    assert (held.long, long.long) == (False, True)
    assert (held.passed, broken.passed) == (True, False)
    assert line(held) == (
        "held    tests/test_a.py::test_held[x|y]: n = 100 kills, fails less often than 0.03"
    )
    assert line(broken) == "FAILED  tests/test_b.py::test_broken"
    again = repeating(held, "fire", seed=7, share=0.5)
    assert again == "make fire ONLY=tests/test_a.py SEED=7 SHARE=0.5"
    assert repeating(broken, "prove", seed=7, share=0.5) == "make prove ONLY=tests/test_b.py SEED=7"
    text = page_of.page(
        [said(held.name, tried=held.tried), said(broken.name, passed=False), said("tests/c.py::d")]
    )
    assert "3 proofs: **1 did not hold**" in text
    waiting = min(proofs())
    assert f"| {waiting} | – | – | – | – | – | not run yet |" in text
    assert f"{len(proofs())} more were not run yet." in text
    ran = "2026-11-28, `abc+`, `make prove SEED=7`"
    row = rf"| tests/test_a.py::test_held[x\|y] | 100 kills | 4 | < 0.03 | 12 | {ran} | held |"
    assert row in text
    assert f"| tests/test_b.py::test_broken | – | – | – | 12 | {ran} | **failed** |" in text
    assert "not run yet" not in page_of.page([said(name) for name in proofs()])


def test_the_long_tests_of_a_file_are_one_line_and_one_that_fails_is_told(tmp_path):
    (tmp_path / "results.xml").write_text(RESULTS)
    held, broken, *long = cases(tmp_path / "results.xml")
    told = by_file([held, broken, *long])
    assert told[:2] == [held, broken]
    assert line(told[2]) == "held    tests/test_d.py: n = 2 tests that take long"
    [failed] = by_file([long[0], replace(long[1], passed=False)])
    assert line(failed) == "FAILED  tests/test_d.py"
    [alone] = by_file(long[:1])
    assert line(alone) == "held    tests/test_d.py: n = 1 test that takes long"


def test_a_file_is_told_while_it_is_there():
    kept = said("tests/app/test_proving.py")
    assert merged([kept, said("tests/test_gone.py")], []) == [kept]


def test_of_each_proof_the_last_report_is_kept(tmp_path):
    name, other = sorted(set(proofs()))[:2]
    more, less = replace(TRIED, count=90), replace(TRIED, count=3)
    kept = [said(name), said(other), said("tests/test_gone.py::test_it"), said(f"{name}_gone")]
    after = merged(kept, [said(name, tried=more)])
    assert sorted(after, key=lambda each: each.name) == [said(name, tried=more), said(other)]
    assert merged([said(name)], [said(name, tried=less)]) == [said(name)], "that is no news"
    failed = said(name, passed=False)
    assert merged([said(name)], [failed]) == [failed]
    assert merged([failed], [said(name, tried=less)]) == [said(name, tried=less)]
    assert merged([said(name)], [said(f"{name}[x]")]) == [said(name), said(f"{name}[x]")]

    page_of.write(after, tmp_path / "kept.json", tmp_path / "page.md")
    assert page_of.read(tmp_path / "kept.json") == sorted(after, key=lambda each: each.name)
    assert (tmp_path / "page.md").read_text() == page_of.page(after)
    assert page_of.read(tmp_path / "none.json") == []


def test_runs_with_other_dice_on_the_same_code_add_up(tmp_path):
    name = min(proofs())
    some = replace(TRIED, of={"deaths": 4})
    one = replace(said(name, tried=some), code="a-b-c", seeds=(1,), commit="old")
    two = replace(said(name, tried=some), code="a-b-c", seeds=(2,))
    three = replace(said(name, tried=replace(some, count=5)), code="a-b-c", seeds=(3,))
    [both] = merged([one], [two])
    [all_three] = merged([both], [three])
    assert all_three.tried == replace(some, count=23, of={"deaths": 12})
    assert (all_three.commit, all_three.seeds) == ("abc+", (3, 2, 1))
    assert merged([all_three], [two]) == [all_three], "these dice were thrown before"

    assert merged([one], [replace(two, code="a-b-d")]) == [replace(two, code="a-b-d")]
    assert merged([replace(one, code="")], [replace(two, code="")]) == [replace(two, code="")]
    steps = replace(some, independent=False)
    assert merged([one], [replace(two, tried=steps)]) == [replace(two, tried=steps)]
    failed = replace(two, passed=False, tried=None)
    assert merged([both], [failed]) == [failed]
    assert merged([failed], [three]) == [three], "what failed is no part of a sum"

    page_of.write([all_three], tmp_path / "kept.json", tmp_path / "page.md")
    assert page_of.read(tmp_path / "kept.json") == [all_three]
    ran = "`make prove SEED=7` and before it, on the same code, SEED=2, SEED=1 | held |"
    assert ran in (tmp_path / "page.md").read_text()


def test_the_code_that_was_tried_is_named_by_what_the_product_is(tmp_path):
    def git(*arguments):
        who = ("-c", "user.name=x", "-c", "user.email=x@x.test")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    def code(played_by=""):
        return code_of(files_of_product(tmp_path), played_by=played_by, root=tmp_path)

    def commit(file, content):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(content)
        git("add", ".")
        git("commit", "-m", file)

    assert code() == "", "there is no commit"
    git("init")
    commit(".gitignore", "__pycache__")
    for folder in PRODUCT:
        commit(f"{folder}/x.py", f"folder = {folder!r}")
    name = code()
    assert re.fullmatch(r"[0-9a-f]{20}", name)
    commit("tests/play.py", "import bot.x, storage.x")
    assert code() == name, "a test is no product"
    core = code("tests.play")
    assert core not in {name, ""}, "it has no cogs"
    commit("cogs/x.py", "other = 'cogs'")
    commit("storage/server/y.py", "of = 'a server'")
    commit("storage/server/migrations/1.sql", "SELECT 'of a server'")
    assert code() not in {name, ""}
    assert code("tests.play") == core
    commit("storage/migrations/1.sql", "SELECT 'of all'")
    assert code("tests.play") not in {core, ""}
    core = code("tests.play")
    (tmp_path / "bot" / "x.py").write_text("another = 'bot'")
    assert code() == code("tests.play") == ""
    git("commit", "-a", "-m", "z")
    assert code("tests.play") not in {core, ""}


@pytest.mark.long
def test_what_is_played_loads_nothing_that_its_code_is_not_named_by():
    """Nothing of the product is imported late, where a module's own imports do not show it."""
    plays = (
        "import sys; from tests.fire.simulation import played;"
        "before = set(sys.modules); history = played('loading');"
        "print(history.jobs, *(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", plays], cwd=ROOT, capture_output=True, check=True)
    jobs, *late = done.stdout.decode().split()
    assert int(jobs) > 1
    assert not {each for each in late if each.partition(".")[0] in PRODUCT}
    found = files_loaded_by("tests.fire.simulation")
    assert {Path("bot/jobs/steps.py"), Path("storage/sqlite.py")} < found
    assert not {each for each in found if "postgresql" in each.parts or each.parts[0] == "cogs"}


def test_the_parts_of_a_proof_are_told_as_one_of_the_oldest_day():
    some = replace(TRIED, of={"jobs": 602, "deaths": 52})
    parts = [said(f"tests/test_a.py::test_it[part {number}]", tried=some) for number in range(8)]
    parts[5] = replace(parts[5], day="2026-11-01", commit="old")
    text = page_of.page(parts)
    assert "1 proofs: all held." in text
    row = "| tests/test_a.py::test_it | 72 x (4,816 jobs, 416 deaths) | 1 | < 0.042 | 99 |"
    assert f"{row} 2026-11-01, `old`, `make prove SEED=7` | held |" in text
    parts[5] = said(parts[5].name, passed=False)
    text = page_of.page(parts)
    assert "1 proofs: **1 did not hold**." in text
    assert "| tests/test_a.py::test_it | – |" in text


@pytest.mark.parametrize(
    ("count", "independent", "said"), [(3, True, "< 1"), (300, True, "< 0.01"), (300, False, "–")]
)
def test_the_rule_of_three_is_for_tries_that_stand_alone(count, independent, said):
    assert bound(Tried(count=count, unit="x", usual=1, independent=independent)) == said


def test_what_tried_nothing_is_no_proof(request):
    with pytest.raises(AssertionError):
        Proof(request.node).tried(0, "kills", usual=0)
    assert isinstance(Case(name="x", seconds=1, passed=True, tried=None), Case)


@pytest.mark.parametrize(("marks", "usual"), [((), 4), ((pytest.mark.long,), 0)])
def test_a_proof_that_make_test_leaves_out_says_so(request, marks, usual):
    item = request.node
    for mark in marks:
        item.add_marker(mark)
    Proof(item).tried(100, "kills", usual=4)
    name, said = item.user_properties.pop()
    assert (name, json.loads(said)["usual"]) == (PROPERTY, usual)
