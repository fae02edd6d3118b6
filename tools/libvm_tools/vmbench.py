"""user/vmbench and user/callbench on our kernel and on Linux in the same machine, counted in instructions; and where
the instructions of one of its rows go (--profile)."""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import build
from .machine import ICOUNT
from .status import BUILD, MISSING, QEMU, Stop

MEMORY_MIB = 4096
SECONDS = 600
PEER = "Linux 6.12"
# Linux without what this kernel has not either. Addresses are not random on either of the two: a
# program that lies over one more border of tables costs more, and runs would not repeat.
PEER_LINE = ("quiet mitigations=off init_on_alloc=0 transparent_hugepage=never "
             "cgroup_disable=memory norandmaps")
OURS_LINE = "aslr=off"
PEER_MACHINE = {
    "x86_64": ["qemu-system-x86_64", "-machine", "q35", "-cpu", "max,-erms,-fsrm"],
    "aarch64": ["qemu-system-aarch64", "-machine", "virt,gic-version=3", "-cpu", "max"],
}
PEER_CONSOLE = {"x86_64": "ttyS0", "aarch64": "ttyAMA0"}
# Instructions that any kernel spends on the page itself: 512 words on x86_64 (REP STOSQ, MOVSQ);
# on aarch64 64 blocks of DC ZVA, or 512 words' loads and stores in pairs.
ZEROING = {"x86_64": 512, "aarch64": 64}
COPYING = {"x86_64": 512, "aarch64": 512}
NOTHING = {"x86_64": 0, "aarch64": 0}


@dataclass
class Row:
    name: str
    title: str
    aim: float          # ours at most so much of Linux's, beyond `given`
    given: dict[str, int]


ROWS = [
    Row("system_call", "system call (getppid)", 1 / 3, NOTHING),
    Row("write_fault", "write fault, fresh page", 1 / 8, ZEROING),
    Row("read_fault", "read fault, zero page", 1 / 8, NOTHING),
    Row("shared_write_fault", "shared anonymous, write fault", 1 / 8, ZEROING),
    Row("copy_on_write", "copy-on-write, copied", 1 / 8, COPYING),
    Row("copy_on_write_reused", "copy-on-write, reused", 1 / 8, NOTHING),
    Row("map_unmap", "mmap + munmap, 4 KiB untouched", 1 / 10, NOTHING),
    Row("map_touch_unmap", "mmap + touch + munmap, 4 KiB", 1 / 10, ZEROING),
    Row("fork_per_page", "fork call, per resident page", 0, NOTHING),
    Row("fork_exit_wait_0_MiB", "fork + exit + wait, fixed part", 1 / 5, NOTHING),
    Row("fork_exit_wait_per_page", "fork + exit + wait, per resident page", 0, NOTHING),
    Row("unmap_per_page", "munmap, per populated page", 1 / 20, NOTHING),
    Row("protect_per_page", "mprotect to read-only, per page", 1 / 10, NOTHING),
    Row("unprotect_per_page", "mprotect back, per page", 1 / 10, NOTHING),
    Row("protect_split_merge", "mprotect 4 KiB, split + merge", 1 / 10, NOTHING),
    Row("discard_touch", "MADV_DONTNEED + touch", 1 / 8, ZEROING),
    Row("fault_around_per_page", "fault-around, per page", 1 / 8, NOTHING),
    Row("pipe_1_B", "pipe write + read, 1 B", 1 / 4, NOTHING),
    Row("pipe_4_KiB", "pipe write + read, 4 KiB", 1 / 4, NOTHING),
    Row("pipe_round_trip", "pipe round trip, two processes", 1 / 4, NOTHING),
    Row("first_write_after_fork_256_MiB", "first write after fork, per 2 MiB", 1, NOTHING),
    *(Row(f"fork_call_{size}_MiB", f"fork call, {size} MiB resident", 1, NOTHING)
      for size in (0, 8, 64, 256, 2048)),
]


SIZES = {"0_B": "0 B", "64_B": "64 B", "4_KiB": "4 KiB", "64_KiB": "64 KiB", "1_MiB": "1 MiB"}
KINDS = {"call_read": "ask a daemon for", "call_write": "give a daemon",
         "pipe_read": "ask through pipes for", "pipe_write": "give through pipes"}
# The peer of a daemon is a process at the other end of a pair of Unix sockets.
CALL_ROWS = [Row(f"{kind}_{size}", f"{what} {many}", 1, NOTHING)
             for size, many in SIZES.items() for kind, what in KINDS.items()
             if (kind, size) not in {("call_write", "0_B"), ("pipe_write", "0_B")}]


@dataclass
class Program:
    name: str
    suite: str
    rows: list[Row]


PROGRAMS = [Program("vmbench", "kernel", ROWS), Program("callbench", "schemes", CALL_ROWS)]


