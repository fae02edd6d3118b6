"""tools/test: set up, build everything, run the hosted tests and the tests in QEMU, count."""

import concurrent.futures
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from . import build
from .results import Report, count
from .status import BAD_USAGE, TABLE, Stop

USAGE = """\
usage: tools/test [--list] [SUITE[:PATTERN]]...
Builds everything and runs the named suites, or all that are not on demand. PATTERN picks the tests
of a suite whose name contains it. The last line is `N passed, N failed`; the exit status is 0 when
none failed, 1 when one did.

  --list      the suites
  --jobs N    machines running at the same time (2)
  --smp N     processors of every machine that a suite does not choose for itself (1)
              BOOTS=N in the environment: how often the suites boots-ARCH boot (50)
              TORTURE=N: how many seconds the suites torture-ARCH run (20)
  --help      this text

""" + TABLE

QEMU_FOLDER = build.TOP / "test" / "qemu"


def bad(message: str) -> Stop:
    return Stop(BAD_USAGE, f"{message} (see tools/test --list, --help)")


# ---- which suites there are --------------------------------------------------------------------


def hosted_suites() -> list[str]:
    """Suites of the hosted tests, in the order of the meson files."""
    build.configure("native", refresh=True)
    tests = json.loads((build.folder("native") / "meson-info" / "intro-tests.json").read_text())
    return list(dict.fromkeys(suite.partition(":")[2] or suite
                              for test in tests for suite in test["suite"]))


def qemu_suites() -> dict[str, tuple[Path, str, bool]]:
    """Name -> (program, architecture, only when named)."""
    suites = {}
    for program in sorted(QEMU_FOLDER.glob("*.py")):
        text = program.read_text()
        if "__main__" not in text:
            continue
        on_demand = re.search(r"^ON_DEMAND = True$", text, re.M) is not None
        for arch in build.ARCHES:
            suites[f"{program.stem}-{arch}"] = (program, arch, on_demand)
    return suites


# ---- running them ------------------------------------------------------------------------------


def run_hosted(suites: dict[str, str], report: Report) -> None:
    """Runs meson's tests; its log has one JSON object a finished test."""
    native = build.folder("native")
    log = native / "meson-logs" / "testlog.json"
    patterns = [pattern for pattern in suites.values() if pattern]
    names = []
    if patterns:
        tests = json.loads((native / "meson-info" / "intro-tests.json").read_text())
        for suite, pattern in suites.items():
            names += [test["name"] for test in tests
                      if any(full.endswith(":" + suite) for full in test["suite"])
                      and pattern in test["name"]]
        if not names:
            raise bad(f"no hosted test of {' '.join(suites)} matches {' '.join(patterns)}")
    log.unlink(missing_ok=True)
    command = ["meson", "test", "-C", str(native), "--no-rebuild", "--num-processes",
               str(os.cpu_count() or 1)]
    for suite in suites:
        command += ["--suite", f"libvm:{suite}"]
    meson = subprocess.Popen([*command, *names], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, errors="replace")
    output = []
    seen = 0
    for line in meson.stdout:
        output.append(line)
        seen = report_hosted(log, seen, report)
    meson.wait()
    seen = report_hosted(log, seen, report)
    if seen == 0:
        report.add("hosted", "running meson test", 0, 1, "".join(output), "tools/test")


def report_hosted(log: Path, seen: int, report: Report) -> int:
    """Reports what the log has beyond the first `seen` tests; returns how many it has now."""
    lines = log.read_text(errors="replace").split("\n") if log.exists() else [""]
    for line in lines[seen:-1]:  # the last one is not complete yet
        test = json.loads(line)
        suite, _, name = test["name"].partition(" / ")
        suite = suite.partition(":")[2] or suite
        output = test.get("stdout", "") + test.get("stderr", "")
        passed = test["result"] in ("OK", "EXPECTEDFAIL", "SKIP")
        good, failed = count(output, passed)
        why = output if test["result"] != "TIMEOUT" else output + "\ntimed out"
        report.add(suite, name, good, failed, why, f"tools/test '{suite}:{name}'")
        seen += 1
    return seen


