"""How Dailies is run and passed on: the container, compose, systemd, CI, and what others wrote."""

import configparser
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from bot import exits
from bot.app.deployment import STOPPING
from bot.settings import Settings
from tests.doors.bare import instructions
from tools.bill import notice, packages, sbom

ROOT = Path(__file__).parent.parent.parent


def blocks(text, indent=0):
    """A YAML mapping as {key: the lines below it, or its value}, read at one depth."""
    found, key = {}, None
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        depth = len(line) - len(line.lstrip())
        if depth < indent:
            break
        if depth == indent and not line.lstrip().startswith("- "):
            key, _, value = line.strip().partition(":")
            found[key] = value.strip()
        elif key is not None:
            found[key] += f"\n{line}"
    return found


def service(name, file="compose.yaml"):
    services = blocks((ROOT / file).read_text())["services"]
    return blocks(blocks(services.lstrip("\n"), indent=2)[name].partition("\n")[2], indent=4)


# The container.


def test_the_container_is_nobody_and_can_write_nowhere_but_to_its_data():
    bot = service("dailies")
    assert bot["read_only"] == "true"
    assert bot["cap_drop"] == "[ALL]"
    assert "no-new-privileges:true" in bot["security_opt"]
    assert "noexec,nosuid" in bot["tmpfs"]
    assert not {"privileged", "cap_add", "user", "network_mode", "pid", "devices"} & bot.keys()
    mounts = re.findall(r"- (\S+):(/\S+)", bot["volumes"])
    assert mounts == [("data", "/data"), ("backups", "/backups")]
    docker = (ROOT / "Dockerfile").read_text()
    last = docker[docker.rindex("\nFROM ") :]
    assert re.search(r"useradd --uid 10001 .*nologin", last)
    assert last.index("USER dailies") < last.index("ENTRYPOINT")
    for folder in ("/data", "/backups"):
        assert re.search(rf"install -d -o dailies -g dailies -m 0700 [^&\n]*{folder}\b", last)
    assert "10001" in (ROOT / "compose.yaml").read_text(), "whose a mounted directory must be"


def test_the_container_has_limits_and_its_log_an_end():
    bot = service("dailies")
    assert int(bot["pids_limit"]) <= 512
    assert re.fullmatch(r"\d+g", bot["mem_limit"])
    assert float(bot["cpus"]) > 0
    assert "max-size: 10m" in bot["logging"]
    assert re.search(r'max-file: "\d"', bot["logging"])
    assert bot["restart"] == "unless-stopped"
    grace = int(bot["stop_grace_period"].removesuffix("s"))
    assert grace >= STOPPING + 5


def test_the_container_is_asked_how_it_is():
    docker = (ROOT / "Dockerfile").read_text()
    [options] = re.findall(r"HEALTHCHECK (.*?)\\\n", docker)
    assert {"--interval", "--timeout", "--start-period", "--retries"} <= set(
        re.findall(r"--[\w-]+", options)
    )


def test_no_port_of_it_is_open_to_others_and_no_secret_is_in_it():
    ports = re.findall(r'"([\d.:]+)"', service("dailies")["ports"])
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    docker = (ROOT / "Dockerfile").read_text()
    assert not re.search(r"(ARG|ENV)[^\n]*(TOKEN|KEY|SECRET)", docker)
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".env", ".env.*", "dailies.toml", "data", "secrets", ".git"} <= set(ignored)
    assert "secrets" in (ROOT / ".gitignore").read_text().split()


# Several processes: compose.cluster.yaml.

CLUSTER = yaml.safe_load((ROOT / "compose.cluster.yaml").read_text())
BOTS = {name: each for name, each in CLUSTER["services"].items() if each["image"] == "dailies"}


def test_a_cluster_is_three_bots_that_differ_in_their_volume_alone():
    assert len(BOTS) == 3
    assert {name: each["volumes"] for name, each in BOTS.items()} == {
        name: [f"{name}:/data"] for name in BOTS
    }
    others = [{**each, "volumes": []} for each in BOTS.values()]
    assert others[0] == others[1] == others[2]
    used = {
        mount.split(":")[0] for each in CLUSTER["services"].values() for mount in each["volumes"]
    }
    assert used == set(CLUSTER["volumes"])


