#!/usr/bin/env python3
"""Draws how a run learned: the training loss by update, the loss and accuracy of its evaluations, as one SVG.

    python3 scripts/release/loss_curve.py RUN… curve.svg

RUN is a run folder of tekio adapt or tekio pretrain, also while it trains: then the newest checkpoint tells the evaluations. A
trainer_state.json of the reference stack's Trainer will do too. Of several, each goes on where the one before it ended. The thin line is the
loss of every update, from metrics.jsonl where that lies beside; the thick one is what was logged, the mean since the last log line; discs
are evaluations. Needs nothing but Python.
"""
import json
import math
import os
import sys
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 900, 520
LEFT, RIGHT, TOP, BOTTOM = 70, 70, 64, 452
LOSS, LOGGED, EVALUATED, KNOWN = "#a9c6e3", "#1f6fb4", "#b8395a", "#3a8f5c"
LABEL = 190  # pixels that the last evaluation's label takes to its left: it stands above whatever is drawn there
MOST_POINTS = 900  # of the thin line: as many as there are pixels; each is then the mean of several updates


class Axis:
    """A linear axis from `low` to `high`, drawn from pixel `start` to `end`, ticks at round numbers."""

    def __init__(self, low, high, start, end, ticks):
        span = max(high - low, 1e-6)
        self.unit = 10.0 ** math.floor(math.log10(span / ticks))
        self.unit *= next(step for step in (1, 2, 5, 10) if span / (self.unit * step) <= ticks)
        self.low = math.floor(low / self.unit + 1e-9) * self.unit
        self.high, self.start, self.end = max(high, self.low + self.unit), start, end

    def __call__(self, value):
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self):
        return [self.low + i * self.unit for i in range(int((self.high - self.low) / self.unit + 1e-9) + 1)]


def text(x, y, words, anchor="start", size=13, fill="#1f2933", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}"{extra}>{escape(words)}</text>'


def line(x1, y1, x2, y2, stroke):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"/>'


def polyline(points, stroke, width, dashes=""):
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{places}" fill="none" stroke="{stroke}" stroke-width="{width}"{dashes}/>'


def thinned(points):
    """No more than MOST_POINTS: the means of runs of points."""
    size = max(1, math.ceil(len(points) / MOST_POINTS))
    parts = [points[i:i + size] for i in range(0, len(points), size)]
    return [(part[-1][0], sum(loss for _, loss in part) / len(part)) for part in parts]


def state_in(run):
    """The run's trainer_state.json, or its newest checkpoint's, or None."""
    steps = sorted(int(name[11:]) for name in os.listdir(run) if name.startswith("checkpoint-") and name[11:].isdigit())
    places = [run] + [os.path.join(run, f"checkpoint-{step}") for step in reversed(steps)]
    states = [os.path.join(place, "trainer_state.json") for place in places]
    return next((state for state in states if os.path.exists(state)), None)


def read(path):
    """(step, loss) of every update and of every log line; (step, loss, accuracy or None) of every evaluation; a list each."""
    folder, history = path if os.path.isdir(path) else os.path.dirname(path), []
    state = state_in(folder) if os.path.isdir(path) else path
    if state is not None:
        with open(state, encoding="utf-8") as file:
            history = json.load(file)["log_history"]
    logged = [(entry["step"], entry["loss"]) for entry in history if "loss" in entry]
    evaluated = [(entry["step"], entry["eval_loss"], entry.get("eval_accuracy")) for entry in history if "eval_loss" in entry]
    updates = []
    if os.path.exists(os.path.join(folder, "metrics.jsonl")):
        with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as file:
            whole = (entry for entry in file if entry.endswith("\n"))  # the last may be on its way
            updates = [(entry["step"], entry["loss"]) for entry in map(json.loads, whole)]
    return updates, logged, evaluated


