"""Line plots as SVG: `tools/bench --plot FOLDER` draws what its tables say of cost against size."""

from pathlib import Path
from xml.sax.saxutils import escape
import math
import re

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 420, 80, 170, 40, 50
COLOURS = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd"]


def scale(low: float, high: float, first: float, last: float):
    """A logarithmic scale from values to places."""
    low, high = math.log2(low), math.log2(high)
    return lambda value: first + (math.log2(value) - low) / max(high - low, 1e-9) * (last - first)


def short(value: float) -> str:
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g}{unit}"
    return f"{value:g}"


def svg(title: str, x_title: str, y_title: str, lines: dict[str, list[tuple[float, float]]]) -> str:
    """One picture of `lines` (name -> points, both coordinates above 0), both axes logarithmic."""
    points = [point for line in lines.values() for point in line]
    if not points or any(value <= 0 for point in points for value in point):
        raise ValueError("a logarithmic plot needs points above 0")
    xs, ys = sorted({x for x, _ in points}), [y for _, y in points]
    powers = range(math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys))) + 1)
    x_at = scale(xs[0], xs[-1], LEFT, WIDTH - RIGHT)
    y_at = scale(10.0 ** powers[0], 10.0 ** powers[-1], HEIGHT - BOTTOM, TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{LEFT}" y="20" font-size="15">{escape(title)}</text>',
           f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">'
           f'{escape(x_title)}</text>',
           f'<text x="16" y="{(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" '
           f'transform="rotate(-90 16 {(TOP + HEIGHT - BOTTOM) / 2})">{escape(y_title)}</text>']
    for power in powers:
        y = y_at(10.0 ** power)
        out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/><text x="{LEFT - 6}" '
                   f'y="{y + 4:.1f}" text-anchor="end">{short(10.0 ** power)}</text>')
    for x in xs:
        out.append(f'<text x="{x_at(x):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">'
                   f'{short(x)}</text>')
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x_at(x):.1f},{y_at(y):.1f}" for x, y in sorted(line))
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out.append(f'<text x="{WIDTH - RIGHT + 8}" y="{y_at(sorted(line)[-1][1]) + 4:.1f}" '
                   f'fill="{colour}">{escape(name)}</text>')
    return "\n".join(out) + "\n</svg>\n"


def fork_lines(rows: list[dict], arch: str) -> dict[str, list[tuple[float, float]]]:
    """The cost of fork against what is resident, from the rows of kernel-ARCH."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        size = re.fullmatch(r"fork call, (\d+) MiB resident", row["row"])
        if row["arch"] != arch or not row["suite"].startswith("kernel-") or not size \
                or int(size[1]) == 0:
            continue
        lines.setdefault("this kernel", []).append((float(size[1]), row["ours"]))
        if row["peer"]:
            lines.setdefault(row["peer_name"], []).append((float(size[1]), row["peer"]))
    return lines


UNITS = {"MiB": 1, "GiB": 1024}


def clone_lines(rows: list[dict]) -> dict[str, list[tuple[float, float]]]:
    """libvm's clone against what is resident, hosted: from the rows of the suite space."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        size = re.fullmatch(r"(clone.*), resident (\d+) ([MG]iB)", row["row"])
        if size and row["suite"] == "space" and row["unit"] == "ns":
            lines.setdefault(size[1], []).append((float(size[2]) * UNITS[size[3]], row["ours"]))
    return lines


def copy_lines(rows: list[dict]) -> dict[str, list[tuple[float, float]]]:
    """Nanoseconds a copy against its size, from the rows of the suite usercopy."""
    lines: dict[str, dict[float, float]] = {}
    for row in rows:
        size = re.fullmatch(r"(from user|to user), warm, (\d+) B", row["row"])
        if not size or row["suite"] != "usercopy":
            continue
        lines.setdefault(size[1], {})[float(size[2])] = row["ours"]
        if row["peer"]:
            lines.setdefault(row["peer_name"], {})[float(size[2])] = row["peer"]
    return {name: sorted(line.items()) for name, line in lines.items()}


def plot(rows: list[dict], folder: Path) -> list[Path]:
    """Writes what `rows` have the points for; the files written."""
    written = []
    for name, title, sizes, unit, lines in (
            ("clone", "clone of an address space, hosted", "resident, MiB", "ns", clone_lines(rows)),
            ("usercopy", "copies, x86_64, hosted, warm", "bytes", "ns", copy_lines(rows))):
        if lines:
            path = folder / f"{name}.svg"
            path.write_text(svg(title, sizes, unit, lines))
            written.append(path)
    for arch in sorted({row["arch"] for row in rows}):
        lines = fork_lines(rows, arch)
        if lines:
            path = folder / f"fork-{arch}.svg"
            path.write_text(svg(f"fork(), {arch}", "resident, MiB", "instructions", lines))
            written.append(path)
    return written
