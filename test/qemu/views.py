#!/usr/bin/env python3
"""/proc, /scheme/sys and the kernel's log, as busybox's tools and Linux programs read them."""

import os
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import guest  # noqa: E402

# One boot answers everything: NAME, then the script whose output belongs to it.
PARTS = {
    "ps": "ps -o pid,ppid,vsz,rss,stat,comm,args",
    "free": "free -k",
    "uptime": "uptime",
    "mount": "mount",
    "top": "top -b -n 1",
    "nproc": "nproc",
    "pidof": "pidof sh",
    "dmesg": "dmesg",
    "dmesg-clear": "dmesg -c >/dev/null; dmesg",
    "uname": "uname -snr; hostname",
    "stat": "cat /proc/self/stat",
    "status": "cat /proc/self/status",
    "cpu": "cat /proc/stat",
    "meminfo": "cat /proc/meminfo",
    "loadavg": "cat /proc/loadavg",
    "maps": "cat /proc/self/maps",
    "fd": "readlink /proc/self/fd/0 </dev/null",
    "fd-open": "echo through >/proc/self/fd/1",
    "fd-missing": "cat /proc/self/fd/77; cat /proc/99999/stat; cat /proc/self/nothing",
    "exe": "readlink /proc/self/exe; readlink /proc/self/cwd; readlink /proc/self/root",
    "cmdline": "cat /proc/self/cmdline | tr '\\0' '|'; echo",
    "environ": "X=here tr '\\0' '\\n' </proc/self/environ | grep X=",
    "comm": "cat /proc/$$/comm",
    "root": "ls /proc",
    "task": "cat /proc/$$/task/$$/comm; ls /proc/$$/task",
    "kernel": "cat /proc/sys/kernel/ostype /proc/sys/kernel/osrelease",
    "write": "echo 1 >/proc/version; echo 1 >/proc/newer",
    "sys": "ls /scheme/sys; cat /scheme/sys/memory",
    "faults": "cat /scheme/sys/process/$$",
    "audit": "forty() { for i in $(seq 40); do cat /proc/self/stat >/dev/null; done; }; forty; "
             "cat /scheme/sys/audit; forty; cat /scheme/sys/audit",
    "stopped": "sleep 30 & kill -STOP $!; sleep 0.2; cut -d' ' -f3 /proc/$!/stat; kill -KILL $!; "
               "trap '' USR1; trap : USR2; grep -E '^Sig(Ign|Cgt)' /proc/$$/status",
    "limits": "ulimit -n 100; cat /proc/self/limits",
    "again": "cat /proc/uptime; sleep 1; cat /proc/uptime",
}


def sections(arch: str) -> dict[str, str]:
    script = "".join(f"echo '== {name}'\n{{ {part}\n}} 2>&1\n" for name, part in PARTS.items())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "views.sh"
        path.write_text(script)
        result = guest.boot(arch, "--add", f"{path}:/views.sh", "--cmd", "sh /views.sh")
    result.check(status=0)
    found = dict(re.findall(r"^== (\S+)\n(.*?)(?=^== |\Z)", result.stdout.decode(),
                            re.MULTILINE | re.DOTALL))
    assert set(found) == set(PARTS), sorted(set(PARTS) - set(found))
    return found


def numbers(text: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"^(\w+):?\s+(\d+)", text, re.MULTILINE)}


def check_ps(text, _):
    assert re.search(r"^ +1 +0 .* init", text, re.MULTILINE), "no init"
    assert re.search(r"^ +\d+ +\d+ +\S+ +\S+ +R +ps ", text, re.MULTILINE), "no running ps"


def check_free(text, found):
    total, used, free = map(int, re.search(r"^Mem: +(\d+) +(\d+) +(\d+)", text, re.MULTILINE).groups())
    assert total == numbers(found["meminfo"])["MemTotal"], "total of free and of meminfo"
    assert 900_000 < total < 1_048_576 and used + free == total


def check_top(text, _):
    assert re.search(r"^Mem: \d+K used, \d+K free", text, re.MULTILINE)
    assert re.search(r"^CPU: +\d+% usr +\d+% sys", text, re.MULTILINE)
    assert re.search(r"^Load average: \d+\.\d\d \d+\.\d\d \d+\.\d\d \d+/\d+ \d+", text, re.MULTILINE)
    assert re.search(r"^ +\d+ +\d+ root +R .* top -b", text, re.MULTILINE), "no running top"


def check_stat(text, _):
    head, rest = text.rstrip("\n").rsplit(") ", 1)
    assert re.fullmatch(r"\d+ \(cat", head), head
    fields = rest.split(" ")
    assert len(fields) == 50, f"{len(fields) + 2} fields"
    assert fields[0] == "R" and all(re.fullmatch(r"-?\d+", field) for field in fields[1:])
    assert int(fields[20]) > 65536 and int(fields[21]) > 10, "vsize and rss"


def check_status(text, _):
    assert text.startswith("Name:\tcat\n") and "\nState:\tR (running)\n" in text
    values = numbers(text)
    assert values["Threads"] == 1 and values["VmPeak"] >= values["VmSize"] >= values["VmRSS"] > 0
    assert re.search(r"^SigBlk:\t[0-9a-f]{16}$", text, re.MULTILINE)


