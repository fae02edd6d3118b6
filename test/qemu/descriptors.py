"""Address spaces and processes as descriptors: user/descriptors case by case, spawn beside the shell,
vmmap and checkpoint; and that fork and a snapshot cost the same whatever is resident."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import build, guest  # noqa: E402

SOURCES = build.TOP / "user" / "descriptors"
FLAT = 1.2
# Until then the process may still be at its first instruction, with next to nothing mapped.
ASLEEP = (r"until [ $(grep -c -e '^Name:.sleep$' -e '^State:.S' /proc/$!/status) = 2 ]; "
          "do true; done")


def cases(arch):
    """Each case twice: the second round must leave nothing behind."""
    names = []
    for file in ("spaces.c", "batches.c", "processes.c"):
        table = re.search(r"_cases\[\] = \{(.*?)\};", (SOURCES / file).read_text(), re.S)[1]
        names += re.findall(r'\{"([\w-]+)",', table)
    assert len(names) >= 20, f"only {names} found"
    result = guest.boot(arch, "--append", "aslr=off", "--cmd", "descriptors", timeout=240)
    first, _, second = result.stdout.decode(errors="replace").replace("\r", "").partition("again\n")
    parts = []
    for name in [*names, "audit"]:
        rounds = [second] if name == "audit" else [first, second]
        good = all(re.search(rf"^{name}: good$", text, re.M) for text in rounds)
        found = [text[text.find(f"{name}: "):][:600] for text in rounds]
        parts.append((name, None if good else "\n".join(found) + result.log[-1500:]))
    return parts


def tools(arch):
    """What the three programs say of processes of the shell."""
    result = guest.boot(
        arch, "--append", "aslr=off", "--cmd",
        "spawn /bin/exit 7; echo status $?; spawn /bin/nothing; echo status $?; "
        f"sleep 100 & {ASLEEP}; vmmap $!; checkpoint $! /dev/null; vmmap 1; vmmap 99999; "
        "checkpoint $! 2>/dev/null | wc -c; kill $!; wait $! 2>/dev/null; echo ended", timeout=120)
    text = result.stdout.decode(errors="replace").replace("\r", "")
    rows = re.findall(r"^([0-9a-f]{12})-([0-9a-f]{12}) +(\d+) ([r-][w-][x-])/[r-][w-][x-] "
                      r"(private|shared) +(\d+) +(\d+) +(\d+) +(\d+)/(\d+)", text, re.M)
    wanted = {
        "spawn ends with the program's status": "status 7\n" in text,
        "spawn of nothing is 126": "status 126\n" in text,
        "vmmap shows the text of busybox": any(row[3] == "r-x" for row in rows),
        "vmmap shows a stack": re.search(r"rw-/rwx private .* zero-fill stack", text) is not None,
        "vmmap shows shared pages": any(int(row[6]) != 0 for row in rows),
        "vmmap adds up": [int(n) for n in re.search(
            r"^total +(\d+) +(\d+) +(\d+)", text, re.M).groups()] ==
            [sum(int(row[i]) for row in rows) for i in (2, 5, 6)] if rows else False,
        "vmmap of a process without memory": text.count("vmmap: ") >= 2,
        "checkpoint says how much": re.search(r"^\d+ mappings, \d+ bytes$", text, re.M) is not None,
        "checkpoint writes pages": re.search(r"^(\d{5,})$", text, re.M) is not None,
        "the process ran on": text.endswith("ended\n"),
    }
    return [(name, None if good else text[-2500:] + result.log[-800:])
            for name, good in wanted.items()]


def constant(arch):
    """Instructions of fork and of a snapshot with 8 MiB to 1 GiB resident."""
    result = guest.boot(arch, "--icount", "--mem", "2048", "--cmd", "descriptors measure",
                        timeout=300)
    text = result.stdout.decode(errors="replace")
    parts = []
    for name in ("fork", "snapshot"):
        counts = {int(size): int(count)
                  for size, count in re.findall(rf"^{name} (\d+) (\d+)", text, re.M)}
        flat = set(counts) == {8, 64, 256, 1024} and \
            max(counts.values()) <= FLAT * min(counts.values())
        print(f"# {name}: {counts}")
        parts.append((f"{name} is flat", None if flat else f"{counts}\n{text}{result.log[-800:]}"))
    return parts


if __name__ == "__main__":
    sys.exit(guest.main([cases, tools, constant]))
