"""tools/run: parse, set up, build, make the disk, boot, end with the guest's status."""

import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from . import build
from .guest_tree import guest_tree
from .machine import CHANNEL_WORDS, FIRMWARE, Machine
from .qmp import Qmp, QmpError
from .session import Outcome, Session
from .status import BAD_USAGE, BUILD, MISSING, QEMU, TABLE, Stop

USAGE = """\
usage: tools/run [x86_64|aarch64] [OPTION]...
Builds everything, boots it in QEMU. Without --cmd: an interactive shell (Ctrl-] X quits).

  x86_64, aarch64     the machine (x86_64)
  --cmd LINE          run LINE, power off, end with its status; its output goes to stdout,
                      kernel messages to stderr
  --smp N             processors, 1 to 64 (SMP in the environment, else 1)
  --mem M             memory in MiB, or with G: 128 to 65536 MiB (1024)
  --eager             paging=eager: no page is left to the first touch
  --add HOST:GUEST    put the file HOST into the guest at the absolute path GUEST; repeatable
  --append WORDS      more words for the kernel's command line; repeatable
  --timeout S         end the machine after S seconds (120 with --cmd, otherwise never)
  --icount            count instructions: deterministic, one processor, the benchmarks' CPU
  --screenshot FILE   when there was output and then none for a second, write what the screen
                      shows to FILE (PNG; PPM if it ends in .ppm) and end the machine
  --sanitize KIND     the kernel that reports undefined behaviour of its own (undefined), or bad
                      accesses to memory (address); built beside the others
  --release           the kernel without debug checks, as it is measured; built beside the others
  --qemu ARGUMENT     one more argument for QEMU; repeatable
  --newer             the newer QEMU of Debian's backports, which is fetched into build/newer
  --gdb               wait for a debugger before the first instruction
  --print             show the QEMU command line on stderr
  --help              this text

""" + TABLE


@dataclass
class Options:
    arch: str = "x86_64"
    cmd: str | None = None
    smp: int | None = None
    mem: int = 1024
    eager: bool = False
    add: list[tuple[Path, str]] = field(default_factory=list)
    append: list[str] = field(default_factory=list)
    qemu: list[str] = field(default_factory=list)
    timeout: float | None = None
    icount: bool = False
    screenshot: Path | None = None
    newer: bool = False
    sanitize: str | None = None
    release: bool = False
    gdb: bool = False
    show: bool = False

    def kernel(self) -> Path:
        if self.sanitize:
            return build.other_kernel(self.arch, build.SANITIZED[self.sanitize])
        return build.other_kernel(self.arch, "release") if self.release \
            else build.kernel(self.arch)


def bad(message: str) -> Stop:
    return Stop(BAD_USAGE, f"{message} (see tools/run --help)")


def number(option: str, text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit()) or not low <= int(text) <= high:
        raise bad(f"{option} {text or repr(text)}: not a number from {low} to {high}")
    return int(text)


def memory(text: str) -> int:
    unit = {"M": 1, "G": 1024}.get(text[-1:].upper())
    digits = text[:-1] if unit else text
    if not (digits.isascii() and digits.isdigit()):
        raise bad(f"--mem {text or repr(text)}: not a size in MiB, or with M or G")
    size = int(digits) * (unit or 1)
    if not 128 <= size <= 65536:
        raise bad(f"--mem {text}: not from 128 to 65536 MiB")
    return size


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e7:
        raise bad(f"--timeout {text or repr(text)}: not a number of seconds above 0")
    return value


def picture(text: str) -> Path:
    path = Path(text)
    if not text or path.is_dir() or not path.absolute().parent.is_dir():
        raise bad(f"--screenshot {text or repr(text)}: not a name for a file")
    return path


def addition(text: str, taken: set[str]) -> tuple[Path, str]:
    host, colon, guest = text.rpartition(":")
    if not colon or not host or not guest:
        raise bad(f"--add {text}: not HOST:GUEST")
    if not guest.startswith("/") or guest.endswith("/") or \
            any(part in ("", ".", "..") for part in guest[1:].split("/")):
        raise bad(f"--add {text}: the guest path {guest} is not an absolute path of a file")
    if len(guest) > 255:
        raise bad("--add: the guest path is longer than 255 characters")
    if guest in taken:
        raise bad(f"--add {text}: {guest} is added twice")
    path = Path(host)
    if not path.exists():
        raise bad(f"--add {text}: there is no host file {host}")
    if not path.is_file():
        raise bad(f"--add {text}: {host} is not a file")
    if not os.access(path, os.R_OK):
        raise bad(f"--add {text}: {host} cannot be read")
    taken.add(guest)
    return path, guest


