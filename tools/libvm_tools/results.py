"""Counting: what one test program said, as passed and failed checks."""

import re
import sys
import threading
from dataclasses import dataclass, field

TAP = re.compile(r"^(not ok|ok)\b\s*(?:\d+)?\s*(?:-\s*)?(.*)$", re.M)
CATCH_ALL = re.compile(r"All tests passed \(.* in (\d+) test cases?\)")
CATCH_SOME = re.compile(r"^test cases:\s*(\d+)\s*\|(?:\s*(\d+) passed\s*\|)?\s*(\d+) failed", re.M)
UNITTEST = re.compile(r"^Ran (\d+) tests?", re.M)
UNITTEST_FAILED = re.compile(r"^FAILED \((.*)\)", re.M)


def count(output: str, passed: bool) -> tuple[int, int]:
    """(passed, failed) checks of one program: TAP lines, Catch2 test cases, unittest tests; a
    program that says nothing of the kind is one check. A failed one has failed at least once."""
    tap = TAP.findall(output)
    if tap and re.search(r"^1\.\.\d+", output, re.M):
        failed = sum(verdict == "not ok" for verdict, _ in tap)
        planned = int(re.search(r"^1\.\.(\d+)", output, re.M)[1])
        good = len(tap) - failed
        # A program that died before its last test has failed.
        return good, failed if passed or failed else max(1, planned - len(tap))
    if found := CATCH_ALL.search(output):
        good, failed = int(found[1]), 0
    elif found := CATCH_SOME.search(output):
        good, failed = int(found[1]) - int(found[3]), int(found[3])
    elif found := UNITTEST.search(output):
        failures = UNITTEST_FAILED.search(output)
        failed = sum(map(int, re.findall(r"(?:failures|errors)=(\d+)", failures[1]))) \
            if failures else 0
        good = int(found[1]) - failed
    else:
        return (1, 0) if passed else (0, 1)
    return (good, failed) if passed else (good, max(failed, 1))


@dataclass
class Report:
    """Prints one line a result as it comes, from any thread, and keeps the sums."""
    passed: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, where: str, what: str, good: int, bad: int, why: str, repeat: str) -> None:
        with self.lock:
            self.passed += good
            self.failed += bad
            if bad == 0:
                more = f" ({good})" if good > 1 else ""
                print(f"ok {where}: {what}{more}", flush=True)
                return
            line = f"FAILED {where}: {what}; again: {repeat}"
            self.failures.append(line)
            print(line)
            for text in why.splitlines()[-40:]:
                print(f"    {text}")
            sys.stdout.flush()

    def finish(self) -> int:
        if self.failures:
            print("\nFailures:", *self.failures, sep="\n  ")
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0
