"""Carries out the Dockerfile's own steps in bare directories, where no engine is at hand.

What an image begins with is lent from this machine, read-only: its programs, without its fonts and
time zones, and its Python at /usr/local. Everything else is what the steps put there.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.doors.conftest import UV, clean

_ETC = ("passwd", "group", "shadow", "login.defs", "nsswitch.conf", "resolv.conf", "hosts")
_PACKAGES = ("pip.conf", "xdg", "ssl", "ca-certificates")  # where packages come from, here
_HIDDEN = ("/usr/share/fonts", "/usr/share/zoneinfo")
_LENT = (
    "/opt/pypi",
    "/opt/pypi-more",
    "/opt/wheels",
)  # of packages, on a machine's disk

_PIP = "/opt/dailies/bin/pip install --no-cache-dir --disable-pip-version-check"


def possible():
    """Whether this process may mount and change its root."""
    tried = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        capture_output=True,
        check=False,
    )
    return os.geteuid() == 0 and tried.returncode == 0


@dataclass
class Image:
    """One stage; at the end the image."""

    root: Path
    environ: dict = field(default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/sbin"})
    labels: dict = field(default_factory=dict)
    folder: str = "/"
    user: str = "root"
    volumes: list = field(default_factory=list)
    ports: list = field(default_factory=list)
    entry: list = field(default_factory=list)
    command: list = field(default_factory=list)
    health: list = field(default_factory=list)
    stop_signal: str = ""
    cache: str = ""  #: of uv, while it is built

    def prepare(self, python):
        """The bare root that a stage begins with."""
        for name in ("usr", "etc", "opt", "proc", "dev", "tmp", "root", "var/tmp", "home"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "tmp").chmod(0o1777)
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.root / name).symlink_to(f"usr/{name}")
        for name in (*_ETC, *_PACKAGES):
            there = Path("/etc") / name
            if there.is_dir():
                shutil.copytree(there, self.root / "etc" / name, symlinks=True)
            elif there.exists():
                shutil.copy2(there, self.root / "etc" / name)
        (self.root / "etc/ld.so.conf").write_text("/usr/local/lib\n")
        for lent in _LENT:
            if Path(lent).exists():
                (self.root / lent[1:]).mkdir(parents=True, exist_ok=True)
        self.python = python
        (self.root / "opt/cache").mkdir()
        assert self.run(["ldconfig"]).returncode == 0

    def argv(self, command, *, data=None, read_only=False, user=None):
        """What runs *command* in it: the mounts are this process's alone, and end with it."""
        root = shlex.quote(str(self.root))
        mounts = [
            f"mount --rbind {root} {root}",
            f"mount --rbind -o ro /usr {root}/usr",
            f"mount --bind {shlex.quote(str(self.python))} {root}/usr/local",
            f"mount -t proc proc {root}/proc",
            f"mount --bind /dev {root}/dev",
            *([f"mount --bind {self.cache} {root}/opt/cache"] if self.cache else []),
            *(f"mount -t tmpfs tmpfs {root}{each}" for each in _HIDDEN if Path(each).is_dir()),
            *(f"mount --rbind {each} {root}{each}" for each in _LENT if Path(each).is_dir()),
        ]
        if read_only:
            mounts += [
                f"mount -o remount,bind,ro {root}",
                f"mount -t tmpfs -o noexec,nosuid,size=256m tmpfs {root}/tmp",
            ]
        if data is not None:
            mounts.append(f"mount --bind {shlex.quote(str(data))} {root}{self.volumes[0]}")
        inside = f"cd {shlex.quote(self.folder)} && exec {shlex.join(map(str, command))}"
        number = self.uid(user or self.user)
        drop = [] if number == 0 else ["setpriv", f"--reuid={number}", f"--regid={number}"]
        drop += ["--clear-groups", "--no-new-privs", "--bounding-set=-all"] if drop else []
        script = "; ".join(
            ["set -e", *mounts, f"exec chroot {root} {shlex.join([*drop, 'sh', '-c', inside])}"]
        )
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]

    def run(self, command, **how):
        """Run *command* to its end."""
        environ = how.pop("environ", {})
        return subprocess.run(
            self.argv(command, **how),
            env=self.inside(environ),
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )

    def inside(self, more=None):
        index = {
            name: value for name, value in clean().items() if name.startswith(("PIP_", "SSL_"))
        }
        return {**index, "HOME": "/", **self.environ, **(more or {})}

    def uid(self, name):
        for line in (self.root / "etc/passwd").read_text().splitlines():
            if line.split(":")[0] == name:
                return int(line.split(":")[2])
        raise AssertionError(f"the image has no user {name}")