def command_text(option: str, text: str, limit: int = 3000) -> str:
    if not text.strip():
        raise bad(f"{option}: empty")
    if len(text.encode()) > limit or not text.isprintable():
        raise bad(f"{option}: longer than {limit} bytes, or with control characters")
    return text


def parse(arguments: list[str]) -> Options:
    options = Options()
    seen: set[str] = set()
    guests: set[str] = set()
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word in build.ARCHES:
            if "arch" in seen:
                raise bad(f"two machines: {options.arch} and {word}")
            seen.add("arch")
            options.arch = word
            continue
        name, equals, value = word.partition("=")
        if name in ("--eager", "--gdb", "--icount", "--newer", "--print",
                    "--release") and not equals:
            setattr(options, {"--print": "show"}.get(name, name[2:]), True)
            continue
        if name not in ("--cmd", "--smp", "--mem", "--add", "--append", "--timeout",
                        "--screenshot", "--qemu", "--sanitize"):
            raise bad(f"unknown argument {word or repr(word)}")
        if name in seen and name not in ("--add", "--append", "--qemu"):
            raise bad(f"{name} is given twice")
        seen.add(name)
        if not equals:
            if not rest:
                raise bad(f"{name} needs a value")
            value = rest.pop(0)
        match name:
            case "--cmd": options.cmd = command_text(name, value)
            case "--smp": options.smp = number(name, value, 1, 64)
            case "--mem": options.mem = memory(value)
            case "--add": options.add.append(addition(value, guests))
            case "--append": options.append.append(command_text(name, value))
            case "--qemu": options.qemu.append(command_text(name, value))
            case "--screenshot": options.screenshot = picture(value)
            case "--sanitize":
                if value not in build.SANITIZED:
                    raise bad(f"--sanitize {value or repr(value)}: not one of "
                              + ", ".join(build.SANITIZED))
                options.sanitize = value
            case "--timeout": options.timeout = seconds(value)
    if options.icount and (options.smp or 1) != 1:
        raise bad("--icount counts one processor: it cannot go with --smp above 1")
    if options.release and options.sanitize:
        raise bad("--release and --sanitize are two kernels: give one of them")
    return options


def make_initrd(options: Options) -> bytes:
    tree = guest_tree(options.arch)
    for host, guest in options.add:
        if guest in tree:
            raise bad(f"--add: {guest} is already in the guest")
        parent = guest
        while parent := parent.rpartition("/")[0]:
            if parent in tree and tree.entries[parent][0] & 0o170000 != 0o040000:
                raise bad(f"--add: {parent} is a file or a link in the guest, not a folder")
        tree.add_host_file(guest, host)
    return tree.archive()


def kernel_line(options: Options, token: str, terminal: bool) -> str:
    words = [*CHANNEL_WORDS[options.arch], f"console_mark={token}",
             "console=" + ("tty" if terminal else "pipe"), f"smp={processors(options)}"]
    if options.icount:
        words.append("screen=off")  # drawing is no part of what is counted
    if terminal:
        size = os.get_terminal_size(1)
        if 0 < size.columns <= 4096 and 0 < size.lines <= 4096:
            words.append(f"console_size={size.columns}x{size.lines}")
    if options.eager:
        words.append("paging=eager")
    # Not with --icount: the daemon's work would be counted.
    if not options.icount and not any("root=" in word for word in options.append):
        words.append("root=ramfs")
    words += options.append
    if options.cmd is not None:
        escaped = options.cmd.replace("\\", "\\\\").replace('"', '\\"')
        words.append(f'run="{escaped}"')
    return " ".join(words)


def processors(options: Options) -> int:
    if options.smp is None and not options.icount and os.environ.get("SMP"):
        return number("SMP", os.environ["SMP"], 1, 64)
    return options.smp or 1


