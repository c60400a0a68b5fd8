"""Rewrites the parts of the documents that are made from data: `make documents`."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from bot.app.catalogue import companies, markdown
from bot.app.metrics.families import Families

PROVIDERS = Path(__file__).parent.parent / "docs" / "providers.md"
MONITORING = PROVIDERS.with_name("monitoring.md")


def rewritten(text):
    """*text* with what stands between the marks `<!-- providers -->` made anew."""
    return _between(text, "providers", markdown(companies(Path("data"))))


def with_metrics(text):
    """*text* with the table of metrics made anew."""
    rows = ["| metric | labels | what it says |", "|---|---|---|"]
    families = Families(CollectorRegistry())
    for family in families:
        [metric] = family.describe()
        name = metric.name + {"counter": "_total", "info": "_info"}.get(metric.type, "")
        labels = ", ".join(f"`{each}`" for each in families.labels_of(family))
        kind = "" if metric.type != "histogram" else " (a histogram)"
        rows.append(f"| `{name}` | {labels} | {metric.documentation}{kind} |")
    return _between(text, "metrics", "\n".join(rows))


def _between(text, mark, made):
    marks = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    found, changes = re.subn(
        f"{marks[0]}.*{marks[1]}",
        lambda _: f"{marks[0]}\n{made}\n{marks[1]}",
        text,
        flags=re.DOTALL,
    )
    assert changes == 1, f"a page has lost its marks of {mark}"
    return found


if __name__ == "__main__":
    PROVIDERS.write_text(rewritten(PROVIDERS.read_text()))
    MONITORING.write_text(with_metrics(MONITORING.read_text()))
