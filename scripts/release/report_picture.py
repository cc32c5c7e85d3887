#!/usr/bin/env python3
"""Draws docs/images/report.webp: the beginning of a run's report at the widths of a desk, a tablet and a phone, light above dark.

    build/release/tekio adapt --data cooking --output_dir RUN
    python3 scripts/release/report_picture.py RUN/report.html docs/images/report.webp

Needs a Chromium (scripts/setup.sh --ci brings it) and Pillow.
"""

import base64
import io
import pathlib
import sys

from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/page"))
from browser import Browser, find

WIDTHS, HEIGHT, SCALE, GAP = (1280, 820, 390), 1150, 0.6, 14


def picture(browser, width, scheme):
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=HEIGHT, deviceScaleFactor=SCALE, mobile=False)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    return Image.open(io.BytesIO(base64.b64decode(browser.call("Page.captureScreenshot", format="png")["data"]))).convert("RGB")


def main():
    report, out = sys.argv[1:]
    browser = Browser(find() or sys.exit("report_picture: there is no Chromium"))
    try:
        browser.call("Emulation.setScrollbarsHidden", hidden=True)
        browser.open(pathlib.Path(report).resolve().as_uri())
        rows = [[picture(browser, width, scheme) for width in WIDTHS] for scheme in ("light", "dark")]
    finally:
        browser.close()
    across, down = sum(p.width for p in rows[0]) + GAP * (len(WIDTHS) + 1), sum(row[0].height for row in rows) + GAP * (len(rows) + 1)
    whole = Image.new("RGB", (across, down), (128, 128, 128))
    y = GAP
    for row in rows:
        x = GAP
        for each in row:
            whole.paste(each, (x, y))
            x += each.width + GAP
        y += row[0].height + GAP
    whole.save(out, quality=80, method=6)


if __name__ == "__main__":
    main()