def build(context, folder, python):
    """The image that the Dockerfile of *context* makes, below *folder*."""
    ignored = (context / ".dockerignore").read_text().split()
    stages, image = {}, None
    for word, rest in instructions((context / "Dockerfile").read_text()):
        match word:
            case "FROM":
                image = Image(root=folder / f"stage-{len(stages)}")
                image.prepare(python)
                stages[rest.partition(" AS ")[2] or str(len(stages))] = image
            case "LABEL":
                image.labels |= pairs(rest)
            case "ENV":
                given = pairs(rest)
                image.environ |= {
                    name: value.replace("$PATH", image.environ["PATH"])
                    for name, value in given.items()
                }
            case "RUN":
                done = quickly(image, rest)
                assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
            case "COPY":
                copied(rest, context, stages, image, ignored)
            case "WORKDIR":
                image.folder = rest
                (image.root / rest[1:]).mkdir(parents=True, exist_ok=True)
            case "USER":
                image.user = rest
            case "VOLUME":
                image.volumes.append(rest)
            case "EXPOSE":
                image.ports += rest.split()
            case "STOPSIGNAL":
                image.stop_signal = rest
            case "ENTRYPOINT":
                image.entry = json.loads(rest)
            case "CMD":
                image.command = json.loads(rest)
            case "HEALTHCHECK":
                image.health = json.loads(rest.partition("CMD ")[2])
            case _:
                raise AssertionError(f"{word} is not carried out here")
    return image


def quickly(image, command):
    """Carry out RUN. pip's installing, which takes minutes, is done by uv from its cache; with
    DOORS_PIP=1 it is pip that does it."""
    if _PIP not in command or os.environ.get("DOORS_PIP"):
        return image.run(["sh", "-c", command])
    shutil.copy2(UV, image.root / "tmp/uv")
    cache = subprocess.run([UV, "cache", "dir"], capture_output=True, text=True, check=True)
    image.cache = cache.stdout.strip()
    Path(image.cache).mkdir(parents=True, exist_ok=True)
    uv = "/tmp/uv pip install --quiet --python /opt/dailies/bin/python --compile-bytecode"
    done = image.run(
        ["sh", "-c", command.replace(_PIP, uv)],
        environ={"UV_CACHE_DIR": "/opt/cache", "UV_LINK_MODE": "copy"},
    )
    image.cache = ""
    (image.root / "tmp/uv").unlink()
    return done


def instructions(text):
    """Each instruction and what stands behind it."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\s*\\\n\s*", " ", "\n".join(lines))
    for line in joined.splitlines():
        word, _, rest = line.partition(" ")
        yield word, rest.strip()


def pairs(text):
    return dict(part.split("=", 1) for part in shlex.split(text))


def copied(rest, context, stages, image, ignored):
    """Carry out COPY."""
    source = context
    if rest.startswith("--from="):
        stage, _, rest = rest.removeprefix("--from=").partition(" ")
        source = stages[stage].root
    *names, to = shlex.split(rest)
    for name in names:
        assert name not in ignored, f".dockerignore leaves {name} out"
        there = source / name.lstrip("/")
        base = image.root / (to.lstrip("/") if to.startswith("/") else f"{image.folder}/{to}"[1:])
        if there.is_dir():
            shutil.copytree(there, base, symlinks=True, dirs_exist_ok=True)
        else:
            base = base / there.name if to.endswith("/") else base
            base.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(there, base)


def base_python():
    """The Python to lend: the Dockerfile's version where this machine has it."""
    wanted = re.search(
        r"FROM python:(\d+\.\d+)", (Path(__file__).parents[2] / "Dockerfile").read_text()
    )[1]
    uv = Path(sys.executable).parent / "uv"
    found = subprocess.run(
        [uv, "python", "find", "--no-project", "--system", "--offline", wanted],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    executable = (
        Path(found.stdout.strip()) if found.returncode == 0 else Path(sys.base_prefix, "bin/x")
    )
    return executable.resolve().parent.parent
