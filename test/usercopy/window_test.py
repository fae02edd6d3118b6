"""The window check accepts sound code and complains about each way to leave the door open."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import usercopy_window  # noqa: E402

# {machine: the words of a tiny language}
WORDS = {
    "x86_64": {
        "OPEN": "stac", "CLOSE": "clac", "LOAD": "movq (%rdi), %rax", "CALL": "call other",
        "AWAY": "jmp other", "BRANCH": "testq %rdi, %rdi\n  jz 8f", "RETURN": "ret",
        "CLAMP": "cmpq %rsi, %rdi\n  cmovaeq %rsi, %rdi", "PRIMITIVE": "call usercopy_load"},
    "aarch64": {
        "OPEN": "msr pan, #0", "CLOSE": "msr pan, #1", "LOAD": "ldr x0, [x0]", "CALL": "bl other",
        "AWAY": "b other", "BRANCH": "cbz x0, 8f", "RETURN": "ret",
        "CLAMP": "cmp x0, x1\n  csel x0, x0, x1, lo", "PRIMITIVE": "bl usercopy_load"},
}

SOUND = "OPEN\n1: LOAD\n2: CLOSE\n8: RETURN\n"
CALLER = "CLAMP\nPRIMITIVE\n8: RETURN\n"


def link(machine, primitive, caller, extra, folder):
    text = "".join(f"  {line}\n" for line in
                   (".arch armv8.1-a" if machine == "aarch64" else "",))
    for name, body in (("usercopy_load", primitive), ("copy", caller), ("other", extra)):
        for word, instruction in WORDS[machine].items():
            body = body.replace(word, instruction)
        text += f"  .section .text.{name},\"ax\"\n  .globl {name}\n  .type {name}, %function\n{name}:\n{body}"
        if name == "usercopy_load":
            text += ('  .section usercopy_table,"a"\n  .long 1b - .\n  .long 2b - .\n  .long 1\n')
    (Path(folder) / "a.S").write_text(text)
    subprocess.run(["clang-19", f"--target={machine}-linux-gnu", "-c", f"{folder}/a.S", "-o",
                    f"{folder}/a.o"], check=True)
    subprocess.run(["ld.lld-19", "-e", "copy", f"{folder}/a.o", "-o", f"{folder}/a"], check=True)
    return f"{folder}/a"


class WindowTest(unittest.TestCase):
    def complaints(self, primitive=SOUND, caller=CALLER, extra="RETURN\n"):
        found = []
        for machine in WORDS:
            with tempfile.TemporaryDirectory() as folder:
                found.append(usercopy_window.check(link(machine, primitive, caller, extra, folder))[0])
        return found

    def assert_complains(self, text, **code):
        for found in self.complaints(**code):
            self.assertTrue(any(text in complaint for complaint in found), (text, found))

    def test_sound_code_passes(self):
        self.assertEqual(self.complaints(), [[], []])

    def test_a_window_left_open_at_return(self):
        self.assert_complains("returns with the window open", primitive="OPEN\n1: LOAD\n2: RETURN\n")

    def test_a_fixup_that_does_not_close(self):
        self.assert_complains("returns with the window open",
                              primitive="OPEN\n1: LOAD\nCLOSE\nRETURN\n2: RETURN\n")

    def test_a_fixup_that_closes_what_is_closed(self):
        self.assert_complains("closes a closed window", primitive="1: LOAD\n2: CLOSE\nRETURN\n")

    def test_a_call_inside(self):
        self.assert_complains("calls with the window open",
                              primitive="OPEN\n1: LOAD\nCALL\n2: CLOSE\nRETURN\n")

    def test_a_jump_away(self):
        self.assert_complains("to other with the window open",
                              primitive="OPEN\n1: LOAD\nAWAY\n2: CLOSE\nRETURN\n")

    def test_a_path_that_skips_the_close(self):
        self.assert_complains("window", primitive="OPEN\n1: LOAD\nBRANCH\n2: CLOSE\n8: RETURN\n")

    def test_a_window_elsewhere(self):
        self.assert_complains("outside the primitives", extra="OPEN\nCLOSE\nRETURN\n")

    def test_a_branch_before_the_first_access(self):
        self.assert_complains("before its first user access",
                              primitive="BRANCH\nOPEN\n1: LOAD\n2: CLOSE\n8: RETURN\n")

    def test_a_caller_without_a_clamp(self):
        self.assert_complains("without a clamp", caller="PRIMITIVE\nRETURN\n")

    def test_a_branch_between_clamp_and_primitive(self):
        self.assert_complains("a branch between the clamp",
                              caller="CLAMP\nBRANCH\nPRIMITIVE\n8: RETURN\n")


if __name__ == "__main__":
    unittest.main()
