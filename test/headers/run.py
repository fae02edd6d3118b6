"""run.py COMPILER TARGET: every public header of base/, libvm/ and libusercopy/ compiles under the
flags that other kernels use.

With the default flags each header is compiled alone (so each names what it needs); with every other
flag set all of them in one file. C headers (those with `#ifdef __cplusplus`) are compiled as C11
too. Warnings are errors. Prints TAP.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
FOLDERS = ["base/include", "libvm/include", "libusercopy/include"]
COMMON = ["-ffreestanding", "-fno-pic", "-fno-pie", "-fno-exceptions", "-fno-rtti", "-O1",
          "-Wall", "-Wextra", "-Werror", "-c", "-o", "/dev/null",
          *(f"-I{TOP / folder}" for folder in FOLDERS)]
FLAG_SETS = {
    "x86_64": {
        "general registers only": ["-mgeneral-regs-only"],
        "no x87": ["-mno-80387"],
        "soft float": ["-mno-sse", "-mno-mmx", "-msoft-float", "-mno-red-zone", "-mcmodel=kernel"],
        "debug checks": ["-DBASE_DEBUG_CHECKS=1"],
    },
    "aarch64": {
        "general registers only": ["-mgeneral-regs-only"],
        "no outline atomics": ["-mgeneral-regs-only", "-mno-outline-atomics"],
        "debug checks": ["-DBASE_DEBUG_CHECKS=1"],
    },
}


def headers() -> list[str]:
    return sorted(str(path.relative_to(TOP / folder)) for folder in FOLDERS
                  for path in (TOP / folder).rglob("*.h"))


def is_c(header: str) -> bool:
    return any(re.search(r"^#\s*ifdef __cplusplus\b", (TOP / folder / header).read_text(), re.M)
               for folder in FOLDERS if (TOP / folder / header).exists())


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def line(self, name: str, output: str | None) -> None:
        self.count += 1
        print("ok" if output is None else "not ok", self.count, "-", name, flush=True)
        if output is not None:
            self.failed += 1
            for line in output.splitlines()[:30]:
                print("#", line)


def compile_source(command: list[str], text: str, suffix: str) -> str | None:
    """None, or what the compiler said."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / f"headers{suffix}"
        source.write_text(text)
        result = subprocess.run([*command, str(source)], capture_output=True, text=True)
        return None if result.returncode == 0 else result.stdout + result.stderr


def main() -> int:
    compiler, target = sys.argv[1:]
    clang = compiler.startswith("clang")
    machine = [f"--target={target}-linux-gnu"] if clang else []
    cpp = [compiler, *machine, "-std=c++20", *COMMON]
    c_compiler = compiler.replace("clang++", "clang").replace("g++", "gcc")
    c_flags = [flag for flag in COMMON if flag != "-fno-rtti"]
    every = headers()
    c_headers = [header for header in every if is_c(header)]
    sets = FLAG_SETS[target]
    print(f"1..{len(every) + len(sets) + (len(sets) + 1 if c_headers else 0)}")
    tap = Tap()
    for header in every:
        # Twice: the second inclusion must add nothing.
        text = f'#include "{header}"\n#include "{header}"\n'
        tap.line(f"{header} alone", compile_source(cpp, text, ".cpp"))
    together = "".join(f'#include "{header}"\n' for header in every)
    for name, flags in sets.items():
        tap.line(f"all headers, {name}", compile_source([*cpp, *flags], together, ".cpp"))
    if c_headers:
        text = "".join(f'#include "{header}"\n' for header in c_headers)
        for name, flags in {"default": [], **sets}.items():
            command = [c_compiler, *machine, "-std=c11", "-pedantic", *c_flags, *flags]
            tap.line(f"C headers as C11, {name}", compile_source(command, text, ".c"))
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
