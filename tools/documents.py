"""Rewrites the parts of the documents that are made from data: `make documents`."""

import re
from pathlib import Path

from bot.app.catalogue import companies, markdown

PROVIDERS = Path(__file__).parent.parent / "docs" / "providers.md"


def rewritten(text):
    """*text* with what stands between the marks `<!-- providers -->` made anew."""
    made = f"<!-- providers -->\n{markdown(companies(Path('data')))}\n<!-- /providers -->"
    found, changes = re.subn(
        r"<!-- providers -->.*<!-- /providers -->", lambda _: made, text, flags=re.DOTALL
    )
    assert changes == 1, "docs/providers.md has lost its marks"
    return found


if __name__ == "__main__":
    PROVIDERS.write_text(rewritten(PROVIDERS.read_text()))
