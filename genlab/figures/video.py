"""Videos: frames in, the bytes of an MP4 out, by the program ffmpeg where it is at hand.

The video is H.264, which every player and slide program reads. It is nearly, not exactly, what the
frames are: its colours are those of 2 x 2 pixels (4:2:0). The same frames and the same ffmpeg give
the same bytes.

Shapes: N frames of H x W pixels, `(N, H, W, 3)`, uint8; H and W are even.
"""

__all__ = ["SUFFIX", "video"]

import shutil
import subprocess
import tempfile

from pathlib import Path

import numpy as np

from genlab.common.errors import InputError

SUFFIX = ".mp4"

SECONDS = 600
"""A video that takes longer is given up."""

ENCODER = ("-c:v", "libx264", "-crf", "14", "-preset", "slow", "-pix_fmt", "yuv420p")
"""Few losses: x264 calls 17 or 18 visually lossless."""

REPEATABLE = ("-threads", "1", "-bitexact", "-fflags", "+bitexact", "-flags:v", "+bitexact")
"""The same bytes on any number of cores, without dates and versions."""


def video(frames: np.ndarray, milliseconds: int, out: str) -> bytes:
    """Returns a video of frames, played once.

    Arguments:
        frames: Images, uint8 with shape `(N, H, W, 3)`.
        milliseconds: How long each frame is shown.
        out: The file's name, for messages.

    Raises:
        InputError: If ffmpeg is not on the PATH, or cannot make such a video.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise InputError(
            f"`out` {out}: an MP4 needs the program ffmpeg, which is not on the PATH; install it, "
            "or end the name in .webp or .gif"
        )
    height, width = frames.shape[1:3]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"video{SUFFIX}"  # its index is moved to the front at the end
        command = [
            program, "-v", "error", "-nostdin", "-f", "rawvideo", "-pix_fmt", "rgb24",
            "-s", f"{width}x{height}", "-r", f"1000/{milliseconds}", "-i", "pipe:0",
            *ENCODER, *REPEATABLE, "-movflags", "+faststart", str(file),
        ]  # fmt: skip
        try:
            subprocess.run(
                command, input=frames.tobytes(), capture_output=True, check=True, timeout=SECONDS
            )
        except subprocess.CalledProcessError as error:
            said = " ".join(error.stderr.decode(errors="replace").split())
            raise InputError(f"`out` {out}: ffmpeg makes no such video: {said}") from None
        except subprocess.TimeoutExpired:
            raise InputError(f"`out` {out}: ffmpeg was not done after {SECONDS} s") from None
        return file.read_bytes()
