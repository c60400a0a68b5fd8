"""What an image holds of others: a bill of materials (CycloneDX), and the notices it has to carry.

`make sbom` (`python -m tools.bill sbom`) writes `sbom/dailies.cdx.json` and `sbom/NOTICE`. Both are
made of `requirements.txt`, with its hashes, and of what the installed packages say of themselves.
"""

import json
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from bot import __version__

ROOT = Path(__file__).parent.parent
_ENTRY = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==([\w.!+]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_TEXTS = re.compile(r"(^|/)(licen[cs]es?|copying|notice)([.\-_][^/]*)?(/|$)", re.IGNORECASE)


#: No package of its own: imageio-ffmpeg brings the program.
FFMPEG = {
    "type": "application",
    "bom-ref": "ffmpeg",
    "name": "ffmpeg",
    "description": "The program in imageio-ffmpeg, built with x264 and x265",
    "licenses": [{"license": {"id": "GPL-3.0-or-later"}}],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One pinned package. *license* and *texts* are empty where it is not installed here."""

    name: str
    version: str
    hashes: tuple[str, ...]
    license: str
    texts: tuple[str, ...]


def packages(requirements: str) -> list[Package]:
    """Every package that *requirements* pins."""
    found = []
    for entry in re.split(r"\n(?=[A-Za-z0-9])", requirements):
        pinned = _ENTRY.match(entry)
        if pinned is None:
            continue
        license_, texts = _said_by(pinned[1])
        found.append(
            Package(
                name=pinned[1],
                version=pinned[2],
                hashes=tuple(_HASH.findall(entry)),
                license=license_,
                texts=texts,
            )
        )
    return found


def _said_by(name: str) -> tuple[str, tuple[str, ...]]:
    """What an installed package says of its license, and the texts it carries."""
    try:
        there = metadata.distribution(name)
    except metadata.PackageNotFoundError:  # for another system, or another Python
        return "", ()
    said = there.metadata
    classified = [
        each.rpartition(" :: ")[2]
        for each in said.get_all("Classifier") or ()
        if each.startswith("License ::")
    ]
    written = (said.get("License") or "").strip()
    short = written if written and "\n" not in written and len(written) < 80 else ""
    license_ = said.get("License-Expression") or short or ", ".join(classified)
    paths = [each for each in there.files or () if _TEXTS.search(str(each))]
    files = [Path(str(path.locate())) for path in paths]
    texts = [path.read_text("utf-8", "replace").strip() for path in files if _is_text(path)]
    return license_, tuple(dict.fromkeys(each for each in texts if each))


def _is_text(path: Path) -> bool:
    return path.suffix in {"", ".txt", ".md", ".rst", ".APACHE", ".BSD"} and path.is_file()


def sbom(found: list[Package]) -> dict[str, object]:
    """The bill as CycloneDX 1.6. It says the same whenever it is made."""
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "dailies",
                "name": "dailies",
                "version": __version__,
                "licenses": [{"expression": "MIT"}],
            }
        },
        "components": [*map(_component, found), FFMPEG],
        "dependencies": [
            {"ref": "dailies", "dependsOn": [_purl(each) for each in found]},
        ],
    }


def _component(each: Package) -> dict[str, object]:
    component: dict[str, object] = {
        "type": "library",
        "bom-ref": _purl(each),
        "name": each.name,
        "version": each.version,
        "purl": _purl(each),
        "hashes": [{"alg": "SHA-256", "content": content} for content in each.hashes],
    }
    if each.license:
        component["licenses"] = [{"license": {"name": each.license}}]
    return component


def _purl(each: Package) -> str:
    return f"pkg:pypi/{each.name.lower()}@{each.version}"


def notice(found: list[Package]) -> str:
    """Our own notice, and every package with its license and the text of that."""
    parts = [(ROOT / "NOTICE").read_text().rstrip()]
    for each in found:
        head = f"{each.name} {each.version}: {each.license or 'see its package'}"
        parts.append("\n\n".join([f"{'=' * 78}\n{head}", *each.texts]))
    return "\n\n".join(parts) + "\n"


def main(folder: Path) -> None:
    """Write both into *folder*."""
    found = packages((ROOT / "requirements.txt").read_text())
    folder.mkdir(parents=True, exist_ok=True)
    bill = json.dumps(sbom(found), indent=1) + "\n"
    (folder / "dailies.cdx.json").write_text(bill, encoding="utf-8")
    (folder / "NOTICE").write_text(notice(found), encoding="utf-8")
    print(f"{len(found)} packages: {folder}/dailies.cdx.json, {folder}/NOTICE")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