def run_qemu(name: str, program: Path, arch: str, pattern: str, report: Report) -> None:
    """Runs one suite and reports each TAP line when it comes."""
    suite = subprocess.Popen([sys.executable, "-s", program, arch, pattern],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, errors="replace")
    said = total = 0
    current: tuple[bool, str] | None = None
    why: list[str] = []
    planned = None
    again = "tools/test " + (f"--smp {os.environ['SMP']} " if os.environ.get("SMP") else "")

    def flush() -> None:
        if current is not None:
            report.add(name, current[1], int(current[0]), int(not current[0]), "\n".join(why),
                       f"{again}'{name}:{current[1].partition(':')[0]}'")

    for line in suite.stdout:
        line = line.rstrip("\n")
        if found := re.match(r"(not ok|ok)\b\s*(\d+)?\s*(?:-\s*)?(.*)", line):
            flush()
            current, why = (found[1] == "ok", found[3]), []
            said += found[2] is not None
            total += 1
            if current[0]:  # nothing more to come for a good one
                flush()
                current = None
        elif found := re.match(r"1\.\.(\d+)", line):
            planned = int(found[1])
        else:
            why.append(line.removeprefix("# "))
    flush()
    suite.wait()
    if planned is None or said < planned or total == 0 or (suite.returncode and current is None
                                                           and not said):
        report.add(name, f"ended after {said} of {planned} tests with status {suite.returncode}",
                   0, 1, "\n".join(why), f"{again}{name}")


def build_all(names: list[str], report: Report) -> set[str]:
    """Builds the folders; returns those that did."""
    built = set()
    for name in names:
        began = time.monotonic()
        try:
            build.build(name)
        except Stop as stop:
            report.add("build", name, 0, 1, stop.message, f"ninja -C build/{name}")
            continue
        print(f"built build/{name} in {time.monotonic() - began:.0f} s", flush=True)
        built.add(name)
    return built


def run(arguments: list[str]) -> int:
    jobs = 2
    wanted: dict[str, str] = {}
    listing = False
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--list":
            listing = True
        elif word == "--jobs":
            value = rest.pop(0) if rest else ""
            if not value.isdigit() or not 1 <= int(value) <= 64:
                raise bad(f"--jobs {value or repr(value)}: not a number from 1 to 64")
            jobs = int(value)
        elif word == "--smp":
            value = rest.pop(0) if rest else ""
            if not value.isdigit() or not 1 <= int(value) <= 64:
                raise bad(f"--smp {value or repr(value)}: not a number from 1 to 64")
            os.environ["SMP"] = value
        elif word.startswith("-"):
            raise bad(f"unknown argument {word}")
        else:
            name, _, pattern = word.partition(":")
            wanted[name] = pattern
    qemu = qemu_suites()
    build.setup()
    hosted = hosted_suites()
    for name in wanted:
        if name not in qemu and name not in hosted:
            raise bad(f"no suite {name or repr(name)}")
    if listing:
        for name in hosted:
            print(f"{name}  (hosted)")
        for name, (_, _, on_demand) in qemu.items():
            print(f"{name}  (QEMU{', on demand' if on_demand else ''})")
        return 0
    if not wanted:
        wanted = {name: "" for name in hosted} | \
            {name: "" for name, (_, _, on_demand) in qemu.items() if not on_demand}
    machines = {name: qemu[name] for name in wanted if name in qemu}
    hosts = {name: wanted[name] for name in wanted if name not in qemu}

    report = Report()
    folders = (["native"] if hosts else []) + \
        [arch for arch in build.ARCHES if any(arch == suite[1] for suite in machines.values())]
    if not arguments:
        folders = ["native", *build.ARCHES]
    built = build_all(folders, report)
    if hosts and "native" in built:
        run_hosted(hosts, report)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(run_qemu, name, program, arch, wanted[name], report)
                   for name, (program, arch, _) in machines.items() if arch in built]
        for suite in running:
            suite.result()
    return report.finish()


def main(arguments: list[str]) -> int:
    if any(word in ("-h", "--help") for word in arguments):
        print(USAGE)
        return 0
    try:
        return run(arguments)
    except Stop as stop:
        if stop.message:
            print(f"tools/test: {stop.message}", file=sys.stderr)
        return stop.status
    except KeyboardInterrupt:
        print("tools/test: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
