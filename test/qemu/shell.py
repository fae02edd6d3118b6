"""A person at the shell: one interactive session a test run, typed at through a terminal."""

import atexit
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import build, guest  # noqa: E402
from libvm_tools.expect import Terminal  # noqa: E402

# The shell asks for the cursor when it is about to read: what is typed before that may be lost, as on
# any terminal that changes its mode.
READY = r"\x1b\[6n"
PROMPT = r"root@libvm:/\S*# " + READY
BACKSPACE, LEFT, UP, HOME = "\x7f", "\x1b[D", "\x1b[A", "\x1b[H"
CTRL_A, CTRL_C, CTRL_D, CTRL_U, CTRL_Z = "\x01", "\x03", "\x04", "\x15", "\x1a"

session = None


def shell(arch):
    """The session, at a prompt."""
    global session
    if session is None:
        log = tempfile.TemporaryFile()  # the kernel's messages would come between
        session = Terminal([str(build.TOP / "tools" / "run"), arch], timeout=90, stderr=log)
        atexit.register(session.close)
        session.expect(PROMPT, 180)
    return session


def run(arch, line, timeout=None):
    """Types a line; what came back up to the next prompt, without the echo."""
    terminal = shell(arch)
    terminal.send(line + "\r")
    terminal.expect(r"\r\n", timeout)
    text = terminal.expect(r"(.*?)" + PROMPT, timeout)[1]
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r\n", "\n")


def same(got, wanted):
    assert got == wanted, f"{got!r}, not {wanted!r}"


def has(text, *patterns):
    for pattern in patterns:
        assert re.search(pattern, text, re.M), f"no {pattern!r} in:\n{text}"


def prompt_appears(arch):
    shell(arch)


def commands_and_status(arch):
    same(run(arch, "echo hello world"), "hello world\n")
    same(run(arch, "false; echo $?"), "1\n")
    same(run(arch, "(exit 7); echo $?"), "7\n")
    has(run(arch, "nonsense; echo $?"), "not found", "^127$")


def pipes_and_redirections(arch):
    same(run(arch, "seq 100 | grep 7 | wc -l"), "19\n")
    same(run(arch, "echo a; echo b >/dev/null; ls /nothing 2>/dev/null; echo $?"), "a\n1\n")
    same(run(arch, "wc -c </etc/passwd | tr -d ' ' | grep -c '^[0-9]*$'"), "1\n")
    same(run(arch, "{ echo one; echo two >&2; } 2>&1 | sort -r"), "two\none\n")


def here_documents(arch):
    terminal = shell(arch)
    terminal.send("cat <<END | sort\r")
    for line in ("pear", "apple", "END"):
        terminal.expect("> " + READY)
        terminal.send(line + "\r")
    terminal.expect(r"apple\r\npear\r\n")
    terminal.expect(PROMPT)


def lines_can_be_edited(arch):
    same(run(arch, "echo abX" + BACKSPACE + "c"), "abc\n")
    same(run(arch, "echo ac" + LEFT + "b"), "abc\n")
    same(run(arch, "rubbish" + CTRL_U + "echo clean"), "clean\n")
    same(run(arch, UP + UP), "abc\n")  # equal lines in a row are kept once
    same(run(arch, "cho home" + CTRL_A + "e"), "home\n")


def ctrl_c_interrupts(arch):
    terminal = shell(arch)
    terminal.send("sleep 1000\r")
    terminal.expect("sleep 1000\r\n")
    terminal.read(1)
    terminal.send(CTRL_C)
    terminal.expect(PROMPT)
    same(run(arch, "echo $?"), "130\n")


def jobs_stop_and_go_on(arch):
    terminal = shell(arch)
    terminal.send("sleep 1000\r")
    terminal.expect("sleep 1000\r\n")
    terminal.read(1)
    terminal.send(CTRL_Z)
    terminal.expect(r"Stopped.*" + PROMPT)
    has(run(arch, "jobs"), r"\[1\]\+ +Stopped +sleep 1000")
    run(arch, "bg")
    has(run(arch, "jobs"), r"\[1\]\+ +Running")
    terminal.send("fg\r")
    terminal.expect(r"sleep 1000\r\n")
    terminal.read(1)
    terminal.send(CTRL_C)
    terminal.expect(PROMPT)
    same(run(arch, "jobs"), "")


def background_jobs_are_waited_for(arch):
    has(run(arch, "sleep 0.1 & wait $!; echo done $?"), "done 0")
    # Until its child has taken back the signals that the shell ignores, a kill is lost: on Linux too.
    has(run(arch, "sleep 1000 & sleep 0.3; kill $!; wait $!; echo $?"), "^143$")


def background_reader_of_the_terminal_is_stopped(arch):
    run(arch, "cat &")
    run(arch, "sleep 0.2")
    has(run(arch, "jobs"), r"Stopped.*cat")
    run(arch, "kill %1; kill -CONT %1; sleep 0.3")  # who is stopped dies when it goes on
    run(arch, "true")


def end_of_file_ends_a_reader(arch):
    terminal = shell(arch)
    terminal.send("cat\r")
    terminal.expect("cat\r\n")
    terminal.read(1)  # until cat has the terminal
    terminal.send("twice\r")
    terminal.expect("twice\r\ntwice\r\n")
    terminal.send(CTRL_D)
    terminal.expect(PROMPT)


def views_of_the_machine(arch):
    has(run(arch, "ps"), r"PID +USER", r"\bsh\b", r"\bps\b")
    has(run(arch, "free"), r"^Mem: +[1-9][0-9]+ +[0-9]+ +[1-9][0-9]+")
    has(run(arch, "mount"), r" on / ", r"proc")
    has(run(arch, "uptime"), r"up .*load average")
    has(run(arch, "uname -a"), "Linux", arch)
    has(run(arch, "dmesg | head -3"), "memory|cpu")
    has(run(arch, "ls /"), "bin", "etc")
    has(run(arch, "cat /proc/self/status"), r"^Name:\s+cat$")


def top_shows_itself(arch):
    terminal = shell(arch)
    terminal.send("top\r")
    terminal.expect(r"Mem: .*PID.*top")
    terminal.send("q")
    terminal.expect(PROMPT)


def vi_opens_and_quits(arch):
    terminal = shell(arch)
    terminal.send("vi /etc/passwd\r")
    terminal.expect(r"root:.*/etc/passwd")
    terminal.send(":q\r")
    terminal.expect(PROMPT)


def less_pages(arch):
    terminal = shell(arch)
    terminal.send("seq 100 | less\r")
    terminal.expect(r"20\r\n")
    terminal.send(" ")
    terminal.expect(r"40")
    terminal.send("q")
    terminal.expect(PROMPT)


def fault_is_reported_and_the_shell_lives(arch):
    has(run(arch, "crash null-write; echo $?"), "^139$")
    same(run(arch, "echo alive"), "alive\n")


def exit_powers_off_with_the_status(arch):
    terminal = shell(arch)
    terminal.send("exit 5\r")
    status = terminal.wait(60)
    assert status == 5, f"tools/run ended with {status}:\n{terminal.transcript[-1500:]}"


if __name__ == "__main__":
    sys.exit(guest.main([
        prompt_appears, commands_and_status, pipes_and_redirections, here_documents,
        lines_can_be_edited, ctrl_c_interrupts, jobs_stop_and_go_on,
        background_jobs_are_waited_for, background_reader_of_the_terminal_is_stopped,
        end_of_file_ends_a_reader, views_of_the_machine, top_shows_itself, vi_opens_and_quits,
        less_pages, fault_is_reported_and_the_shell_lives, exit_powers_off_with_the_status]))
