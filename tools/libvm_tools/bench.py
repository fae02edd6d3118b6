"""tools/bench: set up, build, run the benchmarks one after the other, print and collect their tables."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from . import bootbench, build, plot, shootdowns, vmbench
from .status import BAD_USAGE, Stop

USAGE = """\
usage: tools/bench [--list] [--json FILE] [--plot FOLDER] [--compare FILE] [SUITE]...
       tools/bench --profile ROW [x86_64|aarch64]
Runs the named suites ("schemes": schemes-ARCH of both), or all; each prints its table. Figures of one row come from one run of one
program: quote their ratio, the machine may be busy. Exit status 0, 1 when a suite failed.

  --list        the suites
  --json FILE   write every row: {suite, arch, row, unit, ours, peer, peer_name, ratio}; ratio is
                ours / peer, less is better unless higher_is_better is set
  --plot FOLDER draw costs against size: fork-ARCH.svg, clone.svg, usercopy.svg
  --compare FILE
                beside the table: the rows that differ by over 2 % from those of an earlier --json
  --profile ROW which functions of the kernel the instructions of a row of kernel- or schemes-ARCH are in
  --help        this text"""


def bad(message: str) -> Stop:
    return Stop(BAD_USAGE, f"{message} (see tools/bench --list, --help)")


def suites() -> dict[str, list[str]]:
    """Name -> command, for every meson benchmark() of the native build."""
    build.configure("native", refresh=True)
    path = build.folder("native") / "meson-info" / "intro-benchmarks.json"
    return {entry["name"]: entry["cmd"] for entry in json.loads(path.read_text())}


def guest_suites() -> dict[str, Callable[[], list[dict]]]:
    """Name -> what runs it in a machine, prints its table and returns its rows."""
    found: dict[str, Callable[[], list[dict]]] = {}
    for arch in build.ARCHES:
        for program in vmbench.PROGRAMS:
            found[f"{program.suite}-{arch}"] = partial(vmbench.table, program, arch)
        found[f"time-{arch}"] = partial(vmbench.table, vmbench.PROGRAMS[0], arch, timed=True)
        found[f"boot-{arch}"] = partial(bootbench.table, arch)
    found["shootdown"] = lambda: [row for arch in build.ARCHES for row in shootdowns.table(arch)]
    return found


def run_guest(name: str, table: Callable[[], list[dict]]) -> tuple[bool, list[dict]]:
    print(f"== {name}", flush=True)
    started = time.monotonic()
    try:
        rows = table()
    except Stop as stop:
        print(f"FAILED {name}: {stop.message}; repeat: tools/bench {name}", flush=True)
        return False, []
    print(f"== {name}: {time.monotonic() - started:.0f} s\n", flush=True)
    return True, rows


def profile(arguments: list[str]) -> int:
    arch = arguments[1] if len(arguments) == 2 else build.ARCHES[0]
    if len(arguments) not in (1, 2) or arch not in build.ARCHES:
        raise bad("--profile needs a row of vmbench or callbench and at most an architecture")
    build.setup()
    vmbench.profile(arch, arguments[0])
    return 0


@dataclass
class Options:
    names: list[str] = field(default_factory=list)
    output: Path | None = None
    pictures: Path | None = None
    earlier: list[dict] | None = None
    listing: bool = False


def parse(arguments: list[str]) -> Options:
    options = Options()
    rest = iter(arguments)
    for argument in rest:
        if argument == "--help":
            print(USAGE)
            sys.exit(0)
        elif argument == "--list":
            options.listing = True
        elif argument == "--json":
            value = next(rest, None)
            if not value:
                raise bad("--json needs a file")
            options.output = Path(value)
            if not options.output.absolute().parent.is_dir():
                raise bad(f"--json {value}: its folder does not exist")
        elif argument == "--plot":
            value = next(rest, None)
            if not value or not Path(value).is_dir():
                raise bad(f"--plot {value or ''}: not a folder")
            options.pictures = Path(value)
        elif argument == "--compare":
            options.earlier = read_rows(next(rest, None) or "")
        elif argument.startswith("-"):
            raise bad(f"unknown argument {argument}")
        else:
            options.names.append(argument)
    return options


def read_rows(name: str) -> list[dict]:
    try:
        rows = json.loads(Path(name).read_text())
        if not isinstance(rows, list):
            raise ValueError("not a list")
        for row in rows:
            float(row["ours"]), row_key(row)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise bad(f"--compare {name}: no rows of tools/bench --json ({error})") from error
    return rows


def row_key(row: dict) -> tuple[str, ...]:
    return tuple(str(row[part]) for part in ("suite", "arch", "row", "unit", "peer_name"))


def compare(rows: list[dict], earlier: list[dict]) -> list[str]:
    """A line for each row that differs by over 2 %, and one that counts."""
    before = {row_key(row): row["ours"] for row in earlier}
    both = [row for row in rows if row_key(row) in before]
    lines = []
    seen = set()
    for row in both:
        now, then = row["ours"], before[row_key(row)]
        if (row["suite"], row["row"], row["unit"]) in seen:
            continue
        seen.add((row["suite"], row["row"], row["unit"]))
        if abs(now - then) > 0.02 * max(abs(now), abs(then)):
            lines.append(f"{row['suite']}: {row['row']}, {row['unit']}: {then:g} -> {now:g}"
                         + (f", x{now / then:.3f}" if then else ""))
    return [*lines, f"{len(lines)} of {len(seen)} rows differ by over 2 %"]


def run(name: str, command: list[str]) -> tuple[bool, list[dict]]:
    with tempfile.TemporaryDirectory() as scratch:
        rows = Path(scratch) / "rows.json"
        print(f"== {name}", flush=True)
        started = time.monotonic()
        result = subprocess.run([*command, "--json", str(rows)], stdin=subprocess.DEVNULL, cwd=build.folder("native"))
        print(f"== {name}: {time.monotonic() - started:.0f} s\n", flush=True)
        if result.returncode != 0:
            print(f"FAILED {name}: exit status {result.returncode}; repeat: tools/bench {name}", flush=True)
            return False, []
        return True, json.loads(rows.read_text())


def bench(arguments: list[str]) -> int:
    if arguments[:1] == ["--profile"]:
        return profile(arguments[1:])
    options = parse(arguments)
    names = options.names
    build.setup()
    known = suites()
    guests = guest_suites()
    names = [each for name in names
             for each in ([f"{name}-{arch}" for arch in build.ARCHES]
                          if f"{name}-{build.ARCHES[0]}" in guests else [name])]
    unknown = [name for name in names if name not in known and name not in guests]
    if unknown:
        raise bad(f"no suite {unknown[0]}")
    if options.listing:
        print("\n".join([*known, *guests]))
        return 0
    if not names or any(name in known for name in names):
        build.run_quietly(["ninja", "-C", str(build.folder("native")), "meson-benchmark-prereq"],
                          "building the benchmarks")
    rows, good = [], True
    for name in names or [*known, *guests]:
        succeeded, found = run_guest(name, guests[name]) if name in guests else run(name, known[name])
        good = good and succeeded
        rows += found
    if options.output:
        options.output.write_text(json.dumps(rows, indent=1) + "\n")
    if options.earlier is not None:
        print("\n".join(compare(rows, options.earlier)))
    if options.pictures:
        for path in plot.plot(rows, options.pictures):
            print(f"drew {path}")
    return 0 if good else 1


def main() -> int:
    try:
        return bench(sys.argv[1:])
    except Stop as stop:
        print(f"tools/bench: {stop.message}", file=sys.stderr)
        return stop.status
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
