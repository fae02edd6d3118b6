"""What lies in the guest's initial file system: programs, busybox and its names, /etc, the font.

Later layers give way to earlier ones: a program of `user/` keeps its name when busybox has an applet
of the same name.
"""

import gzip
import subprocess
from functools import cache
from pathlib import Path

from . import build
from .initrd import Initrd
from .status import MISSING, Stop

# Folders that are there when nothing else makes them: homes, and where the kernel's own schemes are
# reached by path.
FOLDERS = ("/root", "/tmp", "/dev", "/proc", "/scheme")
# One folder of programs has every name that scripts use for it.
PROGRAM_FOLDERS = {"/sbin": "bin", "/usr/bin": "../bin", "/usr/sbin": "../bin"}

FONT = "/lib/console.psf"
# 512 glyphs of 8 by 16 pixels with the line drawing characters (Debian's console-setup-linux).
FONT_FILE = Path("usr/share/consolefonts/Uni2-Terminus16.psf.gz")


@cache
def applets() -> tuple[str, ...]:
    """Names that busybox answers to. Both architectures' are one Debian version, so the x86_64 one
    speaks for both."""
    program = build.sysroot("x86_64") / "bin" / "busybox"
    try:
        listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Stop(MISSING, f"{program} --list: {error}") from error
    return tuple(listed.stdout.split())


def font(arch: str) -> bytes:
    path = build.sysroot(arch) / FONT_FILE
    try:
        return gzip.decompress(path.read_bytes())
    except OSError as error:
        raise Stop(MISSING, f"cannot read the console font: {error}") from error


def guest_tree(arch: str) -> Initrd:
    tree = Initrd()
    for guest, host in sorted(build.guest_files(arch).items()):
        tree.add_host_file(guest, host)
    tree.add_host_file("/bin/busybox", build.sysroot(arch) / "bin" / "busybox")
    for name in applets():
        if f"/bin/{name}" not in tree:
            tree.add_symlink(f"/bin/{name}", "busybox")
    for path, target in PROGRAM_FOLDERS.items():
        tree.add_symlink(path, target)
    for path in FOLDERS:
        tree.add_directory(path)
    for host in sorted((build.TOP / "user" / "etc").iterdir()):
        tree.add_host_file(f"/etc/{host.name}", host)
    tree.add_file(FONT, font(arch))
    return tree
