#!/usr/bin/env python3
"""Draws docs/images/report.webp and serve.webp: the beginning of a run's report, or of a server's page, at the widths of a desk, a tablet and a phone, light above dark.

    build/release/tekio adapt --data cooking --output_dir build/adapted
    python3 scripts/release/page_picture.py build/adapted/report.html docs/images/report.webp
    build/release/tekio serve --model share/tekio/tekio-small-uncased --model build/adapted --run build/adapted &
    python3 scripts/release/page_picture.py http://127.0.0.1:8080 docs/images/serve.webp

Needs a Chromium (scripts/setup.sh --ci brings it) and Pillow.
"""

import base64
import io
import pathlib
import sys

from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/page"))
from browser import Browser, find

WIDTHS, SCALE, GAP = (1280, 820, 390), 0.6, 14
REPORT, SERVED = 1790, 1440  # so high


def picture(browser, width, height, scheme):
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=SCALE, mobile=False)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    return Image.open(io.BytesIO(base64.b64decode(browser.call("Page.captureScreenshot", format="png")["data"]))).convert("RGB")


def main():
    page, out = sys.argv[1:]
    browser = Browser(find() or sys.exit("page_picture: there is no Chromium"))
    try:
        browser.call("Emulation.setScrollbarsHidden", hidden=True)
        is_served = page.startswith("http:")
        browser.open(page if is_served else pathlib.Path(page).resolve().as_uri())
        if is_served:
            browser.wait("document.querySelectorAll('.answer li').length >= 10 && document.querySelectorAll('#curve circle').length > 0")
        rows = [[picture(browser, width, SERVED if is_served else REPORT, scheme) for width in WIDTHS] for scheme in ("light", "dark")]
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
