"""The picture in the README: `make picture`, after `make demo`.

Chromium draws the page of a tomogram.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

WIDTH, HEIGHT = 1240, 780
MOST_BYTES = 150_000
QUALITY = 72


def draw(page: Path, output: Path) -> None:
    """Write the picture of a page.

    Raises
    ------
    ValueError
        If there is no Chromium, or the picture is too large for a README.
    """
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise ValueError("no chromium found; expected it in PATH, install it")
    with TemporaryDirectory() as name:
        drawn = Path(name) / "page.png"
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--hide-scrollbars"),
                *("--disable-gpu", f"--window-size={WIDTH},{HEIGHT}"),
                # Time for scripts and pictures, which does not pass in reality.
                *("--virtual-time-budget=8000", f"--screenshot={drawn}"),
                page.resolve(strict=True).as_uri(),
            ],
            check=True,
            capture_output=True,
        )
        with Image.open(drawn) as image:
            image.convert("RGB").save(output, quality=QUALITY, method=6)
    if (size := output.stat().st_size) > MOST_BYTES:
        raise ValueError(
            f"{output} has {size} bytes; expected at most {MOST_BYTES}, lower QUALITY"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="HTML to draw")
    parser.add_argument("output", type=Path, help="WebP to write")
    arguments = parser.parse_args()
    draw(arguments.page, arguments.output)
