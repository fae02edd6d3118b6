"""Every lint rule complains about the smallest file that breaks it, and about nothing else."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import lint  # noqa: E402


class LintTest(unittest.TestCase):
    def complaints(self, rule, **files):
        with tempfile.TemporaryDirectory() as folder:
            names = []
            for path, content in files["files"].items():
                (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / path).write_text(content)
                names.append(path)
            saved, lint.TOP = lint.TOP, Path(folder)
            try:
                return [text.rsplit(":", 1)[0] for text in rule(sorted(names))]
            finally:
                lint.TOP = saved

    def include(self, path, line):
        return self.complaints(lint.includes, files={path: f"// a file\n{line}\n"})

    def test_includes_that_the_ladder_allows(self):
        for path, line in [
                ("base/include/base/a.h", '#include "base/b.h"'),
                ("base/include/base/a.h", "#include <stdint.h>"),
                ("libvm/include/vm/space/a.h", '#include "vm/table/b.h"'),
                ("libvm/include/vm/seam/a.h", '#include "vm/seam/b.h"'),
                ("libusercopy/src/a.cpp", '#include "usercopy/b.h"'),
                ("arch/x86_64/mmu/a.h", '#include "vm/seam/mmu_ops.h"'),
                ("arch/x86_64/cpu/a.h", '#include "kernel/seam/traps.h"'),
                ("kernel/process/a.cpp", '#include "vm/space/b.h"'),
                ("kernel/process/a.cpp", "#include <expected>"),
                ("test/unit/a.cpp", '#include "test/sim/b.h"')]:
            self.assertEqual(self.include(path, line), [], f"{path} {line}")

    def test_includes_that_climb_the_ladder(self):
        for path, line in [
                ("base/include/base/a.h", '#include "vm/seam/host.h"'),
                ("base/include/base/a.h", "#include <atomic>"),
                ("libvm/include/vm/seam/a.h", '#include "vm/table/b.h"'),
                ("libvm/include/vm/space/a.h", '#include "usercopy/b.h"'),
                ("libvm/src/a.cpp", '#include "kernel/b.h"'),
                ("libvm/src/a.cpp", "#include <span>"),
                ("libvm/src/a.cpp", '#include "arch/x86_64/describe/b.h"'),
                ("libusercopy/src/a.cpp", '#include "vm/space/b.h"'),
                ("arch/aarch64/mmu/a.h", '#include "vm/space/b.h"'),
                ("arch/aarch64/describe/a.h", '#include "vm/object/b.h"'),
                ("arch/aarch64/cpu/a.h", '#include "kernel/process/b.h"'),
                ("boot/include/boot/a.h", '#include "kernel/b.h"'),
                ("kernel/process/a.cpp", '#include "test/sim/b.h"')]:
            self.assertEqual(self.include(path, line), [f"{path}:2"], f"{path} {line}")

    def test_long_file(self):
        files = {"kernel/long.cpp": "\n" * 801, "kernel/short.cpp": "\n" * 800}
        self.assertEqual(self.complaints(lint.sizes, files=files), ["kernel/long.cpp:801"
                                                                    ": 801 lines, over 800"])

    def test_architecture_test_outside_arch(self):
        text = "#if defined(__x86_64__)\n#endif\n"
        files = {"kernel/a.cpp": text, "arch/x86_64/a.h": text, "boot/uefi/x86_64/a.h": text}
        self.assertEqual(self.complaints(lint.architecture, files=files), ["kernel/a.cpp:1"])

    def test_path_of_a_machine(self):
        files = {"docs/a.md": "see " + "/ho" + "me/somebody/x\n", "docs/b.md": "see /bin/sh\n"}
        self.assertEqual(len(self.complaints(lint.paths, files=files)), 1)


if __name__ == "__main__":
    unittest.main()
