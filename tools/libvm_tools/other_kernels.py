"""For the suites of kernels built with other options: the self-tests, programs that go through most of the kernel,
and mistakes that must be reported."""

import re
from collections.abc import Callable

from . import guest, status

# What programs do wrong or in bulk, on two processors; root -> (name, line that fails when it fails).
PROGRAMS = {
    "ramfs": [
        ("a pipeline of programs", "seq 2000 | sort -rn | awk '{s += $1} END {exit s != 2001000}'"),
        ("faults end a program alone", "crash null-write; crash stack-overflow; [ $? -eq 139 ]"),
        ("files on a daemon", "cp -r /etc /tmp/etc && diff -r /etc /tmp/etc && rm -r /tmp/etc"),
        ("shared mappings of a file of a daemon", "coherent /tmp/mapped"),
        ("views", "cat /proc/meminfo /proc/self/maps /scheme/sys/audit >/dev/null && ps >/dev/null"),
    ],
    "initfs": [
        ("threads that map, touch and unmap", "torture 2"),
        ("programs that take too much", "hog descriptors && hog mappings && hog threads"),
        ("each allocation of a fork fails once", "starved fork"),
        ("each allocation of a page fault fails once", "starved fault"),
        ("descriptors of spaces and processes", "descriptors"),
    ],
}


def self_tests(arch: str, *kernel: str) -> list:
    result = guest.boot(arch, *kernel, "--mem", "256", "--append", "selftest=all",
                        "--cmd", "/bin/true", timeout=300)
    lines = re.findall(r"^@test (ok|failed) ([^:\n]+)(?:: (.*))?$", result.log, re.M)
    failed = [f"{name}: {why}" for verdict, name, why in lines if verdict == "failed"]
    if result.status != 0 or len(lines) < 50:
        result.fail(f"status {result.status} ({result.reason}), {len(lines)} tests; "
                    + "; ".join(failed))
    return []


def programs(arch: str, *kernel: str) -> list:
    parts = []
    for root, lines in PROGRAMS.items():
        script = "; ".join(f"{{ {text}; }} >/dev/null 2>&1 && echo 'ok {name}'"
                           for name, text in lines)
        result = guest.boot(arch, *kernel, "--smp", "2", "--append",
                            f"root={root} aslr=off",
                            "--cmd", script + "; true", timeout=400)
        said = result.stdout.decode(errors="replace").splitlines()
        good = [f"ok {name}" in said for name, _ in lines]
        parts += [(name, None if there else "it failed, or was not reached")
                  for there, (name, _) in zip(good, lines)]
        if result.status != 0 or not all(good):
            parts.append((f"the log, root {root}", f"status {result.status} ({result.reason})\n"
                          + result.log[-2500:]))
    return parts


def mistakes(arch: str, kind: str, reports: dict[str, str]) -> list:
    """One boot for each `panictest` word: the kernel panics with a message that matches, and its
    backtrace names who did it."""
    parts = []
    for word, message in reports.items():
        result = guest.boot(arch, "--sanitize", kind, "--mem", "256", "--append",
                            f"panictest={word}", "--cmd", "/bin/true", timeout=60)
        good = result.status == status.PANIC and re.search(f"@panic .*{message}", result.log) and \
            "run_panic_test" in result.log
        parts.append((word, None if good else f"status {result.status} ({result.reason}), no "
                      f"{message!r}:\n{result.log[-1500:]}"))
    return parts


def suite(kind: str, reports: dict[str, str]) -> list[Callable]:
    """The tests of a suite, named as they are shown."""
    def kernel_tests(arch):
        return self_tests(arch, "--sanitize", kind)

    def user_programs(arch):
        return programs(arch, "--sanitize", kind)

    def reported_mistakes(arch):
        return mistakes(arch, kind, reports)

    return [kernel_tests, user_programs, reported_mistakes]
