"""tools/check_symbols: what a library or program needs from outside is on the list of allowed names.

A library that other kernels embed must not need a libc, a C++ runtime or hidden compiler helpers.
"""

import fnmatch
import subprocess
import sys

USAGE = """\
usage: tools/check_symbols FILE [--allow NAME]... [--elf]
Every undefined symbol of FILE (object, archive or ELF file; for an archive: not defined by another
member) must match one of the allowed names, which may hold * and ?. C++ names are compared both
mangled and plain. --elf also checks that no segment is writable and executable.
Exit status 0, 1 with one line a complaint, 240 bad usage."""

ALWAYS_ALLOWED = {"memcpy", "memmove", "memset", "memcmp"}  # what a freestanding compiler may call


def undefined(path: str) -> dict[str, str]:
    """Mangled -> plain name of what is used and not defined anywhere in the file."""
    def names(*options: str) -> list[str]:
        output = subprocess.run(["llvm-nm-19", "--format=just-symbols", *options, path],
                                capture_output=True, text=True)
        if output.returncode != 0:
            raise OSError(output.stderr.strip())
        return [line for line in output.stdout.splitlines() if line and not line.endswith(":")]
    missing = sorted(set(names("--undefined-only")) - set(names("--defined-only")))
    plain = subprocess.run(["llvm-cxxfilt-19"], input="\n".join(missing), text=True,
                           capture_output=True, check=True).stdout.splitlines()
    return dict(zip(missing, plain))


def writable_code(path: str) -> list[str]:
    output = subprocess.run(["llvm-readelf-19", "-lW", path], capture_output=True, text=True,
                            check=True).stdout
    return [line.strip() for line in output.splitlines()
            if line.strip().startswith("LOAD") and " RWE " in line]


def main(arguments: list[str]) -> int:
    files, allowed, elf = [], set(ALWAYS_ALLOWED), False
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word in ("-h", "--help"):
            print(USAGE)
            return 0
        if word == "--allow" and rest:
            allowed.add(rest.pop(0))
        elif word == "--elf":
            elf = True
        elif word.startswith("-"):
            print(f"tools/check_symbols: unknown argument {word}", file=sys.stderr)
            return 240
        else:
            files.append(word)
    if len(files) != 1:
        print("tools/check_symbols: needs one FILE", file=sys.stderr)
        return 240
    try:
        complaints = [f"{files[0]}: needs {plain} from outside"
                      for name, plain in undefined(files[0]).items()
                      if not any(fnmatch.fnmatchcase(spelling, pattern)
                                 for pattern in allowed for spelling in (name, plain))]
        if elf:
            complaints += [f"{files[0]}: writable and executable: {line}"
                           for line in writable_code(files[0])]
    except OSError as error:
        print(f"tools/check_symbols: {error}", file=sys.stderr)
        return 240
    print(*complaints, sep="\n", end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
