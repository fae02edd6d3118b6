"""For the suites of test/qemu: boot once, look at what came back; and a small TAP runner."""

import os
import re
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

from . import build, run
from .status import Stop


@dataclass
class Result:
    """One boot: exit status and reason as tools/run would give them, console and log apart."""
    status: int
    reason: str | None
    stdout: bytes
    log: str
    arguments: list[str]

    def check(self, status: int | None = None, stdout: bytes | None = None,
              log: str | None = None) -> "Result":
        """`log` is a pattern that some part of the log must match."""
        if status is not None and self.status != status:
            self.fail(f"status {self.status} ({self.reason}), not {status}")
        if stdout is not None and self.stdout != stdout:
            self.fail(f"stdout {self.stdout[:300]!r}, not {stdout[:300]!r}")
        if log is not None and not re.search(log, self.log):
            self.fail(f"the log has no {log!r}")
        return self

    def fail(self, why: str) -> None:
        tail = "\n".join(self.log.splitlines()[-25:])
        raise AssertionError(f"{why}\ntools/run {' '.join(self.arguments)}\n{tail}")


def patience(options: run.Options) -> float:
    """How many times longer a machine may take because this computer has fewer processors than it."""
    return max(1, run.processors(options) / (os.cpu_count() or 1))


def boot(arch: str, *arguments: str, timeout: float = 120, stdin: bytes = b"") -> Result:
    """What `tools/run ARCH ARGUMENTS` would do, with a tree that is already built; on the initial
    file system, unless ARGUMENTS say what the root is."""
    if not any("root=" in word for word in arguments):
        arguments += ("--append", "root=initfs")
    options = run.parse([arch, *arguments])
    options.timeout = options.timeout or timeout * patience(options)
    console, log = bytearray(), bytearray()
    runs = build.folder(arch) / "run"
    runs.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=runs) as folder:
        outcome, session = run.boot(options, Path(folder), forward_input=False, input=stdin,
                                    on_console=console.extend, on_log=log.extend)
    text = log.decode(errors="replace")
    if not session.booted:
        text += "\n".join(session.chatter_lines(15))
    return Result(outcome.status, outcome.reason, bytes(console), text, [arch, *arguments])


def main(tests: list) -> int:
    """Runs `tests` (functions of an architecture, named for behaviour) as TAP."""
    arch = sys.argv[1] if len(sys.argv) > 1 else ""
    pattern = sys.argv[2] if len(sys.argv) > 2 else ""
    if arch not in build.ARCHES:
        print(f"usage: {sys.argv[0]} x86_64|aarch64 [PATTERN]", file=sys.stderr)
        return 240
    chosen = [test for test in tests if pattern in test.__name__]
    print(f"1..{len(chosen)}", flush=True)
    failed = 0
    for number, test in enumerate(chosen, start=1):
        why = None
        try:
            # A test may report parts of itself as tests of their own: it returns a list of
            # (name, why it failed or None).
            for name, part in test(arch) or []:
                print("ok" if part is None else "not ok", "-", f"{test.__name__}: {name}")
                if part is not None:
                    failed += 1
                    print_why(part)
        except (AssertionError, Stop) as error:
            why = str(error)
        except Exception:
            why = traceback.format_exc()
        print("ok" if why is None else "not ok", number, "-", test.__name__)
        if why is not None:
            failed += 1
            print_why(why)
        sys.stdout.flush()
    return 1 if failed else 0


def print_why(why: str) -> None:
    for line in why.splitlines():
        print("#", line)


def environment_number(name: str, default: int) -> int:
    return int(os.environ.get(name) or default)
