"""Rewrites the parts of the README that are made from data: `make readme`."""

import re
from pathlib import Path

from bot.app.catalogue import companies, markdown

README = Path(__file__).parent.parent / "README.md"


def rewritten(text):
    """*text* with what stands between the marks `<!-- providers -->` made anew."""
    made = f"<!-- providers -->\n{markdown(companies(Path('data')))}\n<!-- /providers -->"
    found, changes = re.subn(
        r"<!-- providers -->.*<!-- /providers -->", lambda _: made, text, flags=re.DOTALL
    )
    assert changes == 1, "the README has lost its marks"
    return found


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text()))
