"""`dailies workflows`: bring in what ComfyUI exported, and see which server can make what."""

from pathlib import Path

from bot.app.configuration import Configuration
from bot.exits import FAILED, OK, USAGE, Exit
from bot.providers._comfyui.graph import BadWorkflow
from bot.providers._comfyui.importing import imported
from bot.providers.comfyui import connect, folder_of

__all__ = ["bring_in", "look"]


def bring_in(configuration: Configuration, file: Path, *, name: str | None, force: bool) -> int:
    """`dailies workflows import`: write the workflow and its manifest, and say what was guessed.

    Raises `Exit` where the file is no workflow.
    """
    folder = folder_of(configuration.environ)
    try:
        done = imported(file, folder, name=name, force=force)
    except BadWorkflow as error:
        raise Exit(f"{file.name} was not imported: {error}.", USAGE) from None
    print(f"✓ {done.name}: {', '.join(str(each) for each in done.files)}")
    for line in done.found:
        print(f"  {line}")
    for sentence in done.unsure:
        print(f"? {sentence}")
    print("Read the manifest, then type: dailies workflows check")
    return OK


async def look(configuration: Configuration) -> int:
    """`dailies workflows check`: what each server lacks of each workflow. Raises `Exit`."""
    provider = connect(configuration.connection("comfyui"))
    if provider is None:
        raise Exit("COMFYUI_URLS is not set: say where your servers are.", USAGE)
    wrong = 0
    try:
        for finding in await provider.examine():
            wrong += bool(finding.mend)
            mend = f" → {finding.mend}" if finding.mend else ""
            print(f"{'✗' if finding.mend else '✓'} {finding.part}: {finding.found}{mend}")
    finally:
        await provider.close()
    return FAILED if wrong else OK
