"""The programs of test/user: what they print here is what they print on Linux.

The x86_64 programs run on this machine's Linux, as a plain user; that output is what both
architectures must give. One boot runs all of them. Every test case of a program (`== TITLE` in its
output) is a test.
"""

import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import build, guest, run  # noqa: E402
from libvm_tools.status import Stop  # noqa: E402
import damaged_elf  # noqa: E402

PLAIN_USER = "65534"
SECONDS = 30  # for one program


def programs(arch: str) -> dict[str, Path]:
    folder = build.folder(arch) / "test" / "user"
    sources = build.TOP / "test" / "user"
    return {source.stem: folder / source.stem for source in sorted(sources.glob("*.c"))
            if source.stem not in ("arena", "case", "runner")}


def damaged(arch: str) -> tuple[dict[str, bytes], list[str]]:
    """Files for exec_malformed; and those whose answer is not Linux's but ENOEXEC."""
    good = (build.folder(arch) / "user" / "true").read_bytes()
    here = damaged_elf.refused_here(good)
    return damaged_elf.as_on_linux(good) | here, list(here)


def on_linux(names: list[str]) -> str:
    """What the x86_64 programs print on this machine."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        host = programs("x86_64")
        for program in ["runner", *names]:
            shutil.copy(host.get(program, host[names[0]].parent / program), folder / program)
        if "exec_malformed" in names:
            (folder / "elf").mkdir()
            for title, content in damaged("x86_64")[0].items():
                (folder / "elf" / title).write_bytes(content)
                (folder / "elf" / title).chmod(0o755)
        user = ["-u", PLAIN_USER] if os.geteuid() == 0 else []
        result = subprocess.run([folder / "runner", "-t", str(SECONDS), *user, *names],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        return result.stdout.decode(errors="replace")


def in_guest(arch: str, names: list[str], *arguments: str) -> guest.Result:
    files = programs(arch)
    files["runner"] = build.folder(arch) / "test" / "user" / "runner"
    added = [word for name in ["runner", *names] for word in ("--add", f"{files[name]}:/test/{name}")]
    with tempfile.TemporaryDirectory() as folder:
        if "exec_malformed" in names:
            for title, content in damaged(arch)[0].items():
                file = Path(folder) / title
                file.write_bytes(content)
                file.chmod(0o755)
                added += ["--add", f"{file}:/test/elf/{title}"]
        seconds = round(SECONDS * guest.patience(run.parse([arch, *arguments])))
        return guest.boot(arch, *arguments, *added, "--cmd",
                          f"/test/runner -t {seconds} {' '.join(names)}", timeout=150)


def cases(output: str) -> dict[str, dict[str, list[str]]]:
    """Program -> title of a test case -> its lines. What stands before the first case is "start", how
    the program ended is "end"."""
    found: dict[str, dict[str, list[str]]] = {}
    program, title = None, ""
    for line in output.replace("\r\n", "\n").split("\n"):
        if match := re.match(r"@@ run (\S+)", line):
            program, title = match[1], "start"
            found[program] = {title: []}
        elif program is None:
            continue
        elif match := re.match(r"@@ end \S+ (.*)", line):
            found[program]["end"] = [match[1]]
            program = None
        elif line.startswith("== "):
            title = line[3:]
            found[program].setdefault(title, [])
        else:
            found[program][title].append(line)
    return found


def difference(expected: list[str], got: list[str]) -> str | None:
    if expected == got:
        return None
    lines = list(difflib.unified_diff(expected, got, "Linux", "here", lineterm="", n=1))
    return "\n".join(line[:200] for line in lines[:30])


def report(arch: str, names: list[str]) -> int:
    expected = cases(on_linux(names))
    for title in damaged(arch)[1] if "exec_malformed" in names else []:
        expected["exec_malformed"][title] = ["ENOEXEC", "exit 9"]
    result = in_guest(arch, names)
    got = cases(result.stdout.decode(errors="replace"))
    tests = [(name, title) for name in names for title in expected.get(name, {"start": []})
             if title != "start" or expected.get(name, {}).get("start")]
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, (name, title) in enumerate(tests, start=1):
        want = expected.get(name, {}).get(title)
        have = got.get(name, {}).get(title)
        if want is None:
            why = "it did not run on Linux"
        elif have is None:
            why = f"missing: the program ended with {got.get(name, {}).get('end', ['the machine'])[0]}"
        else:
            why = difference(want, have)
        print("ok" if why is None else "not ok", number, "-", f"{name}: {title}")
        if why is not None:
            failed += 1
            guest.print_why(why)
    if result.status != 0 or result.reason:
        print(f"# the machine ended with {result.status} ({result.reason})")
        guest.print_why("\n".join(result.log.splitlines()[-25:]))
        failed += 1
    sys.stdout.flush()
    return 1 if failed else 0


def main() -> int:
    arch = sys.argv[1] if len(sys.argv) > 1 else ""
    pattern = sys.argv[2] if len(sys.argv) > 2 else ""
    if arch not in build.ARCHES:
        print(f"usage: {sys.argv[0]} x86_64|aarch64 [PROGRAM]", file=sys.stderr)
        return 240
    # Both: Linux is asked with the x86_64 programs.
    if arch != "x86_64":
        build.build("x86_64")
    names = [name for name in programs(arch) if pattern in name]
    try:
        return report(arch, names)
    except Stop as stop:
        print("1..1\nnot ok 1 - user")
        guest.print_why(stop.message)
        return 1


if __name__ == "__main__":
    sys.exit(main())
