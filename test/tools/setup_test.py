"""tools/setup and a failing build: one clear line, the right status, nothing changed.

A copy of tools/setup runs in a tree of its own with a PATH of stand-ins, so that it installs nothing.
"""

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))
from libvm_tools import build, status  # noqa: E402

REAL = ["bash", "cat", "dirname", "mkdir", "flock", "rm", "tail", "env", "mktemp", "sort"]


class SetupTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name) / "top"
        self.bin = Path(folder.name) / "bin"
        (self.top / "tools").mkdir(parents=True)
        self.bin.mkdir()
        shutil.copy(TOP / "tools" / "setup", self.top / "tools" / "setup")
        self.packages("one  # first\n\n# a comment\ntwo\nsysroot/libc  # unpacked\n")
        for name in REAL:
            (self.bin / name).symlink_to(shutil.which(name))
        self.stand_in("id", "echo 1000")
        self.installed("one", "two")

    def packages(self, text):
        (self.top / "tools" / "packages.txt").write_text(text)

    def stand_in(self, name, script):
        path = self.bin / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def installed(self, *names):
        self.stand_in("dpkg-query", "\n".join(f"echo '{name} installed'" for name in names))

    def stamp(self, text):
        (self.top / "build" / "sysroot").mkdir(parents=True)
        (self.top / "build" / "sysroot" / "stamp").write_text(text + "\n")

    def run_setup(self, *arguments):
        return subprocess.run([self.top / "tools" / "setup", *arguments], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              env={"PATH": str(self.bin)})

    def test_nothing_missing_says_nothing(self):
        self.stamp("libc")
        result = self.run_setup()
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))

    def test_missing_package_without_root_or_sudo(self):
        self.installed("one")
        result = self.run_setup()
        self.assertEqual(result.returncode, status.MISSING)
        self.assertIn("needs root to install two", result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1)
        self.assertFalse((self.top / "build").exists())

    def test_removed_but_configured_package_is_missing(self):
        self.stand_in("dpkg-query", "echo 'one installed'; echo 'two config-files'")
        self.assertIn("needs root to install two", self.run_setup().stderr)

    def test_sudo_that_wants_a_password_without_a_terminal(self):
        self.installed("two")
        self.stand_in("sudo", "exit 1")
        result = self.run_setup()
        self.assertEqual(result.returncode, status.MISSING)
        self.assertIn("needs root to install one (sudo wants a password", result.stderr)

    def test_root_installs_what_is_missing_and_no_more(self):
        self.stamp("libc")
        self.installed("one")
        self.stand_in("id", "echo 0")
        log = self.top / "apt"
        # After the installation dpkg-query knows the package.
        self.stand_in("apt-get", f'echo "$*" >>{log}; [ "$1" != -y ] || '
                                 f"echo 'echo two installed' >>{self.bin}/dpkg-query")
        result = self.run_setup()
        self.assertEqual(result.returncode, 0, result.stderr)
        install = log.read_text().splitlines()[-1]
        self.assertTrue(install.endswith("install --no-install-recommends two"), install)

    def test_package_that_does_not_exist(self):
        self.installed("one")
        self.stand_in("id", "echo 0")
        self.stand_in("apt-get", "echo E: Unable to locate package two >&2; exit 100")
        result = self.run_setup()
        self.assertEqual(result.returncode, status.MISSING)
        self.assertIn("apt-get could not install two", result.stderr.splitlines()[-1])

    def test_unreachable_mirror_leaves_no_half_sysroot(self):
        self.stand_in("apt-get", "echo E: cannot connect >&2; exit 100")
        result = self.run_setup()
        self.assertEqual(result.returncode, status.MISSING)
        self.assertIn("cannot fetch", result.stderr.splitlines()[-1])
        self.assertFalse((self.top / "build" / "sysroot" / "x86_64").exists())
        self.assertFalse((self.top / "build" / "sysroot" / "stamp").exists())

    def test_unknown_argument(self):
        result = self.run_setup("--frobnicate")
        self.assertEqual(result.returncode, status.BAD_USAGE)


class BuildTest(unittest.TestCase):
    def test_failing_build_is_a_status_of_its_own(self):
        with self.assertRaises(status.Stop) as caught:
            build.run_quietly(["false"], "building build/none")
        self.assertEqual(caught.exception.status, status.BUILD)
        self.assertEqual(caught.exception.message,
                         "building build/none failed (the output is above)")

    def test_only_the_failing_part_of_the_output_is_shown(self):
        output = "[1/2] Compiling a\nFAILED: b\nb.cpp:1: error: no\n"
        self.assertEqual(build.interesting(output), "FAILED: b\nb.cpp:1: error: no\n")
        self.assertEqual(build.interesting("meson: error\n"), "meson: error\n")


if __name__ == "__main__":
    unittest.main()
