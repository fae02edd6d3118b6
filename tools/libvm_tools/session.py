"""One run of QEMU: keeps console and log apart, and works out how the machine ended.

The console (QEMU's stdin and stdout) carries firmware and loader chatter up to the mark, then the
program's bytes, which go to our stdout unchanged. The log (a pipe) goes to stderr line by line.
"""

import ctypes
import os
import re
import selectors
import signal
import subprocess
import termios
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass, field

from .status import LOADER, PANIC, QEMU, RESET, TIMEOUT

ESCAPE = 0x1d  # Ctrl-]
CHATTER_LIMIT = 1 << 20
LOADER_ERROR = re.compile(rb"loader: error: ([^\r\n]*)[\r\n]")
QUIET = 1.0  # seconds
TERMINAL_NOISE = re.compile(rb"\x1b(\[[0-9;?=]*[A-Za-z]|[()][A-Za-z0-9]|[=>78cM])|[\x00-\x08\x0e-\x1f]")


# Without a terminal our input is sent with an escape, so that it can end (tools/README.md).
INPUT_ESCAPE = b"\x10"
INPUT_END = INPUT_ESCAPE + b"\x04"


def write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data):]


@dataclass
class Outcome:
    """How the run ended: exit status for our caller and, when it is not the program's, why."""
    status: int
    reason: str | None = None


