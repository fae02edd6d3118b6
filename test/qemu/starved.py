"""Every kernel allocation of twenty things fails once: an error number each time, nothing changed, no
memory missing (user/starved, by way of /scheme/fail)."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import build, guest  # noqa: E402

SOURCE = build.TOP / "user" / "starved" / "starved.c"
# These need allocations whatever was cached: a figure of 0 would mean that nothing was tried.
MUST_ALLOCATE = {"fork", "exec", "map_touch", "fault", "pipe", "thread", "scheme_files", "scheme_buffers",
                 "scheme_mapping", "scheme_passing", "scheme_registration", "scheme_serving"}


def starved(arch):
    names = re.findall(r'\{"(\w+)", do_\w+\}', SOURCE.read_text())
    assert len(names) >= 20, f"only {names} found in {SOURCE.name}"
    result = guest.boot(arch, "--cmd", "starved; echo ended with $?", timeout=300)
    said = result.stdout.decode(errors="replace").splitlines()
    refused = dict(re.findall(r"^(\w+): (\d+) refused$", "\n".join(said), re.M))
    parts = []
    for name in names:
        trouble = None
        if name not in refused:
            trouble = "\n".join(said[-3:])
        elif name in MUST_ALLOCATE and refused[name] == "0":
            trouble = "no allocation was refused"
        parts.append((name, trouble))
    parts.append(("no memory is missing", None if said[-2:] == ["nothing is missing", "ended with 0"]
                  else "\n".join(said[-3:]) + "\n" + result.log[-1500:]))
    return parts


if __name__ == "__main__":
    sys.exit(guest.main([starved]))
