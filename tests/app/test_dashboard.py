"""The dashboard, the alert rules and the docs speak of what is exported, and of nothing else."""

import functools
import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Histogram, Info

from bot.app.metrics.families import Families
from bot.app.metrics.scrape import Metrics
from bot.errors import Failure
from storage import AlertKind, State

ROOT = Path(__file__).parent.parent.parent
RULES = ROOT / "deploy" / "prometheus" / "dailies.rules.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dailies.json"
MONITORING = ROOT / "docs" / "monitoring.md"

#: What Prometheus itself adds to each sample, or makes of a scrape.
ADDED = {"job", "instance", "le"}
#: Words of PromQL that stand where a metric could.
WORDS = {"by", "on", "without", "ignoring", "group_left", "group_right", "or", "and", "unless"}
#: Which values a label can have, where they are our own words.
VALUES = {
    "state": {str(each) for each in State},
    "outcome": {str(each) for each in Failure} | {"ok", "trouble", "error"},
    "kind": {str(each) for each in AlertKind},
    "flow": {
        *("held", "released", "spent", "lost", "suspense", "suspense_cleared", "granted"),
    },
    "why": {"own", "429", "bucket"},
}


def exported():
    """Each name of a sample that Dailies exports, with its labels."""
    found, families = {}, Families(CollectorRegistry())
    for family in families:
        [metric] = family.describe()
        ends = [""]
        if isinstance(family, Counter):
            ends = ["_total"]
        elif isinstance(family, Info):
            ends = ["_info"]
        elif isinstance(family, Histogram):
            ends = ["_bucket", "_sum", "_count"]
        labels = set(families.labels_of(family)) | ({"version"} if ends == ["_info"] else set())
        found.update({metric.name + end: labels for end in ends})
    text = Metrics().text("")[0].decode()
    for name in re.findall(r"(?m)^((?:process|python)_\w+)", text):
        found[name] = set()
    return found


EXPORTED = exported()


@functools.cache
def rules():
    """Each alert rule."""
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    return group["rules"]


def panels():
    """Each panel of the dashboard that asks something."""
    return [each for each in json.loads(DASHBOARD.read_text())["panels"] if "targets" in each]


EXPRESSIONS = {
    **{f"rule {each['alert']}": each["expr"] for each in rules()},
    **{
        f"panel {each['title']} {target['refId']}": target["expr"]
        for each in panels()
        for target in each["targets"]
    },
}


def names_in(expression):
    """The metrics that an expression reads."""
    plain = re.sub(r'"[^"]*"', '""', expression)
    plain = re.sub(r"\b(?:by|on|group_left|group_right|without|ignoring)\s*\([^)]*\)", " ", plain)
    plain = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", plain)
    return [name for name in re.findall(r"\b[a-zA-Z_]\w*\b(?!\s*\()", plain) if name not in WORDS]


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_what_is_asked_for_is_exported(where):
    expression = EXPRESSIONS[where]
    names = names_in(expression)
    assert names, expression
    for name in names:
        assert name in EXPORTED or name == "up", f"{name} is not exported"
    for name, selector in re.findall(r"\b([a-z_]\w*)\{([^}]*)\}", expression):
        for label, _, values in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', selector):
            assert label in EXPORTED.get(name, set()) | ADDED, f"{name} has no label {label}"
            if label in VALUES:
                assert set(values.split("|")) <= VALUES[label], f"{label} is never {values}"
    labels = set().union(*(EXPORTED.get(name, set()) for name in names)) | ADDED
    for within in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression):
        for label in filter(None, map(str.strip, within.split(","))):
            assert label in labels, f"nothing there has the label {label}"
    for opening, closing in ("()", "{}", "[]"):
        assert expression.count(opening) == expression.count(closing)


@pytest.mark.parametrize("panel", panels(), ids=lambda each: each["title"])
def test_a_legend_names_labels_that_are_there(panel):
    for target in panel["targets"]:
        grouped = re.search(r"\bby\s*\(([^)]*)\)", target["expr"])
        there = set().union(*(EXPORTED.get(name, set()) for name in names_in(target["expr"])))
        if grouped:
            there &= {each.strip() for each in grouped[1].split(",")}
        for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
            assert label in there, f"{target['expr']} gives no {label}"


def test_every_metric_is_on_the_dashboard():
    """What nobody can look at need not be exported."""
    shown = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for expression in EXPRESSIONS.values()
        for name in names_in(expression)
    }
    ours = {re.sub(r"_(bucket|sum|count)$", "", name) for name in EXPORTED}
    missing = {name for name in ours if name.startswith("dailies_")} - shown
    assert missing == set()


@pytest.mark.parametrize("rule", rules(), ids=lambda each: each["alert"])
def test_a_rule_says_what_is_wrong_how_bad_it_is_and_what_to_do(rule):
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    for sentence in (rule["annotations"]["summary"], rule["annotations"]["description"]):
        assert re.match(r"[A-Z`{]", sentence)
        assert sentence.endswith(".")
    named = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    there = set().union(*(EXPORTED.get(name, set()) for name in names_in(rule["expr"])))
    assert named <= there


def test_the_page_names_each_rule_and_no_other():
    named = set(re.findall(r"`(Dailies[A-Z]\w+)`", MONITORING.read_text()))
    assert named == {each["alert"] for each in rules()}


def test_each_kind_of_alert_is_explained_and_no_other():
    text = MONITORING.read_text()
    table = text[text.index("| kind | what is wrong") : text.index("The log says the same")]
    assert set(re.findall(r"(?m)^\| `([\w.]+)` \|", table)) == {str(each) for each in AlertKind}


def test_the_dashboard_can_be_imported():
    board = json.loads(DASHBOARD.read_text())
    numbers = [each["id"] for each in board["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert {each["name"] for each in board["templating"]["list"]} == {"datasource", "job"}
    taken = set()
    for each in board["panels"]:
        place = each["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, f"{each['title']} lies over another panel"
        taken |= cells
    assert "/home/" not in DASHBOARD.read_text()
