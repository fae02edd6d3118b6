"""How tools/run takes apart what a machine says, and which exit status comes of it.

The machine is a Python program in QEMU's place: its stdin and stdout are the console, the path it is
given is the log.
"""

import os
import pty
import select
import sys
import textwrap
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import status  # noqa: E402
from libvm_tools.session import Session  # noqa: E402

PRELUDE = """
import os, sys, time, signal
log = open(sys.argv[1], "wb", buffering=0)
console = os.fdopen(1, "wb", buffering=0)
def boot():
    console.write(b"\\x1b[2J\\x1b[01;01HBdsDxe: starting Boot0001\\r\\nnoise @console wrong\\r\\n")
    log.write(b"@boot test\\n")
    console.write(b"\\n@console token\\n")
"""


class SessionTest(unittest.TestCase):
    def play(self, script, timeout=10.0, stdin=b"", **options):
        """Runs the stand-in; returns (outcome, console bytes, log bytes)."""
        console, log = bytearray(), bytearray()
        program = PRELUDE + textwrap.dedent(script)
        session = Session(lambda path: [sys.executable, "-c", program, path], b"token",
                          timeout=timeout, on_console=console.extend, on_log=log.extend, **options)
        read, write = os.pipe()
        os.write(write, stdin)
        os.close(write)
        saved = os.dup(0)
        os.dup2(read, 0)
        try:
            outcome = session.run()
        finally:
            os.dup2(saved, 0)
            os.close(saved)
            os.close(read)
        return outcome, bytes(console), bytes(log)

    def test_console_is_the_programs_bytes_alone(self):
        every = bytes(range(256)) * 300
        outcome, console, log = self.play(f"""
            boot()
            console.write(bytes(range(256)) * 300)
            log.write(b"@exit 0\\n")
            """)
        self.assertEqual(outcome.status, 0)
        self.assertEqual(console, every)
        self.assertEqual(log, b"@boot test\n@exit 0\n")

    def test_status_of_the_program(self):
        for value in (0, 1, 3, 128 + 11, 255):
            outcome, _, _ = self.play(f'boot(); log.write(b"@exit {value}\\n")')
            self.assertEqual((outcome.status, outcome.reason), (value, None))

    def test_status_survives_any_exit_code_of_the_emulator(self):
        outcome, _, _ = self.play('boot(); log.write(b"@exit 3\\n"); sys.exit(33)')
        self.assertEqual(outcome.status, 3)

    def test_program_cannot_forge_the_status(self):
        outcome, console, _ = self.play("""
            boot()
            console.write(b"@exit 0\\n@panic no\\n")
            log.write(b"@exit 4\\n")
            """)
        self.assertEqual(outcome.status, 4)
        self.assertEqual(console, b"@exit 0\n@panic no\n")

    def test_panic(self):
        outcome, _, log = self.play("""
            boot(); log.write(b"@panic broken invariant\\n  at main\\n@end\\n@exit 0\\n")""")
        self.assertEqual(outcome.status, status.PANIC)
        self.assertIn("broken invariant", outcome.reason)
        self.assertIn(b"at main", log)

    def test_reset(self):
        outcome, _, _ = self.play("boot()")
        self.assertEqual(outcome.status, status.RESET)

    def test_hang_in_the_program(self):
        began = time.monotonic()
        outcome, console, _ = self.play("""boot(); console.write(b"so far"); time.sleep(60)""",
                                        timeout=1.0)
        self.assertEqual(outcome.status, status.TIMEOUT)
        self.assertEqual(console, b"so far")
        self.assertLess(time.monotonic() - began, 10)

    def test_hang_before_the_kernel(self):
        outcome, console, _ = self.play("""console.write(b"UEFI shell> "); time.sleep(60)""",
                                        timeout=1.0)
        self.assertEqual(outcome.status, status.TIMEOUT)
        self.assertIn("never started", outcome.reason)
        self.assertEqual(console, b"")

    def test_emulator_refuses(self):
        outcome, _, _ = self.play("sys.stderr.write('qemu: no such device\\n'); sys.exit(1)")
        self.assertEqual(outcome.status, status.QEMU)
        self.assertIn("no such device", outcome.reason)

    def test_emulator_is_killed(self):
        outcome, _, _ = self.play("boot(); os.kill(os.getpid(), signal.SIGSEGV)")
        self.assertEqual(outcome.status, status.QEMU)

    def test_emulator_is_not_there(self):
        outcome = Session(lambda path: ["/nonexistent/qemu", path], b"token").run()
        self.assertEqual(outcome.status, status.QEMU)

    def test_loader_refuses(self):
        outcome, _, _ = self.play("""
            console.write(b"\\r\\nloader: error: kernel.elf: wrong machine\\r\\n"); time.sleep(60)""")
        self.assertEqual(outcome.status, status.LOADER)
        self.assertIn("kernel.elf: wrong machine", outcome.reason)

    def test_mark_in_pieces(self):
        outcome, console, _ = self.play("""
            for piece in (b"x\\n@cons", b"ole tok", b"en\\r", b"\\nhello"):
                console.write(piece)
                time.sleep(0.05)
            log.write(b"@exit 0\\n")
            """)
        self.assertEqual((outcome.status, console), (0, b"hello"))

    def test_log_lines_in_pieces_and_without_an_end(self):
        outcome, _, log = self.play("""
            boot()
            for piece in (b"@ex", b"it 7", b"\\nafter"):
                log.write(piece)
                time.sleep(0.05)
            """)
        self.assertEqual(outcome.status, 7)
        self.assertEqual(log, b"@boot test\n@exit 7\nafter\n")

    def test_input_reaches_the_program_after_the_mark_and_ends(self):
        outcome, console, _ = self.play("""
            time.sleep(0.3)
            boot()
            data = b""
            while not data.endswith(b"\\x04"):
                data += os.read(0, 100)
            console.write(data)
            log.write(b"@exit 0\\n")
            """, stdin=b"some input\n")
        # The end of the input is an escape, which the kernel takes for the end of the file.
        self.assertEqual((outcome.status, console), (0, b"some input\n\x10\x04"))

    def test_firmware_gets_no_input(self):
        outcome, console, _ = self.play("""
            import select
            early = select.select([0], [], [], 0.5)[0]
            boot()
            console.write(b"early" if early else b"none")
            log.write(b"@exit 0\\n")
            """, stdin=b"typed ahead")
        self.assertEqual((outcome.status, console), (0, b"none"))


