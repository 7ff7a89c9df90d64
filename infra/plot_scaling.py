"""Draws infra/scaling.svg and prints the table of infra/scaling.md: `python3 infra/plot_scaling.py RUN.json...`.

Each file is what `cargo run --release -- load --recipients N --channel sms --send-only --json FILE` wrote.
"""

import json
import math
import pathlib
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 740, 360, 60, 40, 20, 50
FEWEST, MOST, SLOWEST = 1_000, 1_000_000, 3.0
LINES = (("delivered", "#1f5fa8"), ("sent", "#b5521b"))


def x(recipients):
    decades = math.log10(recipients / FEWEST) / math.log10(MOST / FEWEST)
    return LEFT + decades * (WIDTH - LEFT - RIGHT)


def y(milliseconds):
    return HEIGHT - BOTTOM - milliseconds / SLOWEST * (HEIGHT - TOP - BOTTOM)


def axes():
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    for half in range(int(SLOWEST * 2) + 1):
        at = y(half / 2)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.0f}" y2="{at:.0f}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 8}" y="{at + 4:.0f}" text-anchor="end">{half / 2:g}</text>'
    for recipients in (1_000, 10_000, 100_000, 1_000_000):
        yield f'<text x="{x(recipients):.0f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{recipients:,}</text>'
    yield f'<text x="{(WIDTH + LEFT) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">recipients</text>'
    yield f'<text x="{LEFT}" y="14">ms per message</text>'


def line(sends, stage, colour):
    points = [(x(send["recipients"]), y(send["stages_s"][stage] * 1e3 / send["recipients"])) for send in sends]
    path = " ".join(f"{across:.1f},{down:.1f}" for across, down in points)
    yield f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>'
    for across, down in points:
        yield f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3.5" fill="{colour}"/>'
    across, down = points[-1]
    yield f'<text x="{across:.0f}" y="{down - 10:.0f}" text-anchor="end" fill="{colour}">to {stage}</text>'


def row(run):
    send, stages = run["send"], run["send"]["stages_s"]
    times = " | ".join(f"{stages[stage]:.2f}" for stage in ("written", "sent", "delivered"))
    units = " | ".join(f"{run['budgets'][units]['value']:.2f}" for units in ("writes", "reads"))
    return f"| {send['recipients']:,} | {times} | {send['ms_per_message']:.2f} | {units} |"


def main():
    runs = sorted((json.loads(pathlib.Path(file).read_text()) for file in sys.argv[1:]), key=lambda run: run["recipients"])
    sends = [run["send"] for run in runs]
    drawn = [*axes(), *(part for stage, colour in LINES for part in line(sends, stage, colour))]
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        "<title>Time per message by number of recipients</title>",
        *drawn,
        "</svg>\n",
    ]
    (pathlib.Path(__file__).parent / "scaling.svg").write_text("\n".join(svg))
    print("\n".join(row(run) for run in runs))


main()
