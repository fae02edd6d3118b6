"""Rules of the source tree that no compiler checks. `tools/lint` runs all, `tools/lint NAME` one.

A rule is a function from the list of files to complaints, each `FILE:LINE: text`.
"""

import re
import subprocess
import sys
from pathlib import Path

from .build import TOP

CODE = {".h", ".hpp", ".c", ".cpp", ".S", ".inc"}
TEXT = CODE | {".py", ".sh", ".ld", ".build", ".ini", ".md", ".txt", ".options"}
LONGEST = 800

# Who may include whom: the first prefix that the file's path starts with decides. `own` are quoted
# includes, None means any but test/; `system` are angle includes, None means any.
FREESTANDING = {"stdint.h", "cstdint", "stddef.h", "cstddef", "type_traits", "concepts"}
C_HEADER = {"stdint.h", "stddef.h", "stdbool.h"}
ISA = r"arch/(?:x86_64|aarch64)"
RULES = [
    (r"base/", {"base/"}, FREESTANDING),
    (r"libvm/include/vm/seam/", {"base/", "vm/seam/"}, FREESTANDING),
    (r"libvm/", {"base/", "vm/", "vm.h"}, FREESTANDING),
    (r"libusercopy/include/usercopy/seam/", {"base/", "usercopy/seam/"}, FREESTANDING),
    (r"libusercopy/", {"base/", "usercopy/"}, FREESTANDING),
    (ISA + r"/describe/", {"base/", "vm/seam/", "usercopy/seam/", "describe/", "arch/"},
     FREESTANDING),
    (ISA + r"/(?:mmu|usercopy)/", {"base/", "vm/seam/", "usercopy/", "describe/", "mmu/", "arch/"},
     FREESTANDING),
    (ISA + r"/", {"base/", "vm/seam/", "usercopy/seam/", "describe/", "mmu/", "usercopy/", "cpu/",
                  "arch/", "boot/", "kernel/seam/"}, None),
    (r"boot/include/", {"boot/"}, FREESTANDING),
    (r"boot/", {"base/", "boot/", "elf/", "table_format.h"}, None),
    (r"(?:kernel|user)/", None, None),
    (r"(?:test|bench|examples|tools)/", "everything", None),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
ARCH_TEST = re.compile(r"^\s*#\s*(?:if|ifdef|ifndef|elif)\b.*"
                       r"(?:__x86_64|__amd64|__i386|__aarch64|__arm__|__ARM_ARCH|_M_X64|_M_ARM64)")
ARCH_FREE = re.compile(r"^(?:base|libvm|libusercopy|kernel|boot)/")
ARCH_FOLDER = re.compile(r"/(?:x86_64|aarch64)/")
HOST_PATH = re.compile(r"(?<![\w.])/(?:work|farm|home|root|Users)/[\w.]")


def tracked() -> list[str]:
    names = subprocess.run(["git", "-C", TOP, "ls-files", "-z", "--cached", "--others",
                            "--exclude-standard"], capture_output=True, check=True).stdout
    return sorted({name for name in names.decode().split("\0") if name and (TOP / name).is_file()})


def lines_of(name: str) -> list[str]:
    return (TOP / name).read_text(errors="replace").splitlines()


def is_code(name: str) -> bool:
    return Path(name).suffix in CODE


def include_allowed(name: str, include: str, quoted: bool) -> bool:
    for pattern, own, system in RULES:
        if not re.match(pattern, name):
            continue
        if own == "everything":
            return True
        if include.startswith("test/"):
            return False
        if not quoted:
            allowed = C_HEADER | FREESTANDING if is_c_header(name) else system
            return allowed is None or include in allowed
        if own is None or any(include.startswith(prefix) for prefix in own):
            return True
        beside = Path(TOP, name).parent / include
        if name.endswith(".S") and beside.with_suffix(".cpp").is_file():
            return True  # offsets generated from the C++ file of that name
        return "/" not in include and beside.is_file()
    return False


def is_c_header(name: str) -> bool:
    """A public header that C code may include says so with extern "C" under __cplusplus."""
    return name.endswith(".h") and re.search(r"^#\s*ifdef __cplusplus\b",
                                             (TOP / name).read_text(errors="replace"),
                                             re.M) is not None


def includes(files: list[str]) -> list[str]:
    """who may include whom (ARCHITECTURE.md)"""
    complaints = []
    for name in filter(is_code, files):
        for number, line in enumerate(lines_of(name), start=1):
            found = INCLUDE.match(line)
            if found and not include_allowed(name, found[1] or found[2], found[1] is not None):
                complaints.append(f"{name}:{number}: may not include {found[1] or found[2]}")
    return complaints


def sizes(files: list[str]) -> list[str]:
    """no file over 800 lines"""
    return [f"{name}:{count}: {count} lines, over {LONGEST}: split it by concept"
            for name in files if Path(name).suffix in TEXT
            and (count := len(lines_of(name))) > LONGEST]


def architecture(files: list[str]) -> list[str]:
    """#if on the architecture only in arch/"""
    return [f"{name}:{number}: #if on the architecture belongs into arch/"
            for name in filter(is_code, files)
            if ARCH_FREE.match(name) and not ARCH_FOLDER.search(name)
            for number, line in enumerate(lines_of(name), start=1) if ARCH_TEST.match(line)]


def paths(files: list[str]) -> list[str]:
    """no path of somebody's machine"""
    return [f"{name}:{number}: a path of one machine: {line.strip()[:60]}"
            for name in files if Path(name).suffix in TEXT and not name.endswith("lint.py")
            for number, line in enumerate(lines_of(name), start=1) if HOST_PATH.search(line)]


def format(files: list[str]) -> list[str]:
    """clang-format-19 would change nothing"""
    names = [name for name in files if Path(name).suffix in CODE - {".S", ".inc"}]
    result = subprocess.run(["clang-format-19", "--dry-run", "--Werror", "-style=file", *names],
                            cwd=TOP, capture_output=True, text=True)
    wrong = sorted({line.split(":")[0] for line in result.stderr.splitlines()
                    if "-Wclang-format-violations" in line})
    if result.returncode != 0 and not wrong:
        return [result.stderr.strip() or "clang-format-19 failed"]
    return [f"{name}:1: not formatted: clang-format-19 -i {name}" for name in wrong]


LINTS = {rule.__name__: rule for rule in (includes, sizes, architecture, paths, format)}


def main(arguments: list[str]) -> int:
    unknown = [name for name in arguments if name not in LINTS]
    if unknown:
        print(f"tools/lint: no rule {unknown[0]}; there are: {' '.join(LINTS)}", file=sys.stderr)
        return 240
    files = tracked()
    complaints = [text for name in arguments or LINTS for text in LINTS[name](files)]
    print(*complaints, sep="\n", end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
