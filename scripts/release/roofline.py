#!/usr/bin/env python3
"""Draws a step's phases under the machine's roofline, and how the step's time is divided, as one SVG.

    tekio bench step --json > step.json
    python3 scripts/release/roofline.py step.json docs/roofline.svg

A phase's place: how many operations it has for each byte that it must touch, and how many it does in a second. The roof is
what the machine can do: the rate of its memory, and the rate of one large product. A disc's area is the phase's share of the
step. Phases that only move bytes have no place there; the bar below has all. Needs nothing but Python.
"""
import json
import math
import sys
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 900, 620
LEFT, RIGHT, TOP, BOTTOM = 76, 24, 78, 452  # the diagram's edges; the bar stands below
COLOURS = {"products_forward": "#1f6fb4", "products_backward": "#0b3d6b", "attention_forward": "#d9822b",
           "attention_backward": "#9a5310", "norms": "#3a8f5c", "activation": "#7a5aa6", "loss": "#b8395a",
           "optimizer": "#6b7280", "packing": "#4b5a8a", "embedding": "#2aa5a0", "rows": "#a3a31f", "other": "#c4c8cf"}


class Axis:
    """A logarithmic axis from `low` to `high`, drawn from pixel `start` to `end`."""

    def __init__(self, low, high, start, end):
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value):
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self):
        power = math.ceil(math.log10(self.low) - 1e-9)
        while 10.0 ** power <= self.high * (1 + 1e-9):
            yield 10.0 ** power
            power += 1


def text(x, y, words, anchor="start", size=13, fill="#1f2933", extra=""):
    halo = 'stroke="#ffffff" stroke-width="3" paint-order="stroke"'
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}" {halo}{extra}>'
            f"{escape(words)}</text>")


def line(x1, y1, x2, y2, stroke, width=1.0, extra=""):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" stroke-width="{width}"{extra}/>'


def shown(name):
    return name.replace("_", " ")


def placed_phases(step):
    """name, operations a byte, GFLOP/s, share, for every phase that has a place."""
    for name, phase in step["phases"].items():
        if phase.get("gflop", 0) > 0 and phase["bytes"] > 0 and phase["seconds"] > 0:
            yield name, phase["gflop"] * 1e9 / phase["bytes"], phase["gflop"] / phase["seconds"], phase["share"]


def diagram(step):
    limit, memory = step["limit_gflops"], step["memory_gb_per_second"]
    places = list(placed_phases(step))
    x = Axis(10 ** math.floor(math.log10(min([p[1] for p in places] + [limit / memory]))),
             10 ** math.ceil(math.log10(max([p[1] for p in places] + [limit / memory]))), LEFT, WIDTH - RIGHT)
    y = Axis(10 ** math.floor(math.log10(min(p[2] for p in places))), 10 ** math.ceil(math.log10(limit * 1.1)), BOTTOM, TOP)
    out = []
    for tick in x.ticks():
        out += [line(x(tick), TOP, x(tick), BOTTOM, "#e3e7ec"), text(x(tick), BOTTOM + 18, f"{tick:g}", "middle", 12, "#52606d")]
    for tick in y.ticks():
        out += [line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "#e3e7ec"), text(LEFT - 8, y(tick) + 4, f"{tick:g}", "end", 12, "#52606d")]
    out.append(text((LEFT + WIDTH - RIGHT) / 2, BOTTOM + 38, "operations a byte", "middle"))
    middle = (TOP + BOTTOM) / 2
    out.append(text(22, middle, "GFLOP/s", "middle", extra=f' transform="rotate(-90 22 {middle:.1f})"'))

    ridge = limit / memory
    start = max(x.low, y.low / memory)  # where the slope enters the diagram
    roof = f"{x(start):.1f},{y(start * memory):.1f} {x(ridge):.1f},{y(limit):.1f} {x(x.high):.1f},{y(limit):.1f}"
    out.append(f'<polyline points="{roof}" fill="none" stroke="#1f2933" stroke-width="2"/>')
    out.append(text(WIDTH - RIGHT - 4, y(limit) - 8, f"one large product: {limit:.0f} GFLOP/s", "end"))
    at = start * (ridge / start) ** 0.4
    slope = math.degrees(math.atan2(y(limit) - y(start * memory), x(ridge) - x(start)))
    out.append(text(x(at), y(at * memory) - 8, f"memory: {memory:.0f} GB/s", "middle",
                    extra=f' transform="rotate({slope:.1f} {x(at):.1f} {y(at * memory):.1f})"'))

    discs = [(x(intensity), y(rate), 4 + 46 * math.sqrt(share / math.pi), name, f"{shown(name)} {rate:.3g}")
             for name, intensity, rate, share in sorted(places, key=lambda place: -place[3])]
    for cx, cy, radius, name, _ in discs:
        out.append(f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="{radius:.1f}" fill="{COLOURS[name]}" fill-opacity="0.8"/>')
    return out + labels(discs)


def labels(discs):
    """A label beside each disc, where it covers no other and no disc."""
    taken = [(cx - radius, cy - radius, cx + radius, cy + radius) for cx, cy, radius, _, _ in discs]
    out = []
    for cx, cy, radius, _, words in discs:
        width, height, gap = 6.8 * len(words), 13, 4
        tries = [(cx + radius + gap, cy - height / 2), (cx - radius - gap - width, cy - height / 2),
                 (cx - width / 2, cy - radius - gap - height), (cx - width / 2, cy + radius + gap)]
        tries += [(left, top + away) for away in (14, -14, 28, -28, 42, -42) for left, top in tries[:2]]
        for left, top in tries:
            box = (left, top, left + width, top + height)
            inside = LEFT <= box[0] and box[2] <= WIDTH - RIGHT and TOP <= box[1] and box[3] <= BOTTOM
            if inside and not any(box[0] < t[2] and t[0] < box[2] and box[1] < t[3] and t[1] < box[3] for t in taken):
                break
        taken.append(box)
        out.append(text(left, top + height - 3, words, size=12))
    return out


def bar(step):
    """The step's time, phase by phase, as one bar with its legend."""
    out, at, top, whole = [], float(LEFT), 516, WIDTH - RIGHT - LEFT
    for name, phase in step["phases"].items():
        width = max(0.0, phase["share"]) * whole
        out.append(f'<rect x="{at:.1f}" y="{top}" width="{width:.1f}" height="26" fill="{COLOURS[name]}"/>')
        at += width
    column = 0
    for name, phase in step["phases"].items():
        x, y = LEFT + column % 4 * 205, top + 46 + column // 4 * 18
        out.append(f'<rect x="{x}" y="{y - 10}" width="11" height="11" fill="{COLOURS[name]}"/>')
        out.append(text(x + 16, y, f"{shown(name)} {100 * phase['share']:.1f} %", size=12))
        column += 1
    return out


def draw(step):
    what = "An evaluation batch" if step["what"] == "eval" else "A training step"
    title = (f"{what} of {step['batch']} × {step['length']} tokens, {step['dtype']}, {step['threads']} threads: "
             f"{step['tokens_per_second']:,.0f} tokens/s, {100 * step['share_of_limit']:.0f} % of the limit")
    body = [text(LEFT, 30, title, size=16), text(LEFT, 50, step["model"], size=12, fill="#52606d")] + diagram(step) + bar(step)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            f'font-family="system-ui, sans-serif" role="img">\n<title>{escape(title)}</title>\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n' + "\n".join(body) + "\n</svg>\n")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        step = json.load(file)
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(draw(step))


if __name__ == "__main__":
    main()
