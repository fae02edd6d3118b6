"""From power-on to a program: pages brought in when they are touched, against all at once (--eager)."""

import re
import subprocess
import sys

from . import build
from .status import QEMU, Stop

RUNS = 5  # of each, in turns; the quickest counts
INSTRUCTION_NS = 16  # machine.ICOUNT
# Power-on is the machine's reset: most of that is the firmware's.
LINE = "vmbench power_on; cat /scheme/sys/uptime"


def once(arch: str, *options: str) -> tuple[float, float]:
    """What vmbench's counter said when it began, and the kernel's nanoseconds a little later."""
    result = subprocess.run([build.TOP / "tools" / "run", arch, "--release", "--timeout", "120",
                             *options, "--cmd", LINE], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    power_on = re.search(r"^power_on 1 ([\d.]+) ", result.stdout, re.M)
    uptime = re.search(r"^nanoseconds (\d+)$", result.stdout, re.M)
    if result.returncode != 0 or not power_on or not uptime:
        raise Stop(QEMU, f"tools/run {arch} {' '.join(options)} ended with {result.returncode}:\n"
                   + (result.stdout + result.stderr)[-1000:])
    return float(power_on[1]), float(uptime[1])


def table(arch: str) -> list[dict]:
    """Runs both, prints the table; rows for JSON."""
    build.build(arch)
    build.other_kernel(arch, "release")
    print(f"{arch}: counting", file=sys.stderr, flush=True)
    lazy = once(arch, "--icount")
    eager = once(arch, "--icount", "--eager")
    figures = [("power-on to a program", "instructions", lazy[0], eager[0]),
               ("kernel's entry to a program's end", "instructions", lazy[1] / INSTRUCTION_NS,
                eager[1] / INSTRUCTION_NS)]
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for number in range(2 * RUNS):
        print(f"{arch}: {number + 1} of {2 * RUNS} boots", file=sys.stderr, flush=True)
        is_eager = number % 2 == 1
        options = ["--append", "root=initfs", *(["--eager"] if is_eager else [])]
        seconds[is_eager].append(once(arch, *options)[1] * 1e-9)
    figures.append(("kernel's entry to a program's end", "s", min(seconds[False]), min(seconds[True])))
    print(f"{'':44} {'lazy':>16} {'eager':>16} {'ratio':>7}")
    rows = []
    for name, unit, ours, peer in figures:
        form = ".3f" if unit == "s" else ".0f"
        print(f"{name + ', ' + unit:44} {ours:16{form}} {peer:16{form}} {ours / peer:7.3f}")
        rows.append({"suite": f"boot-{arch}", "arch": arch, "row": name, "unit": unit, "ours": ours,
                     "peer": peer, "peer_name": "paging=eager", "ratio": round(ours / peer, 4)})
    return rows
