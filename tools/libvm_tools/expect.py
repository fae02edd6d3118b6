"""A program on a terminal of its own, typed at and read like a person does: for tests of the shell."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time


class Terminal:
    """Runs `command` on a new terminal of 24 lines of 80 columns. What it writes collects in `text`
    until some expect() takes it."""

    def __init__(self, command: list[str], timeout: float = 60, **options):
        self.timeout = timeout
        self.text = ""
        self.transcript = ""
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

        def own_session():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        options.setdefault("stderr", slave)
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave,
                                        preexec_fn=own_session, **options)
        os.close(slave)

    def send(self, text: str) -> None:
        """Typed a little at a time: a serial line has a small buffer."""
        data = text.encode()
        for at in range(0, len(data), 8):
            os.write(self.master, data[at:at + 8])
            time.sleep(0.005)

    def read(self, seconds: float) -> bool:
        """Takes in what is there, waiting at most so long. False at the end of the program."""
        ready, _, _ = select.select([self.master], [], [], max(0, seconds))
        if not ready:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            data = b""
        text = data.decode(errors="replace")
        self.text += text
        self.transcript += text
        return bool(data)

    def expect(self, pattern: str, timeout: float | None = None) -> re.Match:
        """Waits until the text not yet taken matches, and takes it up to the end of the match."""
        end = time.monotonic() + (timeout or self.timeout)
        while True:
            found = re.search(pattern, self.text, re.S)
            if found:
                self.text = self.text[found.end():]
                return found
            if time.monotonic() > end:
                raise AssertionError(f"no {pattern!r} within {timeout or self.timeout:g} s, but:\n"
                                     + self.text[-2000:])
            if not self.read(min(1, end - time.monotonic())):
                raise AssertionError(f"the program ended before {pattern!r}:\n{self.text[-2000:]}")

    def wait(self, timeout: float = 30) -> int:
        """Until it ends by itself; its exit status."""
        end = time.monotonic() + timeout
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError(f"still running after {timeout:g} s:\n{self.text[-2000:]}")
            self.read(0.2)
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        os.close(self.master)
