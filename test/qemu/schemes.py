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


def the_first_daemon_of_the_docs(arch):
    """user/greeter is what docs/schemes.md shows, and does what it says."""
    source = (build.TOP / "user/greeter/greeter.cpp").read_text().partition("\n")[2]
    shown = re.search(r"^```cpp\n(.*?)^```$", (build.TOP / "docs/schemes.md").read_text(), re.M | re.S)
    assert shown and shown[1] == source, "docs/schemes.md shows another program than user/greeter"
    assert source.count("\n") < 100, "it is no small program any more"
    result = guest.boot(arch, "--cmd", "greeter & until head -n 1 greeter: 2>/dev/null; do "
                        "sleep 0.1; done; cat greeter:x; echo $?")
    said = result.stdout.decode(errors="replace").split("\n")
    assert said[0] == "hello" and said[-2:-1] == ["1"], f"{said}\n{result.log[-1000:]}"


if __name__ == "__main__":
    sys.exit(guest.main([program, the_first_daemon_of_the_docs]))