def parse(text: str) -> dict[str, tuple[float, float]]:
    """Row -> (minimum, median), also of the rows that are made of others."""
    rows = {name: (float(low), float(middle)) for name, low, middle in
            re.findall(r"^(\w+) [1-9]\d* ([\d.]+) ([\d.]+)\s*$", text, re.M)}
    for name in ("fork_call", "fork_exit_wait"):
        if f"{name}_0_MiB" in rows and f"{name}_256_MiB" in rows:
            pages = 256 * 256
            rows[name.removesuffix("_call") + "_per_page"] = tuple(
                max(0.0, (large - small) / pages)
                for small, large in zip(rows[f"{name}_0_MiB"], rows[f"{name}_256_MiB"]))
    return rows


def run_ours(arch: str, program: str, words: list[str], qemu: list[str] = (),
             timed: bool = False) -> dict[str, tuple[float, float]]:
    mode = (["--append", f"root=initfs screen=off {OURS_LINE}"] if timed
            else ["--icount", "--append", OURS_LINE])
    command = [build.TOP / "tools" / "run", arch, "--release", *mode, "--mem", str(MEMORY_MIB),
               "--timeout", str(SECONDS), "--cmd", " ".join([program, *words])]
    for argument in qemu:
        command += ["--qemu", argument]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode != 0 or "\nend" not in result.stdout:
        raise Stop(QEMU, f"{program} on {arch} ended with {result.returncode}:\n"
                   + (result.stdout + result.stderr)[-2000:])
    return parse(result.stdout)


