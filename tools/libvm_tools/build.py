"""Configuring and building build/{native,x86_64,aarch64}, and what to find there."""

import fcntl
import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

from .status import BUILD, MISSING, Stop

TOP = Path(__file__).resolve().parents[2]
ARCHES = ("x86_64", "aarch64")
# Kernels that report on themselves (option kernel_sanitize): kind -> prefix of their build folder.
SANITIZED = {"undefined": "ubsan", "address": "kasan"}
# Prefix of a build folder of one more kernel -> its Meson options. `release` has no debug checks,
# but all else that ships: stamps on freed frames, counts, broken invariants.
KERNELS = {**{prefix: [f"-Dkernel_sanitize={kind}"] for kind, prefix in SANITIZED.items()},
           "release": ["-Ddebug_checks=false"]}


def folder(name: str) -> Path:
    return TOP / "build" / name


def setup() -> None:
    """Runs tools/setup: its messages go to stderr, its failure, which it has explained, is ours."""
    result = subprocess.run([TOP / "tools" / "setup"], stdin=None, stdout=2)
    if result.returncode != 0:
        raise Stop(MISSING, "")


def newer_qemu() -> Path:
    """The folder of the QEMU of Debian's backports, fetched if it is not there."""
    if subprocess.run([TOP / "tools" / "setup", "--newer"], stdin=None, stdout=2).returncode != 0:
        raise Stop(MISSING, "")
    return folder("newer")


@contextmanager
def locked(path: Path):
    """One build of a folder at a time, whoever asks."""
    path.mkdir(parents=True, exist_ok=True)
    with open(path / ".tools-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_quietly(command: list, what: str) -> None:
    """Output is shown only on failure."""
    result = subprocess.run(command, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, errors="replace")
    if result.returncode != 0:
        os.write(2, interesting(result.stdout).encode())
        raise Stop(BUILD, f"{what} failed (the output is above)")


def interesting(output: str) -> str:
    """The failing part of ninja's output: from the first FAILED line, without progress lines."""
    start = output.find("FAILED:")
    return output[max(start, 0):]


def configure_command(name: str) -> list:
    if name == "native":
        return ["meson", "setup", str(folder(name)), "--native-file", "arch/native.ini"]
    prefix, _, arch = name.rpartition("-")
    return ["meson", "setup", str(folder(name)), "--cross-file", f"arch/{arch}/cross.ini",
            *KERNELS.get(prefix, [])]


def configure(name: str, refresh: bool = False) -> None:
    """Once; afterwards ninja notices by itself when a meson file changed, now with `refresh`."""
    path = folder(name)
    with locked(path):
        if not (path / "build.ninja").exists():
            wipe = ["--wipe"] if (path / "meson-private" / "coredata.dat").exists() else []
            run_quietly([*configure_command(name), *wipe], f"configuring build/{name}")
        elif refresh:
            run_quietly(["ninja", "-C", str(path), "build.ninja"], f"configuring build/{name}")


def build(name: str, *targets: str) -> None:
    """Configures and builds one folder, or its targets; does nothing to the others."""
    configure(name)
    with locked(folder(name)):
        run_quietly(["ninja", "-C", str(folder(name)), *targets], f"building build/{name}")


def other_kernel(arch: str, prefix: str) -> Path:
    """Builds the kernel alone, with the options of KERNELS, in a folder of its own."""
    name = f"{prefix}-{arch}"
    build(name, "kernel/kernel.elf")
    return kernel(name)


def guest_files(arch: str) -> dict[str, Path]:
    """Guest path -> host file, for every target that meson.build installs with tag `guest`."""
    plan = json.loads((folder(arch) / "meson-info" / "intro-install_plan.json").read_text())
    files = {}
    for section in plan.values():
        for source, entry in section.items():
            if entry.get("tag") == "guest":
                files[entry["destination"]] = Path(source)
    return files


def kernel(arch: str) -> Path:
    return folder(arch) / "kernel" / "kernel.elf"


def loader(arch: str) -> Path:
    return folder(arch) / "boot" / "uefi" / "loader.efi"


def sysroot(arch: str) -> Path:
    return TOP / "build" / "sysroot" / arch