def make_image(arch: str, kernel: Path, folder: Path, line: str, initrd: bytes) -> Path:
    (folder / "initrd").write_bytes(initrd)
    (folder / "cmdline").write_text(line)
    image = folder / "disk.img"
    for part in (build.loader(arch), kernel, build.TOP / "tools" / "image"):
        if not part.exists():
            raise Stop(BUILD, f"the build made no {part.relative_to(build.TOP)}")
    result = subprocess.run(
        [build.TOP / "tools" / "image", "--arch", arch, "--loader", build.loader(arch),
         "--kernel", kernel, "--initrd", folder / "initrd", "--cmdline", line,
         "--output", image], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode != 0:
        os.write(2, (result.stdout + result.stderr).encode())
        raise Stop(BUILD, "tools/image failed (the output is above)")
    return image


def free_port(first: int) -> int:
    for port in range(first, first + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    return first


def boot(options: Options, run_folder: Path, **session_options) -> tuple[Outcome, Session]:
    """Boots a built tree once; every file of the run lies in `run_folder`."""
    terminal = session_options.pop("terminal", False)
    token = secrets.token_hex(8)
    initrd = make_initrd(options)
    image = make_image(options.arch, options.kernel(), run_folder, kernel_line(options, token, terminal), initrd)
    code, variables = FIRMWARE[options.arch]
    if not code.exists() or not variables.exists():
        raise Stop(MISSING, f"there is no firmware {code}")
    shutil.copyfile(variables, run_folder / "variables.fd")
    port = free_port(1234) if options.gdb else None
    qmp = run_folder / "qmp" if options.screenshot else None
    if port is not None:
        say(f"waiting for a debugger; in another terminal: gdb-multiarch {options.kernel()}"
            f" -ex 'target remote :{port}' -ex 'hbreak kernel_entry' -ex continue")

    def command(log: str) -> list[str]:
        line = Machine(options.arch, image, run_folder / "variables.fd", log,
                       smp=processors(options), mem=options.mem, icount=options.icount,
                       monitor=terminal, gdb_port=port, qmp=qmp,
                       newer=build.newer_qemu() if options.newer else None,
                       extra=options.qemu).command()
        if options.show:
            say(shlex.join(line))
        return line

    session = Session(command, token.encode(), timeout=options.timeout, terminal=terminal,
                      **session_options)
    if options.screenshot is None:
        return session.run(), session
    options.screenshot.unlink(missing_ok=True)
    session.on_quiet = lambda: take_picture(qmp, options.screenshot)
    outcome = session.run()
    if not options.screenshot.exists() and outcome.reason is None:
        outcome = Outcome(QEMU, "no screenshot: the machine ended before the console was quiet")
    return outcome, session


def take_picture(socket_path: Path, path: Path) -> None:
    try:
        connection = Qmp(socket_path)
        connection.picture(path)
        connection.close()
    except QmpError as error:
        raise Stop(QEMU, f"no screenshot: {error}") from error


def say(message: str) -> None:
    print(f"tools/run: {message}", file=sys.stderr, flush=True)


def run(options: Options) -> int:
    build.setup()
    build.build(options.arch)
    if options.cmd is not None and options.timeout is None and not options.gdb:
        options.timeout = 120.0
    terminal = os.isatty(0) and os.isatty(1)
    if terminal and options.cmd is None:
        say("Ctrl-] X quits")
    runs = build.folder(options.arch) / "run"
    runs.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=runs) as folder:
        outcome, session = boot(options, Path(folder), terminal=terminal)
    if outcome.reason is not None:
        if not session.booted:
            for line in session.chatter_lines(10):
                print(f"  | {line}", file=sys.stderr)
        say(outcome.reason)
    if session.quit and options.cmd is not None:
        return 130
    return outcome.status


def main(arguments: list[str]) -> int:
    if any(word in ("-h", "--help") for word in arguments):
        print(USAGE)
        return 0
    try:
        # So that files of the run are removed and QEMU ends with us.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: sys.exit(128 + number))
        return run(parse(arguments))
    except Stop as stop:
        if stop.message:
            say(stop.message)
        return stop.status
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
