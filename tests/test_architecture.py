"""The rules a reader may rely on without reading the code."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = ["storage", "bot", "cogs"]  # each may import those before it
HOMES = {
    "aiosqlite": ("storage/",),
    "httpx": ("bot/providers/", "bot/fetch.py"),
    "httpx_aiohttp": ("bot/providers/", "bot/fetch.py"),
    "discord": (
        "bot/answering.py",
        "bot/board.py",
        "bot/client.py",
        "bot/delivery.py",
        "bot/discord_login.py",
        "bot/lookback.py",
        "bot/messages.py",
        "bot/readers.py",
        "bot/trouble.py",
        "cogs/",
    ),
    "pydantic_settings": ("bot/settings.py",),
    "imageio_ffmpeg": ("bot/_ffmpeg.py",),
    "obstore": ("bot/bucket.py",),
    "simcord": ("playground/",),
}
#: The only files that may know everything: what is typed, what is put together, what is played.
COMPOSITION_ROOT = {
    "bot/cli.py",
    "bot/deployment.py",
    "bot/doctor.py",
    "bot/playing.py",
    "bot/stand_in.py",
}
PLACES = sorted(
    place
    for layer in [*LAYERS, "playground"]
    for path in (ROOT / layer).rglob("*.py")
    if (place := path.relative_to(ROOT).as_posix()) not in COMPOSITION_ROOT
)
VAGUE = {"util", "utils", "helper", "helpers", "common", "manager", "service", "handler", "misc"}


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("place", PLACES)
def test_imports_point_one_way_and_each_library_has_one_home(place):
    layer = place.split("/")[0]
    for name in imports(ROOT / place):
        if layer == "playground":
            assert name not in LAYERS, f"{place} may not import {name}"
            continue
        assert name != "playground", f"{place} may not import the playground"
        assert name not in LAYERS[LAYERS.index(layer) + 1 :], f"{place} may not import {name}"
        assert place.startswith(HOMES.get(name, "")), f"{name} does not live in {place}"


@pytest.mark.parametrize("place", [*PLACES, *sorted(COMPOSITION_ROOT)])
def test_a_file_says_its_reason_to_exist_in_its_first_line(place):
    docstring = ast.get_docstring(ast.parse((ROOT / place).read_text()))
    assert docstring, f"{place} does not say what it is for"
    assert len(docstring.splitlines()[0]) > 15


@pytest.mark.parametrize("place", [*PLACES, *sorted(COMPOSITION_ROOT)])
def test_a_name_says_something(place):
    assert not VAGUE & set(Path(place).stem.strip("_").split("_")), place


def test_only_boundaries_catch_everything():
    """Each broad except logs or apologises; the list is short, and known."""
    found = {}
    for place in [*PLACES, *sorted(COMPOSITION_ROOT)]:
        for node in ast.walk(ast.parse((ROOT / place).read_text())):
            if isinstance(node, ast.ExceptHandler):
                broad = node.type is None or getattr(node.type, "id", "") == "Exception"
                if broad:
                    found[place] = found.get(place, 0) + 1
    product = {place: n for place, n in found.items() if not place.startswith("playground/")}
    assert product == {
        "bot/client.py": 2,
        "bot/steps.py": 2,
        "bot/worker.py": 3,
        "bot/cards.py": 1,
        "bot/charts.py": 1,
        "bot/web.py": 1,
        "cogs/_forms.py": 1,
        "bot/providers/local.py": 1,
        "cogs/_pressing.py": 1,
        "cogs/takes/reactions.py": 1,  # says what went wrong to who reacted
        "cogs/takes/readback.py": 1,
        "storage/writer.py": 3,
    }, product