def archive_entry(name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    path = name.encode() + b"\0"
    fields = (1, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields) + path
    header += b"\0" * (-len(header) % 4)
    return header + data + b"\0" * (-len(data) % 4)


def peer_files(arch: str, name: str, folder: Path) -> Path:
    """An initial file system that holds the program alone, as the first process."""
    program = (build.folder(arch) / "user" / name).read_bytes()
    path = folder / "initrd"
    path.write_bytes(archive_entry("dev", 0o40755)
                     + archive_entry("dev/console", 0o20600, device=(5, 1))
                     + archive_entry("init", 0o100755, program) + archive_entry("TRAILER!!!", 0))
    return path


def run_peer(arch: str, program: str, words: list[str],
             timed: bool = False) -> dict[str, tuple[float, float]] | None:
    """None, and a sentence on stderr, when there is no Linux to be had."""
    fetched = subprocess.run([build.TOP / "tools" / "setup", "--peer"], stdin=subprocess.DEVNULL)
    if fetched.returncode != 0:
        print(f"no figures of {PEER}: it could not be fetched", file=sys.stderr)
        return None
    kernel = build.TOP / "build" / "peer" / arch / "vmlinuz"
    with tempfile.TemporaryDirectory() as scratch:
        line = f"console={PEER_CONSOLE[arch]} {PEER_LINE} -- {' '.join(words)}"
        mode = ["-accel", "tcg"] if timed else ["-accel", "tcg,thread=single", "-icount", ICOUNT]
        command = [*PEER_MACHINE[arch], *mode, "-nodefaults", "-no-user-config", "-display", "none",
                   "-m", f"{MEMORY_MIB}M", "-no-reboot", "-kernel", kernel, "-initrd", peer_files(arch, program, Path(scratch)),
                   "-append", line, "-serial", "stdio"]
        try:
            result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                                    text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired as late:
            raise Stop(QEMU, f"{PEER} on {arch} did not end within {SECONDS} s:\n"
                       + (late.stdout or b"").decode(errors="replace")[-2000:]) from late
    text = result.stdout.replace("\r", "")
    if "\nend" not in text:
        raise Stop(QEMU, f"{program} on {PEER}, {arch}, did not end well:\n"
                   + (text + result.stderr)[-2000:])
    return parse(text)


# Where nothing is counted the unit is the time that one instruction of an empty loop takes.
SPINS = "loop steps"


def table(program: Program, arch: str, words: list[str] = (), timed: bool = False) -> list[dict]:
    """Runs both, prints the table; rows for JSON. `timed`: by the clock, instructions not counted."""
    unit, suite = (SPINS, f"time-{arch}") if timed else ("instructions", f"{program.suite}-{arch}")
    build.build(arch)
    build.other_kernel(arch, "release")
    print(f"{arch}: this kernel", file=sys.stderr, flush=True)
    ours = run_ours(arch, program.name, list(words), timed=timed)
    print(f"{arch}: {PEER}", file=sys.stderr, flush=True)
    peer = run_peer(arch, program.name, list(words), timed=timed)
    print(f"{unit + ', minimum (median)':38} {'ours':>22} {PEER:>26} {'ratio':>7} {'aim':>6}")
    found = []
    for row in program.rows:
        if row.name not in ours:
            continue
        low, middle = ours[row.name]
        line = f"{row.title:38} {low:11.1f} ({middle:9.1f})"
        entry = {"suite": suite, "arch": arch, "row": row.title, "unit": unit,
                 "ours": low, "peer": None, "peer_name": PEER, "ratio": None}
        if peer is not None and row.name in peer:
            peer_low, peer_middle = peer[row.name]
            given = 0 if timed else row.given[arch]
            ratio = max(0.0, low - given) / max(1.0, peer_low - given)
            entry |= {"peer": peer_low, "ratio": round(ratio, 4), "aim": round(row.aim, 4)}
            if given:
                entry["beyond"] = given
            line += f" {peer_low:13.1f} ({peer_middle:11.1f}) {ratio:7.3f} {row.aim:6.3f}"
            line += f" beyond {given}" if given else ""
        print(line, flush=True)
        found.append(entry)
    return found


# ---- where the instructions go

def symbols(path: Path) -> dict[str, int]:
    text = subprocess.run(["llvm-nm-19", path], capture_output=True, text=True, check=True).stdout
    return {name: int(address, 16) for address, name in
            re.findall(r"^([0-9a-f]+) \w (\S+)$", text, re.M)}


def code_range(path: Path) -> tuple[int, int]:
    text = subprocess.run(["llvm-readelf-19", "-lW", path], capture_output=True, text=True,
                          check=True).stdout
    first, size = re.search(r"^\s+LOAD\s+\S+ (0x\w+) \S+ \S+ (0x\w+) R E", text, re.M).groups()
    return int(first, 16), int(first, 16) + int(size, 16)


def plugin() -> Path:
    source = build.TOP / "tools" / "profile" / "plugin.c"
    made = build.TOP / "build" / "profile_plugin.so"
    if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
        result = subprocess.run(["clang-19", "-O2", "-shared", "-fPIC", "-fvisibility=hidden",
                                 "-o", made, source], capture_output=True, text=True)
        if result.returncode != 0:
            raise Stop(BUILD, f"the profiler's plugin does not compile:\n{result.stderr}")
    return made


def inlined_frames(kernel: Path, addresses: list[int]) -> list[list[str]]:
    """For each address the functions it is part of, innermost first."""
    result = subprocess.run(
        ["llvm-symbolizer-19", "--obj", kernel, "--inlines", "--output-style=JSON", "--no-demangle"],
        input="\n".join(hex(address) for address in addresses), capture_output=True, text=True,
        check=True)
    frames = []
    for line in result.stdout.splitlines():
        found = json.loads(line).get("Symbol", [])
        frames.append([frame["FunctionName"] or "?" for frame in found] or ["?"])
    return frames


def demangled(names: list[str]) -> dict[str, str]:
    result = subprocess.run(["llvm-cxxfilt-19"], input="\n".join(names), capture_output=True,
                            text=True, check=True)
    return dict(zip(names, result.stdout.splitlines()))


def short(name: str) -> str:
    """Without template arguments and parameters."""
    while (shorter := re.sub(r"<[^<>]*>", "", name)) != name:
        name = shorter
    name = re.sub(r"\(.*", "", name)
    return name.rpartition(" ")[2][:70]


def profile(arch: str, row: str) -> None:
    names = [known.name for program in PROGRAMS for known in program.rows]
    if row not in names:
        raise Stop(MISSING, f"no row {row}; there are " + " ".join(names))
    name = next(each.name for each in PROGRAMS if row in {known.name for known in each.rows})
    build.build(arch)
    program = build.folder(arch) / "user" / name
    first, end = code_range(program)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "counts"
        run_ours(arch, name, [row], ["-plugin", f"{plugin()},out={out},start={symbols(program)['run_rows']:#x},"
                               f"text={first:#x}-{end:#x}"])
        lines = out.read_text().splitlines()
    samples = int(lines[0].split()[1])
    counts = [(int(address, 16), int(count)) for address, count in map(str.split, lines[1:])]
    frames = inlined_frames(build.other_kernel(arch, "release"), [address for address, _ in counts])
    alone: dict[str, int] = {}
    within: dict[str, int] = {}
    for (_, count), names in zip(counts, frames):
        alone[names[0]] = alone.get(names[0], 0) + count
        for name in set(names):
            within[name] = within.get(name, 0) + count
    names = demangled(sorted(within))
    total = sum(count for _, count in counts)
    if samples == 0 or total == 0:
        raise Stop(QEMU, f"{row}: no sample was counted")
    print(f"{row} on {arch}: {total / samples:.1f} instructions of the kernel a sample, "
          f"{samples} samples")
    print(f"{'alone':>9} {'with what is inlined':>21}  function")
    for name in sorted(within, key=lambda name: -within[name]):
        if within[name] / total >= 0.005:
            print(f"{alone.get(name, 0) / samples:9.1f} {within[name] / samples:21.1f}  "
                  f"{short(names.get(name, name))}")
