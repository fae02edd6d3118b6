"""tools/bench: set up, build, run the benchmarks one after the other, print and collect their tables."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import build, plot, vmbench
from .status import BAD_USAGE, Stop

USAGE = """\
usage: tools/bench [--list] [--json FILE] [--plot FOLDER] [SUITE]...
       tools/bench --profile ROW [x86_64|aarch64]
Runs the named suites, or all; each prints its table. Figures of one row come from one run of one
program: quote their ratio, the machine may be busy. Exit status 0, 1 when a suite failed.

  --list        the suites
  --json FILE   write every row: {suite, arch, row, unit, ours, peer, peer_name, ratio}; ratio is
                ours / peer, less is better unless higher_is_better is set
  --plot FOLDER draw the cost of fork against resident memory: fork-ARCH.svg
  --profile ROW which functions of the kernel the instructions of a row of user/vmbench are in
  --help        this text"""


def bad(message: str) -> Stop:
    return Stop(BAD_USAGE, f"{message} (see tools/bench --list, --help)")


def suites() -> dict[str, list[str]]:
    """Name -> command, for every meson benchmark() of the native build."""
    build.configure("native", refresh=True)
    path = build.folder("native") / "meson-info" / "intro-benchmarks.json"
    return {entry["name"]: entry["cmd"] for entry in json.loads(path.read_text())}


def kernel_suites() -> dict[str, str]:
    return {f"kernel-{arch}": arch for arch in build.ARCHES}


def run_kernel(name: str) -> tuple[bool, list[dict]]:
    print(f"== {name}", flush=True)
    started = time.monotonic()
    try:
        rows = vmbench.table(kernel_suites()[name], [])
    except Stop as stop:
        print(f"FAILED {name}: {stop.message}; repeat: tools/bench {name}", flush=True)
        return False, []
    print(f"== {name}: {time.monotonic() - started:.0f} s\n", flush=True)
    return True, rows


def profile(arguments: list[str]) -> int:
    arch = arguments[1] if len(arguments) == 2 else build.ARCHES[0]
    if len(arguments) not in (1, 2) or arch not in build.ARCHES:
        raise bad("--profile needs a row of vmbench and at most an architecture")
    build.setup()
    vmbench.profile(arch, arguments[0])
    return 0


def parse(arguments: list[str]) -> tuple[list[str], Path | None, Path | None, bool]:
    names, output, pictures, listing = [], None, None, False
    rest = iter(arguments)
    for argument in rest:
        if argument == "--help":
            print(USAGE)
            sys.exit(0)
        elif argument == "--list":
            listing = True
        elif argument == "--json":
            value = next(rest, None)
            if not value:
                raise bad("--json needs a file")
            output = Path(value)
            if not output.absolute().parent.is_dir():
                raise bad(f"--json {value}: its folder does not exist")
        elif argument == "--plot":
            value = next(rest, None)
            if not value or not Path(value).is_dir():
                raise bad(f"--plot {value or ''}: not a folder")
            pictures = Path(value)
        elif argument.startswith("-"):
            raise bad(f"unknown argument {argument}")
        else:
            names.append(argument)
    return names, output, pictures, listing


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
    names, output, pictures, listing = parse(arguments)
    build.setup()
    known = suites()
    guests = kernel_suites()
    unknown = [name for name in names if name not in known and name not in guests]
    if unknown:
        raise bad(f"no suite {unknown[0]}")
    if listing:
        print("\n".join([*known, *guests]))
        return 0
    if not names or any(name in known for name in names):
        build.run_quietly(["ninja", "-C", str(build.folder("native")), "meson-benchmark-prereq"],
                          "building the benchmarks")
    rows, good = [], True
    for name in names or [*known, *guests]:
        succeeded, found = run_kernel(name) if name in guests else run(name, known[name])
        good = good and succeeded
        rows += found
    if output:
        output.write_text(json.dumps(rows, indent=1) + "\n")
    if pictures:
        for path in plot.plot(rows, pictures):
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
