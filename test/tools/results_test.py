"""How tools/test counts what test programs of each kind say."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools.results import count  # noqa: E402


class CountTest(unittest.TestCase):
    def test_silent_program(self):
        self.assertEqual(count("", True), (1, 0))
        self.assertEqual(count("", False), (0, 1))

    def test_tap(self):
        self.assertEqual(count("1..2\nok 1 - a\nok 2 - b\n", True), (2, 0))
        self.assertEqual(count("1..2\nok 1 - a\nnot ok 2 - b\n# why\n", False), (1, 1))
        self.assertEqual(count("1..3\nok 1 - a\n", False), (1, 2))

    def test_catch2(self):
        self.assertEqual(count("All tests passed (9 assertions in 4 test cases)\n", True), (4, 0))
        self.assertEqual(count("All tests passed (1 assertion in 1 test case)\n", True), (1, 0))
        self.assertEqual(count("test cases: 5 | 3 passed | 2 failed\n", False), (3, 2))
        self.assertEqual(count("test cases: 1 | 1 failed\n", False), (0, 1))

    def test_unittest(self):
        self.assertEqual(count("....\nRan 4 tests in 0.1s\n\nOK\n", True), (4, 0))
        text = "Ran 4 tests in 0.1s\n\nFAILED (failures=1, errors=1)\n"
        self.assertEqual(count(text, False), (2, 2))

    def test_crash_after_good_checks_is_a_failure(self):
        self.assertEqual(count("All tests passed (9 assertions in 4 test cases)\n", False), (4, 1))


if __name__ == "__main__":
    unittest.main()