def in_a_row(runs):
    """The points of several runs as those of one; each begins at the last step of the one before."""
    joined, begin = ([], [], []), 0
    for run in runs:
        for points, more in zip(joined, run):
            points += [(begin + step, *rest) for step, *rest in more]
        begin = max((step for points in joined for step, *_ in points), default=begin)
    return joined


def draw(title, updates, logged, evaluated):
    losses = [loss for _, loss, *_ in updates + logged + evaluated]
    if not losses:
        sys.exit("loss_curve: there is no loss in this run yet")
    steps = max(step for step, *_ in updates + logged + evaluated)
    x = Axis(0, steps, LEFT, WIDTH - RIGHT, 10)
    y = Axis(min(losses), max(losses), BOTTOM, TOP, 10)
    out = []
    for tick in x.ticks():
        out += [line(x(tick), TOP, x(tick), BOTTOM, "#e3e7ec"), text(x(tick), BOTTOM + 18, f"{tick:g}", "middle", 12, "#52606d")]
    for tick in y.ticks():
        out += [line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "#e3e7ec"), text(LEFT - 8, y(tick) + 4, f"{tick:g}", "end", 12, "#52606d")]
    middle = (TOP + BOTTOM) / 2
    out += [text((LEFT + WIDTH - RIGHT) / 2, BOTTOM + 40, "update", "middle"),
            text(20, middle, "loss, nats a masked token", "middle", extra=f' transform="rotate(-90 20 {middle:.1f})"')]

    updates = thinned(updates)
    legend = [(LOSS, "each update", updates), (LOGGED, "logged", logged), (EVALUATED, "evaluation", evaluated)]
    out += [polyline([(x(step), y(loss)) for step, loss in updates], LOSS, 1),
            polyline([(x(step), y(loss)) for step, loss in logged], LOGGED, 2),
            polyline([(x(step), y(loss)) for step, loss, _ in evaluated], EVALUATED, 1.5)]
    out += [f'<circle cx="{x(step):.1f}" cy="{y(loss):.1f}" r="3.5" fill="{EVALUATED}"/>' for step, loss, _ in evaluated]
    if evaluated:
        step, loss, _ = evaluated[-1]
        beside = [y(other) for at, other, *_ in updates + logged + evaluated if x(at) > x(step) - LABEL]
        out.append(text(x(step), max(min(beside) - 8, TOP + 12), f"{loss:.3f} (perplexity {math.exp(min(loss, 700)):.4g})", "end", 12, EVALUATED))
    known = [(step, 100 * accuracy) for step, _, accuracy in evaluated if accuracy is not None]
    if known:
        share = Axis(0, max(1.0, *(percent for _, percent in known)), BOTTOM, TOP, 10)
        out += [text(WIDTH - RIGHT + 8, share(tick) + 4, f"{tick:g} %", size=12, fill=KNOWN) for tick in share.ticks()]
        out.append(polyline([(x(step), share(percent)) for step, percent in known], KNOWN, 1.5, ' stroke-dasharray="5 3"'))
        legend.append((KNOWN, "accuracy", known))
    at = LEFT
    for colour, words, points in legend:
        if not points:
            continue
        out += [f'<rect x="{at}" y="{TOP - 24}" width="11" height="11" fill="{colour}"/>', text(at + 16, TOP - 14, words, size=12)]
        at += 30 + 8 * len(words)
    body = [text(LEFT, 26, title, size=16)] + out
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            f'font-family="system-ui, sans-serif" role="img">\n<title>{escape(title)}</title>\n'
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n' + "\n".join(body) + "\n</svg>\n")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    *runs, picture = sys.argv[1:]
    names = ", ".join(os.path.basename(os.path.abspath(run)) for run in runs)
    try:
        drawn = draw(f"The loss of {names}", *in_a_row(map(read, runs)))
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"loss_curve: {error!r}; expected run folders, then the picture's name")
    with open(picture, "w", encoding="utf-8") as file:
        file.write(drawn)


if __name__ == "__main__":
    main()
