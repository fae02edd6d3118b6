"""Schemes served by user programs: test/schemes, which is tests and daemons in one program."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import build, guest  # noqa: E402


def program(arch):
    """One boot runs all of them; each `ok NAME` or `FAILED NAME` it prints is a test."""
    names = re.findall(r'\{"([^"]+)", test_', (build.TOP / "test/schemes/tests.h").read_text(),
                       re.M)
    file = build.folder(arch) / "test" / "schemes" / "schemes"
    result = guest.boot(arch, "--add", f"{file}:/test/schemes", "--cmd", "/test/schemes",
                        timeout=150)
    said = result.stdout.decode(errors="replace").replace("\r\n", "\n")
    parts, before = [], 0
    for name in names:
        found = re.search(rf"^(ok|FAILED) {name}$", said, re.M)
        why = None
        if found is None:
            why = "it did not end\n" + said[before:] + result.log[-1500:]
        elif found[1] != "ok":
            why = said[before:found.start()]
        before = found.end() if found else before
        parts.append((name, why))
    return parts


if __name__ == "__main__":
    sys.exit(guest.main([program]))
