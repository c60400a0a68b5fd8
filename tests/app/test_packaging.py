"""What is shipped: pinned packages, a container that obeys, settings that are documented."""

import re
import tomllib
from pathlib import Path

import pytest

from bot.chat.connection import INVITED
from bot.settings import Settings
from storage import State

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_package_is_pinned_with_its_hashes_and_no_index(name):
    text = (ROOT / name).read_text()
    entries = re.split(r"\n(?=[a-z0-9])", text, flags=re.IGNORECASE)
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert len(packages) > 20
    for entry in packages:
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==[\w.!+]+", entry), entry[:80]
        assert "--hash=sha256:" in entry, entry[:80]
    assert "://" not in text
    assert "--index-url" not in text


def test_what_is_required_is_what_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"]
    pinned = (ROOT / "requirements.txt").read_text().lower()
    for requirement in wanted:
        name = re.match(r"[\w.-]+", requirement)[0].lower().replace(".", "-")
        assert re.search(rf"^{name}==", pinned, re.MULTILINE), requirement


def test_the_container_obeys():
    text = (ROOT / "Dockerfile").read_text()
    assert text.count("\nFROM ") == 2
    assert re.search(r"^USER dailies$", text, re.MULTILINE)
    assert re.search(r"^VOLUME /data$", text, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["', text, re.MULTILINE), "process 1 must be the bot itself"
    assert 'CMD ["python", "-m", "bot", "health", "--live"]' in text
    assert re.search(r'^CMD \["run"\]$', text, re.MULTILINE), "no token, no playground"
    assert "--require-hashes" in text
    for source in re.findall(r"^COPY (?!--from)([^\n]+) \S+$", text, re.MULTILINE):
        for each in source.split():
            assert (ROOT / each).exists(), each


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_each_setting_is_in_the_readme_and_the_example(name):
    assert f"`{name.upper()}`" in (ROOT / "docs/settings.md").read_text()
    assert name.upper() in (ROOT / ".env.example").read_text()


def test_what_others_wrote_is_named_with_its_license():
    notice = (ROOT / "NOTICE").read_text()
    for word in ("ffmpeg", "GPL-3.0-or-later", "Open Font License", "Mozilla"):
        assert word in notice
    label = re.search(r'licenses="([^"]+)"', (ROOT / "Dockerfile").read_text())[1]
    assert label == "MIT AND GPL-3.0-or-later AND OFL-1.1 AND LGPL-3.0-only"


def test_ci_calls_the_test_command_of_the_readme():
    assert "make test" in (ROOT / ".ci/run").read_text()
    assert "make doors" in (ROOT / ".ci/run").read_text()
    assert "make test" in (ROOT / "README.md").read_text()
    assert "make playground" in (ROOT / "README.md").read_text()


def test_the_readme_invites_with_the_permissions_that_the_bot_asks_for():
    assert f"permissions={INVITED.value}`" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("state", list(State))
def test_the_readme_explains_each_state(state):
    text = (ROOT / "docs/architecture.md").read_text()
    assert re.search(rf"^\| .*\b{state}\b", text, re.MULTILINE)
