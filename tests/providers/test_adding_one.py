"""Adding a provider is adding one file: nothing else has to know of it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

TOY = '''
"""Toy: the smallest provider there can be."""

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, SecretStr

from bot.catalog.model import Capability, Model, Price, Shape
from bot.providers import Limits, Receipt, Report, Stage
from storage import Brief, Mode

from ._settings import SETTINGS, read


class Settings(BaseModel):
    model_config = SETTINGS
    api_key: SecretStr


def connect(connection):
    return Toy() if read(Settings, "TOY", connection.environ) else None


class Toy:
    name = "toy"
    title = "Toy"
    idempotent = False
    healthy = True
    cancels = False
    models = (
        Model(
            name="toy-1",
            title="Toy One",
            capabilities=(
                Capability(
                    mode=Mode.TEXT,
                    shapes=(Shape(resolutions=("1440p",), aspects=("1:1",), durations=(3, 4)),),
                    default=Brief(resolution="1440p", aspect="1:1", duration=3),
                    price=Price(
                        per_second={"*": Decimal("0.25")}, dated=date(2026, 1, 2), source="a toy"
                    ),
                ),
            ),
        ),
    )
    limits = Limits(
        concurrency=1,
        per_minute=60,
        first_poll=1,
        poll_every=1,
        max_runtime=60,
        keeps_for=60,
        source="a toy",
    )

    async def submit(self, order):
        return Receipt(remote_id="r-1")

    async def poll(self, order, remote_id):
        return Report(stage=Stage.READY, url="https://toy.example/1.mp4")

    async def fetch(self, order, remote_id, url, to):
        to.write_bytes(b"clip")

    async def cancel(self, order, remote_id):
        pass

    async def close(self):
        pass
'''

LOOK = """
import asyncio, json, sys
from decimal import Decimal
from pathlib import Path

from bot.chat.models import table
from bot.events import Events
from bot.files.cache import ClipCache
from bot.jobs.tracker import Tracker
from bot.providers import Connection, connect_all
from bot.orders.orders import Studio
from storage import Brief, Mode, open_store

data, environ = Path(sys.argv[1]), json.loads(sys.argv[2])


async def look():
    providers = connect_all(lambda name: Connection(data=data, environ=environ))
    async with open_store(data) as store:
        events = Events()
        studio = Studio(
            store,
            providers,
            events=events,
            tracker=Tracker(store, providers, events),
            disk=ClipCache(store, data=data, days=0, room=0, spare=0),
        )
        offers = studio.quotes.offers(Mode.TEXT)
        toys = {"provider": "toy", "model": "toy-1"} if "toy" in providers else {}
        wish = Brief(prompt="x", duration=4)
        quote = studio.quotes.best(wish, request="r", **toys) if toys else None
        print(json.dumps({
            "providers": sorted(providers),
            "offers": [[provider.name, model.name] for provider, model in offers],
            "resolutions": studio.quotes.values(Mode.TEXT, "resolution"),
            "durations": studio.quotes.values(Mode.TEXT, "duration", **toys) if toys else [],
            "price": quote.price if quote else None,
            "models": table(studio.quotes.offers(), usd_per_credit=Decimal("0.01")),
        }))
    for provider in providers.values():
        await provider.close()


asyncio.run(look())
"""


@pytest.fixture
def deployment(tmp_path):
    """A copy of the source: the files, and what they make of an environment."""
    for folder in ("bot", "storage"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)

    def look(**environ):
        done = subprocess.run(
            [sys.executable, "-c", LOOK, str(tmp_path / "data"), json.dumps(environ)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    look.folder = tmp_path
    return look


@pytest.mark.long
def test_a_file_in_the_folder_is_a_provider_with_models_suggestions_and_prices(deployment):
    without = deployment(TOY_API_KEY="a-key")
    assert "toy" not in str(without).lower()

    (deployment.folder / "bot/providers/toy.py").write_text(TOY)
    found = deployment(TOY_API_KEY="a-key")
    assert found["providers"] == ["toy"]  # and the last resort steps back
    assert found["offers"] == [["toy", "toy-1"]]
    assert found["resolutions"] == ["1440p"]
    assert found["durations"] == [3, 4]
    assert found["price"] == 100
    assert "Toy" in found["models"]

    assert "toy" not in str(deployment()).lower()  # without its key it does not exist


def test_it_stands_beside_the_others(deployment):
    (deployment.folder / "bot/providers/toy.py").write_text(TOY)
    keys = {f"{name}_API_KEY": "a-key" for name in ("TOY", "LTX", "LTX2API", "APIXO", "PIXAZO")}
    found = deployment(**keys)
    assert found["providers"] == ["apixo", "ltx", "ltx2api", "pixazo", "toy"]
    assert ["toy", "toy-1"] in found["offers"]
    assert found["resolutions"] == ["480p", "720p", "1080p", "1440p", "4K"]


@pytest.mark.long
def test_an_installed_package_may_bring_one(deployment, tmp_path):
    (tmp_path / "toys.py").write_text(
        TOY.replace("from ._settings", "from bot.providers._settings")
    )
    info = tmp_path / "toys-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dailies.providers]\ntoy = toys\nltx = toys\n")
    found = deployment(TOY_API_KEY="a-key")
    assert found["providers"] == ["toy"], "and it takes no name of ours"
    assert found["price"] == 100
    assert deployment()["providers"] == ["local"]
