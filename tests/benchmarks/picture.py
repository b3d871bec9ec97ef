"""The picture of the report in the README: `make picture`, after `make demo`.

Chromium draws the top of the page: headline, accuracy and the first two tomograms.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageChops

SHOWN = """<style>
body { padding: 1.2rem 1.5rem; }
section:not(#accuracy):not(#pictures) { display: none; }
#accuracy h3, #accuracy h3 ~ * { display: none; }
.pictures figure:nth-child(n+3) { display: none; }
</style></head>"""
WIDTH, HEIGHT = 1240, 2400
MOST_BYTES = 150_000
QUALITY = 72


def draw(report: Path, output: Path) -> None:
    """Write the picture of a report.

    Raises
    ------
    ValueError
        If there is no Chromium, or the picture is too large for a README.
    """
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise ValueError("no chromium found; expected it in PATH, install it")
    page = report.read_text(encoding="utf-8").replace("</head>", SHOWN, 1)
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "page.html").write_text(page, encoding="utf-8")
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--hide-scrollbars"),
                *("--disable-gpu", f"--window-size={WIDTH},{HEIGHT}"),
                f"--screenshot={folder / 'page.png'}",
                (folder / "page.html").as_uri(),
            ],
            check=True,
            capture_output=True,
        )
        with Image.open(folder / "page.png") as image:
            whole = image.convert("RGB")
    empty = Image.new("RGB", whole.size, whole.getpixel((0, whole.height - 1)))
    box = ImageChops.difference(whole, empty).getbbox() or (0, 0, *whole.size)
    cropped = whole.crop((0, 0, WIDTH, min(box[3] + 20, HEIGHT)))
    cropped.save(output, quality=QUALITY, method=6)
    if (size := output.stat().st_size) > MOST_BYTES:
        raise ValueError(
            f"{output} has {size} bytes; expected at most {MOST_BYTES}, lower QUALITY"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    draw(arguments.report, arguments.output)
