"""What docs/providers.md and .env.example say of providers is what the code does."""

import re
import tomllib
from pathlib import Path

import pytest

from bot.app.catalogue import companies
from bot.providers import Connection, modules
from bot.words.numbers import day
from tests.app.test_cli import dailies
from tools.documents import MONITORING, PROVIDERS, rewritten, with_metrics

ROOT = PROVIDERS.parent.parent
COMPANIES = companies(Path("data"))
SETTINGS = [name for company in COMPANIES for name in company.settings]


def test_the_section_about_providers_is_current():
    text = PROVIDERS.read_text()
    assert rewritten(text) == text, "run `make documents`"


def test_the_table_of_metrics_is_current():
    text = MONITORING.read_text()
    assert with_metrics(text) == text, "run `make documents`"


def section():
    return re.search("<!-- providers -->.*<!-- /providers -->", PROVIDERS.read_text(), re.DOTALL)[0]


def test_every_company_is_named_with_its_models_and_where_a_key_is_from():
    said = section()
    assert [each.provider.name for each in COMPANIES if each.key_from] == [
        "ltx",
        "apixo",
        "ltx2api",
        "pixazo",
        "comfyui",
    ]
    for company in COMPANIES:
        assert company.provider.title in said
        assert company.key_from in said
        for model in company.provider.models:
            assert f"`{model.name}`" in said
            for capability in model.capabilities:
                if capability.price.source != "it runs on your machine":
                    assert f"({day(capability.price.dated)})" in said


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_of_a_provider_is_explained(setting):
    row = next(line for line in section().splitlines() if line.startswith(f"| `{setting}` |"))
    assert len(row.split("|")[3].strip()) > 15, "it says what it does"
    assert re.search(rf"(?m)^#{setting}=", (ROOT / ".env.example").read_text())


def test_no_setting_is_explained_that_does_not_exist():
    prefixes = "|".join(name.upper() for name in modules())
    written = f"{section()}\n{(ROOT / '.env.example').read_text()}"
    named = set(re.findall(rf"\b(?:{prefixes})_[A-Z_]+\b", written))
    assert named - {"LOCAL_SECONDS"} == set(SETTINGS)


def test_the_example_of_dailies_toml_is_one_that_works():
    example = re.search("```toml\n(.*?)```", section(), re.DOTALL)[1]
    tables = tomllib.loads(example)["providers"]
    for name, table in tables.items():
        environ = {f"{name.upper()}_API_KEY": "a-key"}
        connection = Connection(data=Path("data"), toml=table, environ=environ)
        assert modules()[name].connect(connection).models


def test_dailies_providers_says_who_is_connected_and_what_is_wrong(tmp_path):
    (tmp_path / "dailies.toml").write_text(
        '[providers.ltx.models."ltx-2-fast"]\noffer = false\n', encoding="utf-8"
    )
    environ = {"LTX_API_KEY": "sk-secret-key", "LTX_CONCURRENCY": "7", "APIXO_API_KEY": "another"}
    done = dailies("providers", cwd=tmp_path, **environ)
    assert done.returncode == 0, done.stderr
    lines = {line.split()[1].rstrip(":"): line for line in done.stdout.splitlines()}
    assert lines["ltx"] == (
        "✓ ltx: LTX makes text, image, audio, extend, retake and HDR with ltx-2-3-fast, "
        "ltx-2-3-pro and ltx-2-pro, changed by dailies.toml, 7 at once, 120 requests a minute"
    )
    assert lines["apixo"].startswith("✓ apixo: apixo makes text and image with ltx-2-19b, 10 at")
    assert lines["pixazo"] == (
        "· pixazo: no key. Set PIXAZO_API_KEY from a subscription at https://www.pixazo.ai"
    )
    assert "secret" not in done.stdout + done.stderr

    done = dailies("providers", cwd=tmp_path, **environ, APIXO_PER_MINUTE="none")
    assert done.returncode == 2
    assert "✗ apixo: APIXO_PER_MINUTE can't be used" in done.stdout
    assert "✓ ltx" in done.stdout, "and the others are looked at all the same"


def test_dailies_providers_prints_the_readmes_section(tmp_path):
    done = dailies("providers", "--markdown", cwd=tmp_path, LTX_API_KEY="sk-secret-key")
    assert done.stdout.strip() in PROVIDERS.read_text()


PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_documents_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_the_documents_name_is_there(page):
    if page.name == "CHANGELOG.md":  # it tells of what was
        return
    named = re.findall(
        r"\b(?:bot|cogs|storage|playground|tests|tools)/[\w/]+\.\w+", page.read_text()
    )
    assert [each for each in named if not (ROOT / each).exists()] == []


def test_the_readme_is_read_in_a_minute():
    assert len((ROOT / "README.md").read_bytes()) <= 6 * 1024


def test_every_command_is_in_the_operators_page(tmp_path):
    done = dailies("--help", cwd=tmp_path)
    commands = re.search(r"^ {4}(run.*?)\n\n", done.stdout + "\n\n", re.DOTALL | re.MULTILINE)[0]
    page = (ROOT / "docs" / "operating.md").read_text()
    for command in re.findall(r"^ {4}(\w+) ", commands, re.MULTILINE):
        if command != "playground":
            assert f"`dailies {command}" in page
