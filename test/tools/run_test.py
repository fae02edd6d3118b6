"""Arguments of tools/run, the kernel line made of them, and the initial file system."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))
from libvm_tools import run, status  # noqa: E402
from libvm_tools.initrd import Initrd  # noqa: E402


class ArgumentsTest(unittest.TestCase):
    def assert_refused(self, *arguments):
        with self.assertRaises(status.Stop) as caught:
            run.parse(list(arguments))
        self.assertEqual(caught.exception.status, status.BAD_USAGE)
        self.assertNotIn("\n", caught.exception.message)

    def test_defaults(self):
        options = run.parse([])
        self.assertEqual((options.arch, options.cmd, options.mem), ("x86_64", None, 1024))

    def test_everything(self):
        options = run.parse(["aarch64", "--smp", "4", "--mem=2G", "--eager", "--cmd", "/bin/a b",
                             "--add", f"{__file__}:/etc/a", "--append", "levels=5",
                             "--timeout", "2.5", "--gdb", "--print", "--qemu", "-d",
                             "--qemu=int"])
        self.assertEqual(options.qemu, ["-d", "int"])
        self.assertEqual((options.arch, options.smp, options.mem), ("aarch64", 4, 2048))
        self.assertEqual(options.timeout, 2.5)
        self.assertTrue(options.eager and options.gdb and options.show)

    def test_bad_values(self):
        here = __file__
        for arguments in (["--mem", "5"], ["--mem", "127"], ["--mem", "64G1"], ["--mem", "65537"],
                          ["--mem", ""], ["--mem"], ["--mem", "-1"], ["--mem", "1e3"],
                          ["--smp", "0"], ["--smp", "65"], ["--smp", "two"], ["--smp", "²"],
                          ["--timeout", "0"], ["--timeout", "-1"], ["--timeout", "nan"],
                          ["--timeout", "inf"], ["--cmd", ""], ["--cmd", " "], ["--cmd", "a\nb"],
                          ["--add", "x"], ["--add", ":/x"], ["--add", f"{here}:"],
                          ["--add", f"{here}:x"], ["--add", f"{here}:/x/"],
                          ["--add", f"{here}:/../x"], ["--add", f"{here}://x"],
                          ["--add", "/nonexistent:/x"], ["--add", "/:/x"],
                          ["--add", f"{here}:/x", "--add", f"{here}:/x"],
                          ["--append", ""], ["--qemu"], ["--qemu", ""], ["--eager=1"], ["--frobnicate"], ["x86"], [""],
                          ["--screenshot", ""], ["--screenshot", "/"], ["--screenshot", "/nonexistent/a.png"],
                          ["x86_64", "aarch64"], ["--smp", "1", "--smp", "2"],
                          ["--icount", "--smp", "2"], ["--cmd", "x" * 3001]):
            with self.subTest(arguments):
                self.assert_refused(*arguments)

    def test_command_line_says_it_in_one_line(self):
        result = subprocess.run([TOP / "tools" / "run", "--bogus"], capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stdout), (status.BAD_USAGE, ""))
        self.assertEqual(len(result.stderr.splitlines()), 1)

    def test_help_documents_every_status(self):
        result = subprocess.run([TOP / "tools" / "run", "--help"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0)
        for value in range(status.BAD_USAGE, status.LOADER + 1):
            self.assertIn(f"\n  {value} ", result.stdout)

    def test_quotes_in_the_command_are_escaped(self):
        line = run.kernel_line(run.parse(["--cmd", 'echo "a\\b"']), "t", False)
        self.assertTrue(line.endswith(r'run="echo \"a\\b\""'), line)
        self.assertIn("log=debugcon exit=debug console_mark=t console=pipe", line)


class InitrdTest(unittest.TestCase):
    def tree(self):
        tree = Initrd()
        tree.add_file("/bin/a", b"content", 0o755)
        tree.add_file("/etc/deep/b", b"")
        tree.add_symlink("/bin/sh", "a")
        return tree

    def test_same_bytes_every_time(self):
        self.assertEqual(self.tree().archive(), self.tree().archive())

    def test_cpio_reads_it(self):
        archive = self.tree().archive()
        entries = {}
        at = 0
        while True:
            self.assertEqual(archive[at:at + 6], b"070701")
            fields = [int(archive[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
            mode, size, name_size = fields[1], fields[6], fields[11]
            name = archive[at + 110:at + 110 + name_size - 1].decode()
            data = (at + 110 + name_size + 3) // 4 * 4
            if name == "TRAILER!!!":
                break
            entries[name] = (mode, archive[data:data + size])
            at = (data + size + 3) // 4 * 4
        self.assertEqual(entries, {
            "bin": (0o040755, b""), "bin/a": (0o100755, b"content"), "etc": (0o040755, b""),
            "etc/deep": (0o040755, b""), "etc/deep/b": (0o100644, b""), "bin/sh": (0o120777, b"a")})

    def test_host_file_keeps_whether_it_can_be_executed(self):
        with tempfile.NamedTemporaryFile() as file:
            for host_mode, guest_mode in ((0o700, 0o100755), (0o600, 0o100644)):
                Path(file.name).chmod(host_mode)
                tree = Initrd()
                tree.add_host_file("/x", Path(file.name))
                self.assertEqual(tree.entries["/x"][0], guest_mode)


if __name__ == "__main__":
    unittest.main()
