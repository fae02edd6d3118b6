"""Threads of one process take memory from each other on four processors (user/torture), for 20 seconds,
or TORTURE=N. `TORTURE=600 tools/test --smp 8 torture-x86_64` is the long run."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import guest  # noqa: E402

SECONDS = guest.environment_number("TORTURE", 20)
PROCESSORS = guest.environment_number("SMP", 4)


def no_page_is_used_after_it_was_taken(arch):
    result = guest.boot(arch, "--smp", str(PROCESSORS), "--cmd", f"torture {SECONDS}",
                        timeout=SECONDS * 2 + 120)
    result.check(0)
    said = result.stdout.decode(errors="replace")
    counts = re.search(r"torture: (\d+) processors.* (\d+) revocations, (\d+) forks", said)
    print(f"# {said.strip()}")
    if counts is None or int(counts[1]) != PROCESSORS or int(counts[2]) == 0:
        result.fail(said)


if __name__ == "__main__":
    sys.exit(guest.main([no_page_is_used_after_it_was_taken]))
