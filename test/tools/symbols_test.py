"""tools/check_symbols finds what a library needs and may not."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


class SymbolsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def archive(self, *sources):
        objects = []
        for number, source in enumerate(sources):
            path = Path(self.folder.name) / f"{number}.cpp"
            path.write_text(source)
            objects.append(path.with_suffix(".o"))
            subprocess.run(["clang++-19", "-ffreestanding", "-c", path, "-o", objects[-1]],
                           check=True)
        library = Path(self.folder.name) / "lib.a"
        subprocess.run(["llvm-ar-19", "rcs", library, *objects], check=True)
        return library

    def check(self, *arguments):
        return subprocess.run([TOP / "tools" / "check_symbols", *arguments],
                              capture_output=True, text=True)

    def test_needs_between_members_are_fine(self):
        library = self.archive("void helper(); void entry() { helper(); }", "void helper() {}")
        self.assertEqual(self.check(library).returncode, 0)

    def test_need_from_outside_is_named(self):
        library = self.archive("namespace host { void hook(int); } void f() { host::hook(1); }")
        result = self.check(library)
        self.assertEqual(result.returncode, 1)
        self.assertIn("host::hook(int)", result.stdout)

    def test_allowed_by_plain_name_and_pattern(self):
        library = self.archive("namespace host { void hook(int); } void f() { host::hook(1); }")
        self.assertEqual(self.check(library, "--allow", "host::hook(int)").returncode, 0)
        self.assertEqual(self.check(library, "--allow", "host::*").returncode, 0)
        self.assertEqual(self.check(library, "--allow", "other::*").returncode, 1)

    def test_bad_usage(self):
        for arguments in ([], ["/nonexistent"], ["--what"]):
            self.assertEqual(self.check(*arguments).returncode, 240)


if __name__ == "__main__":
    unittest.main()