@pytest.mark.parametrize("name", CLUSTER["services"])
def test_each_part_of_a_cluster_comes_back_has_limits_and_can_be_asked_how_it_is(name):
    part = CLUSTER["services"][name]
    assert part["restart"] == "unless-stopped"
    assert part["security_opt"] == ["no-new-privileges:true"]
    assert part["mem_limit"]
    assert part["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    assert "ports" not in part, "nothing of it is open to others"
    if name in BOTS:
        assert "healthcheck" not in part, "the image has one, which a standby answers"
        alone = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["dailies"]
        for key in ("read_only", "tmpfs", "cap_drop", "pids_limit", "cpus", "stop_grace_period"):
            assert part[key] == alone[key], key
        assert {each["condition"] for each in part["depends_on"].values()} == {"service_healthy"}
        assert set(part["depends_on"]) == set(CLUSTER["services"]) - set(BOTS)
    else:
        assert re.fullmatch(r"[\w/]+:\d[\d.]*", part["image"]), "a version is named"
        assert part["healthcheck"]["test"][0] == "CMD"


def test_the_bots_of_a_cluster_are_told_where_its_servers_are():
    store, bucket = CLUSTER["services"]["store"], CLUSTER["services"]["bucket"]
    needed = set(re.findall(r"\$\{(\w+):\?set \1 in \.env\}", str(CLUSTER)))
    assert (
        needed == set(re.findall(r"\$\{(\w+)", str(CLUSTER))) == {"STORE_PASSWORD", "BUCKET_SECRET"}
    )
    given = {"STORE_PASSWORD": "abc123", "BUCKET_SECRET": "def456"}

    def filled(environment):
        found = {}
        for name, value in environment.items():
            assert isinstance(value, str), "YAML would write a number in its own way"
            found[name] = re.sub(r"\$\{(\w+)[^}]*\}", lambda each: given[each[1]], value)
        return found

    theirs = filled(next(iter(BOTS.values()))["environment"])
    settings = Settings(**{name.lower(): value for name, value in theirs.items()})
    server, clips = filled(store["environment"]), filled(bucket["environment"])
    assert settings.server == (
        f"postgresql://{server['POSTGRES_USER']}:{server['POSTGRES_PASSWORD']}@store/"
        f"{server['POSTGRES_DB']}"
    )
    assert settings.dailies_s3_bucket == clips["S3_BUCKET"]
    assert settings.dailies_s3_access_key.get_secret_value() == clips["AWS_ACCESS_KEY_ID"]
    assert settings.dailies_s3_secret_key.get_secret_value() == clips["AWS_SECRET_ACCESS_KEY"]
    assert settings.dailies_s3_endpoint == "http://bucket:8333"
    assert "-ip=bucket" in bucket["command"]
    assert "http://127.0.0.1:8333/" in bucket["healthcheck"]["test"][-1]
    assert settings.dailies_s3_link_days == 0, "nobody outside reaches it"
    assert settings.dailies_standbys == len(BOTS) - 1


def image_takes(context):
    """The files of *context* that the Dockerfile copies, as .dockerignore lets it."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    left_out = [_pattern(each) for each in lines if each and not each.startswith("#")]
    for word, rest in instructions((ROOT / "Dockerfile").read_text()):
        if word != "COPY" or rest.startswith("--from="):
            continue
        for name in rest.split()[:-1]:
            source = context / name.lstrip("/")
            for path in [source, *source.rglob("*")]:
                inside = path.relative_to(context)
                parents = [str(each) for each in (inside, *inside.parents)]
                if path.is_file() and not any(p.fullmatch(q) for p in left_out for q in parents):
                    yield str(inside)


def _pattern(line):
    """A line of .dockerignore: ** is any folders, also none, * is anything within a name."""
    assert not re.search(r"[!?\[\\]", line), "what is left out is said in the simplest way"
    parts = {"**/": r"(?:.*/)?", "*": r"[^/]*"}
    return re.compile(re.sub(r"\*\*/|\*|[^*]+", lambda m: parts.get(m[0], re.escape(m[0])), line))


SECRET = (
    *(".env", ".env.local", ".env.production", "dailies.toml", "secrets/token", "data/dailies.db"),
    *("dailies.db", "dailies.db-wal", "dailies.lock", "backups/2026.db", "data/takes/1.mp4"),
)


def test_whatever_lies_beside_the_code_is_in_no_layer_of_the_image(tmp_path):
    """Canaries at each place from which something is copied, and one folder below it."""
    taken = set(image_takes(ROOT))
    assert {"bot/app/cli.py", "storage/migrations/0001_jobs.sql", "LICENSE"} <= taken
    assert len(taken) > 300
    for folder in {Path(), *(Path(each).parent for each in taken)}:
        for name in SECRET:
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_text("canary")
    assert list(image_takes(tmp_path)) == []


def test_nothing_that_git_ignores_is_in_the_image():
    known = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    if not known:
        pytest.skip("This is no checkout of git.")
    assert set(image_takes(ROOT)) - set(known) == set()


def test_secrets_as_files_are_settings_and_each_is_mounted():
    bot = service("dailies", "compose.secrets.yaml")
    given = dict(re.findall(r"(\w+)_FILE: /run/secrets/(\w+)", bot["environment"]))
    known = {name.upper() for name in Settings.model_fields}
    assert given
    assert set(given) <= known | {"LTX_API_KEY"}
    assert "DISCORD_TOKEN" in given
    assert set(re.findall(r"- (\w+)", bot["secrets"])) == set(given.values())
    top = blocks(blocks((ROOT / "compose.secrets.yaml").read_text())["secrets"].lstrip("\n"), 2)
    assert set(top) == set(given.values())


# systemd.


@pytest.fixture(scope="module")
def unit():
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(ROOT / "deploy/dailies.service")
    return parser


def test_the_unit_stops_reloads_and_restarts_as_the_bot_does(unit):
    bot = unit["Service"]
    assert bot["ExecStart"].endswith("/dailies run")
    assert bot["ExecReload"].endswith("-HUP $MAINPID")
    assert bot["Restart"] == "on-failure"
    final = {str(code) for code in (exits.USAGE, exits.LOCKED, exits.TOKEN)}
    assert set(bot["RestartPreventExitStatus"].split()) == final
    assert float(bot["TimeoutStopSec"]) >= STOPPING + 5
    assert bot["StandardInput"] == "null", "with a terminal SIGHUP would be its end"


def test_the_unit_is_nobody_and_can_write_nowhere_but_to_its_data(unit):
    bot = unit["Service"]
    assert bot["User"] not in {"root", "0"}
    assert (bot["NoNewPrivileges"], bot["CapabilityBoundingSet"]) == ("yes", "")
    assert (bot["ProtectSystem"], bot["ProtectHome"]) == ("strict", "yes")
    assert bot["StateDirectory"] == "dailies"
    assert "DAILIES_DATA=/var/lib/dailies" in bot["Environment"]
    assert {"MemoryMax", "TasksMax", "PrivateTmp", "PrivateDevices"} <= bot.keys()
    assert "ReadWritePaths" not in bot


# CI.


def test_the_workflow_runs_what_ci_runs_and_trusts_no_tag():
    text = (ROOT / ".github/workflows/ci.yml").read_text()
    assert re.search(r"^ +- run: \.ci/run$", text, re.MULTILINE)
    assert re.search(r"^permissions:\n  contents: read$", text, re.MULTILINE)
    assert "timeout-minutes:" in text
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each) for each in used)
    assert "secrets." not in text
    assert "pull_request_target" not in text


# What others wrote.


def test_the_bill_names_every_pinned_package_with_its_hashes():
    text = (ROOT / "requirements.txt").read_text()
    found = packages(text)
    pinned = set(re.findall(r"^([\w.-]+)==([\w.!+]+)", text, re.MULTILINE))
    assert {(each.name, each.version) for each in found} == pinned
    assert sum(len(each.hashes) for each in found) == text.count("--hash=sha256:")
    bill = json.loads(json.dumps(sbom(found)))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    refs = [each["bom-ref"] for each in bill["components"]]
    assert len(set(refs)) == len(refs) == len(pinned) + 1
    assert set(bill["dependencies"][0]["dependsOn"]) == set(refs) - {"ffmpeg"}
    by_name = {each["name"]: each for each in bill["components"]}
    assert by_name["ffmpeg"]["licenses"] == [{"license": {"id": "GPL-3.0-or-later"}}]
    assert by_name["certifi"]["licenses"] == [{"license": {"name": "MPL-2.0"}}]
    assert sum("licenses" in each for each in bill["components"]) > 0.9 * len(refs)


def test_the_notice_carries_the_texts_that_licenses_ask_for():
    found = packages((ROOT / "requirements.txt").read_text())
    text = notice(found)
    assert text.startswith((ROOT / "NOTICE").read_text().rstrip())
    for each in found:
        assert f"\n{each.name} {each.version}: " in text
    assert "Permission is hereby granted, free of charge" in text
    assert "SIL OPEN FONT LICENSE" in text.upper()
