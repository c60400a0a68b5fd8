"""What the doors share: a clean copy of what is committed or would be, and its wheel, installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
UV = Path(sys.executable).parent / "uv"
SAY = "/video text prompt:a red fox duration:2 resolution:480p"


def pytest_collection_modifyitems(items):
    here = f"{Path(__file__).parent}{os.sep}"
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.doors)


def clean(**more):
    """An environment with nothing in it of ours, nor of the tests'."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")
    passed = ("PIP_", "UV_")  # where packages come from is the machine's affair
    return {
        name: value for name, value in os.environ.items() if name in kept or name.startswith(passed)
    } | more


def run(*command, cwd, timeout=240, **more):
    """A finished process; its output is text."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean(**more),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def ran(*command, **options):
    done = run(*command, **options)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    """What a clone of this checkout holds, and nothing that lies about in it."""
    folder = tmp_path_factory.mktemp("clone") / "dailies"
    files = ran("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, files.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def installed(clone, tmp_path_factory):
    """An empty environment with the wheel of *clone* and what it asks for; its `bin`."""
    folder = tmp_path_factory.mktemp("installed")
    wheels = folder / "wheels"
    ran(UV, "build", "--quiet", "--wheel", "--out-dir", wheels, clone, cwd=folder)
    [wheel] = wheels.glob("*.whl")
    ran(UV, "venv", "--quiet", "--python", sys.executable, folder / "venv", cwd=folder)
    binaries = folder / "venv" / "bin"
    pins = folder / "pins.txt"
    pins.write_text(
        "\n".join(
            line.removesuffix(" \\")
            for line in (clone / "requirements.txt").read_text().splitlines()
            if line[:1].isalnum()
        )
    )
    ran(
        *(UV, "pip", "install", "--quiet", "--python", binaries / "python"),
        *("--only-binary", ":all:", "--constraint", pins, wheel),
        cwd=folder,
    )
    return binaries
