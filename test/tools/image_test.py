"""tools/image: what other programs make of its disks, and what it says about bad inputs."""

import binascii
import re
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))
from libvm_tools import disk_image  # noqa: E402

MIB = 1024 * 1024


class ImageTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.contents = {"loader": b"MZ" + bytes(30000), "kernel": bytes(range(256)) * 999,
                         "initrd": b"070701" * 1001}
        for name, content in self.contents.items():
            (self.folder / name).write_bytes(content)

    def image(self, name="disk.img", line="quiet", **changes):
        paths = {key: self.folder / key for key in self.contents} | changes
        command = [TOP / "tools" / "image", "--arch", "x86_64", "--cmdline", line,
                   "--output", self.folder / name]
        for key, path in paths.items():
            command += [f"--{key}", path]
        return subprocess.run(command, capture_output=True, text=True)

    def made(self, **arguments):
        result = self.image(**arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return self.folder / arguments.get("name", "disk.img")

    def partition(self, disk):
        path = self.folder / "partition"
        path.write_bytes(disk.read_bytes()[MIB:-MIB])
        return path

    def test_file_system_check_finds_nothing(self):
        # Partition and file system end together only by chance: the check looks at the latter.
        check = subprocess.run(["/usr/sbin/fsck.fat", "-n", "-v", self.partition(self.made())],
                               capture_output=True, text=True)
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)
        self.assertIn("32 bit entries", check.stdout)
        self.assertNotRegex(check.stdout, "(?i)wrong|differ|bad |reclaimed|lost")

    def test_mtools_reads_back_every_file_by_its_long_name(self):
        disk = f"{self.made()}@@1M"
        for path, content in (("EFI/BOOT/BOOTX64.EFI", self.contents["loader"]),
                              ("libvm/kernel.elf", self.contents["kernel"]),
                              ("libvm/initrd.cpio", self.contents["initrd"]),
                              ("libvm/cmdline.txt", b"quiet\n")):
            read = subprocess.run(["mtype", "-i", disk, f"::{path}"], capture_output=True,
                                  check=True)
            self.assertEqual(read.stdout, content, path)

    def test_partition_tables_agree_and_have_right_checksums(self):
        disk = self.made().read_bytes()
        sectors = len(disk) // 512
        mbr = struct.unpack_from("<B3sB3sII", disk, 446)
        self.assertEqual((mbr[2], mbr[4], mbr[5]), (0xEE, 1, sectors - 1))
        self.assertEqual(disk[510:512], b"\x55\xAA")
        tables = []
        for here, other in ((1, sectors - 1), (sectors - 1, 1)):
            header = bytearray(disk[here * 512:here * 512 + 92])
            fields = struct.unpack("<8sIIIIQQQQ16sQIII", header)
            header[16:20] = bytes(4)
            self.assertEqual(fields[0], b"EFI PART")
            self.assertEqual(fields[3], binascii.crc32(header))
            self.assertEqual((fields[5], fields[6]), (here, other))
            first_usable, last_usable, table_at = fields[7], fields[8], fields[10]
            table = disk[table_at * 512:table_at * 512 + fields[11] * fields[12]]
            self.assertEqual(fields[13], binascii.crc32(table))
            first, last = struct.unpack_from("<QQ", table, 32)
            self.assertTrue(first_usable <= first < last <= last_usable)
            self.assertEqual(first, 2048)
            tables.append(table)
        self.assertEqual(*tables)

    def test_same_inputs_make_the_same_bytes(self):
        first = self.made(name="one").read_bytes()
        time.sleep(1.1)
        self.assertEqual(first, self.made(name="two").read_bytes())

    def test_20_mib_are_quick_and_unused_space_is_a_hole(self):
        (self.folder / "initrd").write_bytes(bytes(20 * MIB))
        began = time.monotonic()
        disk = self.made()
        self.assertLess(time.monotonic() - began, 5)    # 0.3 s where nothing else runs
        (self.folder / "initrd").write_bytes(b"x")
        self.assertLess(self.made(name="small").stat().st_blocks * 512, 4 * MIB)
        self.assertGreater(disk.stat().st_size, 20 * MIB)

    def test_many_files_with_names_alike_and_many_folders(self):
        files = {f"folder {i % 7}/a long name that differs at its end {i}.text": b"%d" % i
                 for i in range(300)}
        disk_image.write_disk(self.folder / "many.img", files)
        check = subprocess.run(["/usr/sbin/fsck.fat", "-n", self.partition(self.folder / "many.img")],
                               capture_output=True, text=True)
        self.assertEqual(check.returncode, 0, check.stdout)
        for path in list(files)[::37]:
            read = subprocess.run(["mtype", "-i", f"{self.folder / 'many.img'}@@1M", f"::{path}"],
                                  capture_output=True, check=True)
            self.assertEqual(read.stdout, files[path])

    def test_file_system_larger_than_the_smallest(self):
        disk_image.write_disk(self.folder / "large.img", {"a": bytes(60 * MIB), "b": b"end"})
        check = subprocess.run(["/usr/sbin/fsck.fat", "-n", self.partition(self.folder / "large.img")],
                               capture_output=True, text=True)
        self.assertEqual(check.returncode, 0, check.stdout)

    def test_missing_input_is_one_clear_line(self):
        result = self.image(kernel=self.folder / "none")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"^tools/image: cannot read \S+/none: No such file.*\n$")

    def test_unwritable_output_is_one_clear_line(self):
        result = self.image(name="no/such/folder/disk.img")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"^tools/image: cannot write [^\n]*\n$")

    def test_command_line_that_the_loader_would_refuse(self):
        for line in ("caf\u00e9", "x" * 4096, "a\nb"):
            result = self.image(line=line)
            self.assertEqual(result.returncode, 1, line[:9])
            self.assertTrue(re.match(r"tools/image: the command line [^\n]*\n$", result.stderr),
                            result.stderr)


if __name__ == "__main__":
    unittest.main()
