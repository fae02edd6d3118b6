"""tools/bench: arguments, what vmbench prints, the machine's program for Linux, plots."""

import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))
from libvm_tools import bench, plot, status, vmbench  # noqa: E402

PRINTED = """units_of_instruction 16.001
write_fault 336 1577.9 1599.9\r
nothing 0 - -
fork_call_0_MiB 60 1000.0 1001.0
fork_call_256_MiB 15 66536.0 70000.0
fork_exit_wait_0_MiB 60 3000.0 3000.0
fork_exit_wait_256_MiB 15 3000.0 2999.0
end
"""


class BenchTest(unittest.TestCase):
    def test_bad_arguments(self):
        for arguments in (["--frobnicate"], ["--json"], ["--json", "/nonexistent/a"], ["--plot"],
                          ["--plot", "/nonexistent"], ["--compare"], ["--compare", "/nonexistent/rows"], ["--profile"], ["--profile", "a", "b"],
                          ["--profile", "a", "x86_64", "c"]):
            with self.subTest(arguments), self.assertRaises(status.Stop) as caught:
                bench.bench(arguments)
            self.assertEqual(caught.exception.status, status.BAD_USAGE)

    def test_rows_are_read_and_made(self):
        rows = vmbench.parse(PRINTED)
        self.assertEqual(rows["write_fault"], (1577.9, 1599.9))
        self.assertNotIn("nothing", rows)
        self.assertEqual(rows["fork_per_page"][0], 1.0)
        self.assertEqual(rows["fork_exit_wait_per_page"], (0.0, 0.0))

    def test_every_row_is_one_of_the_program(self):
        source = (TOP / "user" / "vmbench" / "vmbench.c").read_text()
        made = {"fork_per_page", "fork_exit_wait_per_page"}
        for row in vmbench.ROWS:
            if row.name not in made and not row.name.endswith("_MiB"):
                self.assertIn(f'"{row.name}"', source)

    def test_comparison_names_what_changed(self):
        rows = [{"suite": "s", "arch": "x86_64", "row": name, "unit": "ns", "peer_name": None,
                 "ours": ours} for name, ours in (("same", 100), ("more", 103), ("new", 1))]
        earlier = [dict(row, ours=99) for row in rows[:2]]
        self.assertEqual(bench.compare(rows, earlier),
                         ["s: more, ns: 99 -> 103, x1.040", "1 of 2 rows differ by over 2 %"])

    def test_comparison_refuses_other_files(self):
        with tempfile.TemporaryDirectory() as folder:
            for text in ("", "{}", "[1]", '[{"ours": "many"}]', '[{"ours": 1}]'):
                file = Path(folder) / "rows"
                file.write_text(text)
                with self.subTest(text), self.assertRaises(status.Stop):
                    bench.read_rows(str(file))

    def test_archive_is_one_that_cpio_reads(self):
        data = (vmbench.archive_entry("init", 0o100755, b"abcde")
                + vmbench.archive_entry("TRAILER!!!", 0))
        self.assertEqual(len(data) % 4, 0)
        self.assertEqual(data[:6], b"070701")
        self.assertEqual(int(data[54:62], 16), 5)  # the file's size
        self.assertEqual(data[110:115], b"init\0")

    def test_plots(self):
        rows = [{"suite": "kernel-x86_64", "arch": "x86_64", "row": f"fork call, {size} MiB resident",
                 "ours": 67000.0, "peer": 40000.0 * size, "peer_name": "Linux"} for size in (0, 8, 64)]
        with tempfile.TemporaryDirectory() as folder:
            written = plot.plot(rows, Path(folder))
            self.assertEqual([path.name for path in written], ["fork-x86_64.svg"])
            root = ElementTree.parse(written[0]).getroot()
            lines = root.findall("{http://www.w3.org/2000/svg}polyline")
            self.assertEqual([len(line.get("points").split()) for line in lines], [2, 2])
        rows = [{"suite": "usercopy", "arch": "x86_64", "row": f"from user, warm, {size} B", "ours": 5.0,
                 "peer": 6.0, "peer_name": peer} for size in (8, 64) for peer in ("memcpy", "movsb")]
        rows += [{"suite": "space", "arch": "x86_64", "row": f"clone, resident {size}", "unit": "ns",
                  "ours": 110.0, "peer": None} for size in ("16 MiB", "1 GiB")]
        self.assertEqual(plot.copy_lines(rows)["movsb"], [(8.0, 6.0), (64.0, 6.0)])
        self.assertEqual(plot.clone_lines(rows), {"clone": [(16.0, 110.0), (1024.0, 110.0)]})
        with self.assertRaises(ValueError):
            plot.svg("a", "b", "c", {"line": [(0, 1)]})

    def test_setup_refuses_what_it_does_not_know(self):
        result = subprocess.run([TOP / "tools" / "setup", "--peers"], capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stdout), (status.BAD_USAGE, ""))


if __name__ == "__main__":
    unittest.main()