class TerminalTest(unittest.TestCase):
    """The same with a terminal: a child process of ours has it as stdin, stdout and stderr."""

    def setUp(self):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            program = PRELUDE + textwrap.dedent("""
                boot()
                console.write(b"$ ")
                while True:
                    byte = os.read(0, 1)
                    console.write(b"<%02x>" % byte[0])
                    if byte == b"q":
                        log.write(b"@exit 5\\n")
                        break
                """)
            session = Session(lambda path: [sys.executable, "-c", program, path], b"token",
                              terminal=True)
            os._exit(session.run().status)
        self.seen = b""

    def tearDown(self):
        os.close(self.terminal)

    def wait_for(self, text):
        deadline = time.monotonic() + 10
        while text not in self.seen and time.monotonic() < deadline:
            if select.select([self.terminal], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.terminal, 1000)
                except OSError:  # the other end has gone
                    break
        self.assertIn(text, self.seen)

    def status(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def test_keys_go_through_raw(self):
        self.wait_for(b"$ ")
        os.write(self.terminal, b"a\x03\x04\r")
        self.wait_for(b"<61><03><04><0d>")
        os.write(self.terminal, b"q")
        self.assertEqual(self.status(), 5)

    def test_control_a_x_leaves(self):
        self.wait_for(b"$ ")
        os.write(self.terminal, b"\x1dx")
        self.assertEqual(self.status(), 0)

    def test_log_lines_return_the_carriage(self):
        self.wait_for(b"@boot test\r\n")
        os.write(self.terminal, b"\x1dx")
        self.status()


if __name__ == "__main__":
    unittest.main()
