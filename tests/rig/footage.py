"""Tiny real files: what people give the bot, and what imitated companies make."""

import subprocess
import zipfile
from pathlib import Path

import imageio_ffmpeg
from PIL import Image


class Media:
    """One tiny clip with sound, one picture, one sound and one ZIP of frames, made once."""

    def __init__(self, folder: Path) -> None:
        self.clip = folder / "clip.mp4"
        self.picture = folder / "picture.png"
        self.sound = folder / "sound.m4a"
        self.frames = folder / "frames.zip"
        _ffmpeg(
            *("-f", "lavfi", "-i", "testsrc=size=192x108:rate=24:duration=4"),
            *("-f", "lavfi", "-i", "sine=frequency=440:duration=4", "-shortest"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"),
            *("-movflags", "+faststart", str(self.clip)),
        )
        _ffmpeg("-i", str(self.clip), "-vn", "-c:a", "copy", "-t", "3", str(self.sound))
        Image.new("RGB", (192, 108), "teal").save(self.picture)
        _ffmpeg(
            *("-i", str(self.clip), "-frames:v", "3", "-vf", "scale=64:36,format=gbrpf32le"),
            *("-c:v", "exr", str(folder / "frame-%04d.exr")),
        )
        with zipfile.ZipFile(self.frames, "w") as archive:
            for frame in sorted(folder.glob("*.exr")):
                archive.write(frame, frame.name)

    async def render(self, wish):
        """What every imitated company makes."""
        return self.frames if wish.mode == "hdr" else self.clip


def _ffmpeg(*arguments):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y"]
    subprocess.run([*command, *arguments], check=True, timeout=120, stdin=subprocess.DEVNULL)
