"""What the words "1080p" and "9:16" are in pixels."""

__all__ = ["SHORT_SIDES", "pixels"]

SHORT_SIDES = {"480p": 480, "720p": 720, "1080p": 1080, "2160p": 2160}


def pixels(resolution: str, aspect: str) -> tuple[int, int]:
    """Width and height, both even."""
    short = SHORT_SIDES[resolution]
    across, down = (int(number) for number in aspect.split(":"))
    long = 2 * round(short * max(across, down) / min(across, down) / 2)
    return (long, short) if across >= down else (short, long)
