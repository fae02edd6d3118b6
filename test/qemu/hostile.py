"""Programs that take more than there is: they are refused or end, the shell goes on, no page is lost."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import guest  # noqa: E402

HOGS = ["bomb", "memory", "shared-memory", "descriptors", "mappings", "threads", "short-lives",
        "short-programs", "no-memory"]


def hogs(arch):
    """One boot with little memory, so that there is soon none; a shell runs them one by one."""
    line = "; ".join([f"hog {name} || echo {name} failed" for name in HOGS] + ["echo alive"])
    result = guest.boot(arch, "--mem", "256", "--cmd", line, timeout=300)
    said = result.stdout.decode(errors="replace").splitlines()
    parts = []
    for name in HOGS:
        lines = [text for text in said if text.startswith(name)]
        good = len(lines) == 1 and lines[0].endswith("pages lost: 0") and "NOT" not in lines[0]
        parts.append((name, None if good else "\n".join(lines) or "it said nothing"))
    parts.append(("the shell goes on", None if "alive" in said else result.log[-1500:]))
    return parts


if __name__ == "__main__":
    sys.exit(guest.main([hogs]))
