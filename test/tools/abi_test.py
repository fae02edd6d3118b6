"""docs/abi.md names every call the kernel has, and every one of Linux's that it has not."""

import re
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
HEADERS = {
    "x86_64": TOP / "build/sysroot/x86_64/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "aarch64": TOP / "build/sysroot/aarch64/usr/include/asm-generic/unistd.h",
}
# Names of the generic table that only machines of 32 bits have, or that are no calls.
OF_32_BITS = re.compile(r".*_time64|timer(fd)?_[gs]ettime64|clock_[gs]ettime64|clock_adjtime64|mmap2|llseek|fstatat"
                        r"|(stat|lstat|fstat|fstatat|statfs|fstatfs|truncate|ftruncate|fcntl"
                        r"|sendfile)64|fadvise64_64|sync_file_range2")
NO_CALLS = {"syscalls", "arch_specific_syscall"}


def named(text):
    return {word for quoted in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\w+", quoted)}


class AbiTest(unittest.TestCase):
    def setUp(self):
        calls = (TOP / "kernel/seam/syscalls.h").read_text()
        self.calls = set(re.findall(r"^  X\((\w+)\)", calls, re.M))
        self.assertGreater(len(self.calls), 100)
        text = (TOP / "docs/abi.md").read_text()
        self.present, heading, self.absent = text.partition("## What gives ENOSYS")
        self.assertTrue(heading)

    def test_every_call_is_described(self):
        self.assertEqual(sorted(self.calls - named(self.present)), [])

    def test_no_call_is_said_to_be_missing(self):
        self.assertEqual(sorted(self.calls & named(self.absent)), [])

    def test_every_missing_call_is_named(self):
        for arch, header in HEADERS.items():
            with self.subTest(arch):
                names = set(re.findall(r"#define __NR(?:3264)?_(\w+)", header.read_text()))
                self.assertGreater(len(names), 250)
                missing = {name for name in names - self.calls - NO_CALLS
                           if not OF_32_BITS.fullmatch(name)}
                self.assertEqual(sorted(missing - named(self.absent)), [])


if __name__ == "__main__":
    unittest.main()
