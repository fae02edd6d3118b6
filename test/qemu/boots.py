"""Boots in a row, none of which may fail: BOOTS=N (50). `tools/test boots-x86_64`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import guest  # noqa: E402

ON_DEMAND = True


def boots_in_a_row(arch):
    results = []
    for number in range(1, guest.environment_number("BOOTS", 50) + 1):
        try:
            guest.boot(arch, "--cmd", "/bin/hello", "--timeout", "60").check(0, b"hello, world\n")
            results.append((f"boot {number}", None))
        except AssertionError as error:
            results.append((f"boot {number}", str(error)))
    return results


if __name__ == "__main__":
    sys.exit(guest.main([boots_in_a_row]))