def check_cpu(text, _):
    lines = text.splitlines()
    assert re.fullmatch(r"cpu  \d+( \d+){9}", lines[0]) and re.fullmatch(r"cpu0 \d+( \d+){9}", lines[1])
    values = numbers(text)
    assert values["ctxt"] > 10 and values["processes"] > 5 and values["procs_running"] >= 1
    assert values["btime"] > 1_500_000_000


def check_maps(text, _):
    assert re.search(r"^[0-9a-f]+-[0-9a-f]+ r-xp [0-9a-f]{8} 00:00 0 {20,}/bin/busybox$", text,
                     re.MULTILINE)
    assert re.search(r"rw-p .*\[stack\]$", text, re.MULTILINE)
    ends = [tuple(int(part, 16) for part in line.split(" ")[0].split("-"))
            for line in text.splitlines()]
    assert all(first < end for first, end in ends)
    assert all(before[1] <= after[0] for before, after in zip(ends, ends[1:]))


def check_faults(text, _):
    values = numbers(text)
    assert text.startswith("name sh\n")
    for name in ("zero", "fresh", "copied", "reused", "object", "waited", "huge"):
        assert f"faults_{name}" in values, name
    assert values["faults_object"] > 0 and values["tables_shared"] > 0, "the shell has forked"


def check_audit(text, _):
    lines = text.splitlines()
    half = len(lines) // 2
    before, after = numbers("\n".join(lines[:half])), numbers("\n".join(lines[half:]))
    # The shell itself may have a few pages more or less; forty processes that lost one each would
    # show.
    assert after["frames_free"] > before["frames_free"] - 10, "processes left something behind"
    assert {**after, "frames_free": 0} == {**before, "frames_free": 0}, "processes left something"


def check_cleared(text, _):
    assert "memory: " not in text, "dmesg -c has cleared nothing"


def check_again(text, _):
    before, after = (float(line.split()[0]) for line in text.splitlines())
    assert 0.9 < after - before < 30, "uptime does not go with the time"


def equals(expected):
    def check(text, _):
        assert text == expected, f"not {expected!r}"
    return check


def matches(*patterns):
    def check(text, _):
        for pattern in patterns:
            assert re.search(pattern, text, re.MULTILINE), f"no {pattern!r}"
    return check


CHECKS = {
    "ps": check_ps, "free": check_free, "top": check_top, "stat": check_stat,
    "uptime": matches(r" up 0 min, .* load average: 0\.\d\d, 0\.\d\d, 0\.\d\d$"),
    "mount": matches(r"^initfs on / type initfs \(ro\)$", r"^proc on /proc type proc"),
    "nproc": equals(os.environ.get("SMP", "1") + "\n"), "pidof": matches(r"^\d+"), "dmesg": matches(r"^\[ +0\.\d+\] memory: "),
    "dmesg-clear": check_cleared,
    "uname": matches(r"^Linux libvm 6\.1\.0-libvm$", "^libvm$"),
    "status": check_status, "cpu": check_cpu,
    "meminfo": matches(r"^MemTotal: +\d+ kB$", r"^MemAvailable: +\d+ kB$"),
    "loadavg": matches(r"^\d+\.\d\d \d+\.\d\d \d+\.\d\d \d+/\d+ \d+$"),
    "maps": check_maps, "fd": equals("/dev/null\n"), "fd-open": equals("through\n"),
    "fd-missing": matches(*(f"{path}': No such file" for path in
                            ("fd/77", "99999/stat", "self/nothing"))),
    "exe": equals("/bin/busybox\n/\n/\n"), "cmdline": equals("cat|/proc/self/cmdline|\n"),
    "environ": equals("X=here\n"), "comm": equals("sh\n"),
    "root": matches(*(rf"\b{name}\b" for name in ("1", "self", "meminfo", "sys", "mounts"))),
    "task": matches(r"^sh\n\d+$"), "kernel": equals("Linux\n6.1.0-libvm\n"),
    "write": matches("/proc/version: Read-only", "/proc/newer: Read-only"),
    "sys": matches("audit", "process", r"^frames_free \d+$"),
    "faults": check_faults, "audit": check_audit, "again": check_again,
    "limits": matches("^Limit +Soft Limit +Hard Limit +Units *$", "^Max open files +100 +100 +files *$",
                      "^Max stack size +8388608 +unlimited +bytes *$",
                      "^Max realtime timeout +unlimited +unlimited +us *$"),
    # SIGUSR1 and SIGUSR2 are signals 10 and 12.
    "stopped": matches("^T$", r"^SigIgn:\t[0-9a-f]{13}[2367abef][0-9a-f]{2}$",
                       r"^SigCgt:\t[0-9a-f]{13}[89a-f][0-9a-f]{2}$"),
}


def busybox_and_programs_read_what_linux_would_show(arch):
    found = sections(arch)
    results = []
    for name, check in CHECKS.items():
        try:
            check(found[name], found)
            results.append((name, None))
        except (AssertionError, AttributeError, IndexError, KeyError, ValueError) as error:
            results.append((name, f"{error or type(error).__name__}\n{found[name][:1500]}"))
    return results


if __name__ == "__main__":
    sys.exit(guest.main([busybox_and_programs_read_what_linux_would_show]))