@dataclass
class Session:
    command: Callable[[str], list[str]]       # path of the log -> QEMU's command line
    mark: bytes                               # the token of console_mark=
    timeout: float | None = None
    terminal: bool = False                    # our stdin is a terminal: raw mode, Ctrl-] X quits
    forward_input: bool = True                # our stdin goes to the program
    input: bytes = b""                        # what goes there instead
    on_console: Callable[[bytes], None] = lambda data: write_all(1, data)
    on_quiet: Callable[[], None] | None = None  # once, a second after output; the run ends
    on_log: Callable[[bytes], None] = lambda line: write_all(2, line)

    chatter: bytearray = field(default_factory=bytearray)  # console before the mark
    marked: bool = False
    spoken: bool = False  # the program has written something
    log_tail: bytearray = field(default_factory=bytearray)
    booted: bool = False
    exit_status: int | None = None
    panic: str | None = None
    loader_error: str | None = None
    quit: bool = False
    timed_out: bool = False
    escaped: bool = False
    early_input: bytearray = field(default_factory=bytearray)

    # ---- the two channels out of the machine ----

    def console(self, data: bytes) -> None:
        if self.marked:
            self.spoken = True
            self.on_console(data)
            return
        self.chatter += data
        found = re.search(rb"@console " + re.escape(self.mark) + rb"\r?\n", self.chatter)
        if found:
            self.marked = True
            rest = bytes(self.chatter[found.end():])
            del self.chatter[found.start():]
            if rest:
                self.spoken = True
                self.on_console(rest)
        elif error := LOADER_ERROR.search(self.chatter):
            self.loader_error = error[1].decode(errors="replace").strip()
        elif len(self.chatter) > CHATTER_LIMIT:
            del self.chatter[:-CHATTER_LIMIT // 2]

    def log(self, data: bytes) -> None:
        self.log_tail += data
        *lines, rest = self.log_tail.split(b"\n")
        self.log_tail = bytearray(rest)
        for line in lines:
            self.log_line(bytes(line).rstrip(b"\r"))

    def log_line(self, line: bytes) -> None:
        word, _, rest = line.decode(errors="replace").partition(" ")
        if word == "@boot":
            self.booted = True
        elif word == "@exit" and self.panic is None and rest.strip().isdigit():
            self.exit_status = int(rest) & 0xff
        elif word == "@panic" and self.panic is None:
            self.panic = rest.strip() or "no reason given"
        self.on_log(line + (b"\r\n" if self.terminal else b"\n"))

    # ---- our input into the machine ----

    def typed(self, data: bytes) -> bytes:
        """What to pass on. From a terminal, Ctrl-] X quits; other Ctrl-] pairs are QEMU's."""
        if self.terminal:
            for byte in data:
                if self.escaped and byte in b"xX":
                    self.quit = True
                self.escaped = byte == ESCAPE and not self.escaped
        else:
            data = data.replace(INPUT_ESCAPE, INPUT_ESCAPE * 2)
        return self.passed(data)

    def input_ended(self) -> bytes:
        """What to pass on when our input is over. A terminal's never is."""
        return b"" if self.terminal else self.passed(INPUT_END)

    def passed(self, data: bytes) -> bytes:
        if self.marked:
            return data
        self.early_input += data  # the firmware must not eat it
        return b""

    # ---- the run ----

    def run(self) -> Outcome:
        log_read, log_write = os.pipe()
        command = self.command(f"/dev/fd/{log_write}")
        libc = ctypes.CDLL(None)
        try:
            qemu = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                pass_fds=(log_write,), start_new_session=True,
                preexec_fn=lambda: libc.prctl(1, signal.SIGKILL))  # PR_SET_PDEATHSIG
        except OSError as error:
            os.close(log_read)
            return Outcome(QEMU, f"cannot start {command[0]}: {error.strerror}")
        finally:
            os.close(log_write)
        saved = termios.tcgetattr(0) if self.terminal else None
        try:
            if saved:
                tty.setraw(0)
            errors = self.pump(qemu, log_read)
        finally:
            if saved:
                termios.tcsetattr(0, termios.TCSADRAIN, saved)
            qemu.kill()
            qemu.wait()
            os.close(log_read)
            for stream in (qemu.stdin, qemu.stdout, qemu.stderr):
                stream.close()
        return self.judge(qemu.returncode, errors)

    def pump(self, qemu: subprocess.Popen, log_read: int) -> bytes:
        """Moves bytes until QEMU has gone or there is a reason to end it; returns its stderr."""
        deadline = None if self.timeout is None else time.monotonic() + self.timeout
        errors = bytearray()
        console_in, console_out = qemu.stdin.fileno(), qemu.stdout.fileno()
        pending = bytearray()
        os.set_blocking(console_in, False)
        with selectors.DefaultSelector() as ready:
            for descriptor in (console_out, log_read, qemu.stderr.fileno()):
                ready.register(descriptor, selectors.EVENT_READ)
            reading_input = False
            if self.forward_input:
                try:
                    ready.register(0, selectors.EVENT_READ)
                    reading_input = True
                except (PermissionError, ValueError, OSError):  # a plain file is always ready
                    pending += self.typed(read_everything(0)) + self.input_ended()
            else:
                pending += self.typed(self.input) + self.input_ended()
            open_ends = 3
            last_output = time.monotonic()
            while open_ends and not self.quit and self.loader_error is None:
                if self.marked and self.early_input:
                    pending += self.early_input
                    self.early_input.clear()
                wait = None if deadline is None else deadline - time.monotonic()
                if wait is not None and wait <= 0:
                    self.timed_out = True
                    break
                if pending:
                    try:
                        del pending[:os.write(console_in, pending)]
                    except BlockingIOError:
                        pass
                    except BrokenPipeError:
                        pending.clear()
                    wait = min(wait or 0.02, 0.02) if pending else wait
                if self.on_quiet is not None and self.spoken:
                    quiet_in = last_output + QUIET - time.monotonic()
                    if quiet_in <= 0:
                        self.on_quiet()
                        self.quit = True
                        break
                    wait = quiet_in if wait is None else min(wait, quiet_in)
                for key, _ in ready.select(wait):
                    data = os.read(key.fd, 65536)
                    if key.fd == 0:
                        if not data:
                            ready.unregister(0)
                        pending += self.typed(data) if data else self.input_ended()
                    elif not data:
                        ready.unregister(key.fd)
                        open_ends -= 1
                    elif key.fd == console_out:
                        last_output = time.monotonic()
                        self.console(data)
                    elif key.fd == log_read:
                        self.log(data)
                    else:
                        errors += data
            if self.log_tail:
                self.log(b"\n")
            if open_ends == 0:
                qemu.wait(timeout=10)
        return bytes(errors)

    def judge(self, qemu_status: int, errors: bytes) -> Outcome:
        complaint = [line for line in errors.decode(errors="replace").splitlines()
                     if line.strip() and "warning:" not in line]
        if self.loader_error is not None:
            return Outcome(LOADER, f"the loader refused to boot: {self.loader_error}")
        if self.panic is not None:
            return Outcome(PANIC, f"kernel panic: {self.panic}")
        if self.exit_status is not None:
            return Outcome(self.exit_status)
        if self.quit:
            return Outcome(0)
        if self.timed_out:
            return Outcome(TIMEOUT, f"timed out: the guest did not end within {self.timeout:g} s"
                           + self.progress())
        if complaint:
            return Outcome(QEMU, f"QEMU failed: {complaint[-1]}")
        if qemu_status < 0:
            return Outcome(QEMU, f"QEMU was killed by {signal.Signals(-qemu_status).name}")
        return Outcome(RESET, "the machine reset or stopped without a word (triple fault?)"
                       + self.progress())

    def progress(self) -> str:
        if self.marked:
            return ""
        return ", the kernel had started" if self.booted else ", the kernel never started"

    def chatter_lines(self, count: int) -> list[str]:
        """The last lines that firmware and loader wrote, readable."""
        text = TERMINAL_NOISE.sub(b"", bytes(self.chatter)).decode(errors="replace")
        return [line for line in text.replace("\r", "\n").split("\n") if line.strip()][-count:]


def read_everything(descriptor: int) -> bytes:
    with os.fdopen(os.dup(descriptor), "rb") as stream:
        return stream.read()
