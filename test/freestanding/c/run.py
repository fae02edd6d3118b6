"""run.py ISA: libvm.a, compiled with a kernel's flags for ISA, needs the hooks of vm.h and the four
memory functions, no more. Prints TAP and, as comments, the size of each tier.

- A program of the tables tier needs at most 6 hooks, one of both tiers at most 15.
- With all hooks it links; without one, the linker says which.
- No weak symbols, static constructors, thread-local storage, exception tables.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
MEMORY = {"memcpy", "memset", "memmove", "memcmp"}
LIMITS = {"tables_only": 6, "full": 15}
FLAGS = {
    "x86_64": ["-mno-red-zone", "-mcmodel=kernel", "-mno-sse", "-mno-mmx", "-msoft-float"],
    "aarch64": ["-mgeneral-regs-only", "-mno-outline-atomics", "-mcmodel=small"],
}
COMMON = ["-O2", "-ffreestanding", "-nostdlib", "-fno-stack-protector", "-fno-pic", "-fno-pie",
          "-fno-asynchronous-unwind-tables", "-Wall", "-Wextra", "-Werror", "-c"]
CXX = ["-std=c++20", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics",
       "-Wno-c99-designator"]
C = ["-std=c11", "-Wpedantic", "-Wno-strict-prototypes", "-Wno-deprecated-non-prototype"]


class Library:
    def __init__(self, isa: str, folder: Path):
        self.isa, self.folder = isa, folder
        self.target = [f"--target={isa}-linux-gnu", *FLAGS[isa]]
        self.includes = [f"-I{TOP / name}" for name in ("base/include", "libvm/include", ".")]
        objects = []
        for number, source in enumerate(sorted((TOP / "libvm/src").rglob("*.cpp"))):
            objects.append(str(folder / f"{source.stem}_{number}.o"))
            machine = f'-DVM_MACHINE_HEADER="arch/{isa}/mmu/machine.h"'
            self.run(["clang++-19", *self.target, *COMMON, *CXX, *self.includes, machine,
                      str(source), "-o", objects[-1]])
        self.archive = folder / "libvm.a"
        self.run(["llvm-ar-19", "crs", str(self.archive), *objects])

    def run(self, command: list[str]) -> str:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(" ".join(command[:1] + command[-3:]) + "\n" + done.stderr)
        return done.stdout

    def compile_c(self, name: str, *defines: str) -> str:
        out = self.folder / f"{name}{len(defines)}{''.join(defines)}.o"
        self.run(["clang-19", *self.target, *COMMON, *C, *self.includes, *defines,
                  str(HERE / f"{name}.c"), "-o", str(out)])
        return str(out)

    def link(self, output: str, *objects: str) -> subprocess.CompletedProcess:
        return subprocess.run(["ld.lld-19", "-o", str(self.folder / output), *objects,
                               str(self.archive)], capture_output=True, text=True)

    def part(self, program: str) -> Path:
        """What `program` takes out of the library, with it, as one object."""
        done = self.link(f"{program}.part", "-r", self.compile_c(program))
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return self.folder / f"{program}.part"

    def undefined(self, file: Path) -> set[str]:
        return set(self.run(["llvm-nm-19", "-u", "-j", str(file)]).split())


def tests(isa: str, folder: Path):
    """Yields (name, complaint or "")."""
    library = Library(isa, folder)
    every_hook: set[str] = set()
    for program, limit in LIMITS.items():
        part = library.part(program)
        needs = library.undefined(part) - MEMORY
        hooks = {name for name in needs if name.startswith("vm_host_") or name == "base_panic"}
        every_hook |= hooks
        yield f"{program} needs hooks and memory functions only", ", ".join(sorted(needs - hooks))
        yield (f"{program} needs at most {limit} hooks",
               "" if len(hooks) <= limit else ", ".join(sorted(hooks)))
        size = library.run(["llvm-size-19", str(part)]).split("\n")[1].split()
        print(f"# {isa} {program}: {len(hooks)} hooks, {size[0]} bytes of text, {size[1]} of data, "
              f"{size[2]} of bss")
        linked = library.link(f"{program}.elf", "-e", "start", library.compile_c(program),
                              library.compile_c("hooks"))
        yield f"{program} links when every hook is there", linked.stderr
        sections = library.run(["llvm-readelf-19", "-S", "-W", str(part)])
        found = re.findall(r"\.(?:init_array|ctors|tdata|tbss|eh_frame|gcc_except_table)\S*",
                           sections)
        yield f"{program} has no constructors, thread storage, unwinding", ", ".join(found)
        weak = [line for line in library.run(["llvm-nm-19", str(part)]).splitlines()
                if re.search(r" [wv] ", line)]
        yield f"{program} has no weak references", ", ".join(weak)
    for hook in sorted(every_hook):
        linked = library.link("missing.elf", "-e", "start", library.compile_c("full"),
                              library.compile_c("hooks", f"-DWITHOUT_{hook}"))
        named = linked.returncode != 0 and re.search(rf"undefined symbol: {hook}\b", linked.stderr)
        yield f"the linker names {hook} when it is missing", "" if named else "it does not"


def main() -> int:
    failed = 0
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name, complaint in tests(sys.argv[1], Path(folder)):
                count += 1
                failed += 1 if complaint else 0
                print(f"{'not ok' if complaint else 'ok'} {count} - {name}", flush=True)
                for line in complaint.splitlines():
                    print(f"#   {line}")
        except RuntimeError as error:
            count += 1
            failed += 1
            print(f"not ok {count} - library and programs compile")
            for line in str(error).splitlines()[:40]:
                print(f"#   {line}")
    print(f"1..{count}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
