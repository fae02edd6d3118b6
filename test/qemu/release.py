"""The kernel without debug checks, the one that is measured: self-tests, and programs that go through
most of it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import guest, other_kernels  # noqa: E402


def kernel_tests(arch):
    return other_kernels.self_tests(arch, "--release")


def user_programs(arch):
    return other_kernels.programs(arch, "--release")


if __name__ == "__main__":
    sys.exit(guest.main([kernel_tests, user_programs]))
