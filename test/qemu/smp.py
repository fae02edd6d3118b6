"""One, two, four and eight processors: the self-tests on each, programs at a shell, and
programs that contend."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import guest  # noqa: E402
import user  # noqa: E402

COUNTS = (1, 2, 4, 8)
# A hundred processes of which several live at once; a pipeline; who may run where.
LINE = ("nproc; for i in 1 2 3 4 5 6 7 8; do (for j in 1 2 3; do echo $i | cat; done) & done; wait; "
        "grep -c ^processor /proc/cpuinfo; grep cpus /scheme/sys/interrupts")


def self_tests(arch):
    results = []
    for count in COUNTS:
        result = guest.boot(arch, "--smp", str(count), "--mem", "256", "--append", "selftest=all",
                            "--cmd", "/bin/true", timeout=400)
        lines = re.findall(r"^@test (ok|failed) ([^:\n]+)(?:: (.*))?$", result.log, re.M)
        failed = [f"{name}: {why}" for verdict, name, why in lines if verdict == "failed"]
        trouble = "\n".join(failed)
        if not trouble and (result.status != 0 or len(lines) < 10):
            trouble = f"status {result.status} ({result.reason}), {len(lines)} tests"
        results.append((f"self-tests on {count}", trouble or None))
    return results


def programs(arch):
    results = []
    for count in COUNTS:
        result = guest.boot(arch, "--smp", str(count), "--cmd", LINE, timeout=200)
        words = sorted(result.stdout.decode(errors="replace").split("\n"))
        expected = sorted([str(count)] * 2 + [f"cpus {count}", ""] +
                          [str(i) for i in range(1, 9)] * 3)
        trouble = None if words == expected and result.status == 0 else \
            f"status {result.status} ({result.reason}): {words}"
        results.append((f"programs on {count}", trouble))
    return results


def contended(arch):
    """Programs whose threads and processes want the same locks all the time, while a timer of each
    interrupts it."""
    names = ["everything", "pthreads"]
    results = []
    expected = user.cases(user.on_linux(names))
    for count in COUNTS[1:]:
        result = user.in_guest(arch, names, "--smp", str(count))
        got = user.cases(result.stdout.decode(errors="replace"))
        for name in names:
            trouble = [f"{title}:\n{user.difference(lines, got.get(name, {}).get(title, []))}"
                       for title, lines in expected[name].items()
                       if lines != got.get(name, {}).get(title)]
            results.append((f"{name} on {count}", "\n".join(trouble + [result.log[-800:]])
                            if trouble else None))
    return results


if __name__ == "__main__":
    sys.exit(guest.main([self_tests, programs, contended]))
