"""The kernel, libvm and libusercopy compiled with -fsanitize=kernel-address: self-tests and programs
touch no memory that is not theirs, and what is planted is reported."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import guest, other_kernels  # noqa: E402

# A kernel more to build for each architecture: minutes, where nothing is cached.
ON_DEMAND = True
REPORTS = {
    "heap-overflow": r"bad write of 1 bytes at 0x\w+: 0x\w+ is 0 bytes past the end of a heap block "
                     r"of 12 bytes",
    "heap-after-free": r"bad read of 8 bytes at 0x\w+: 0x\w+ is byte 16 of a freed heap block of 100 "
                       r"bytes",
    "heap-double-free": r"freeing a block that is free",
    "frame-after-free": r"bad read of 8 bytes at 0x\w+: 0x\w+ is a free frame",
    "stack-array": r"bad read of 1 bytes at 0x\w+: 0x\w+ is the stack beside a variable",
    "global-array": r"bad read of 1 bytes at 0x\w+: 0x\w+ is behind a global variable",
}

if __name__ == "__main__":
    sys.exit(guest.main(other_kernels.suite("address", REPORTS)))
