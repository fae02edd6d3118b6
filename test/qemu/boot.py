"""Boots the machine and looks at it from outside: output, exit statuses, faults, memory sizes."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import build, guest, status  # noqa: E402

SIGILL, SIGABRT, SIGSEGV = 128 + 4, 128 + 6, 128 + 11


def hello_is_all_there_is_on_stdout(arch):
    guest.boot(arch, "--cmd", "/bin/hello").check(0, b"hello, world\n")


def position_independent_hello(arch):
    guest.boot(arch, "--cmd", "/bin/hello-pie").check(0, b"hello, world\n")


def status_of_the_program_is_ours(arch):
    guest.boot(arch, "--cmd", "/bin/exit 3").check(3, b"")


def status_255(arch):
    guest.boot(arch, "--cmd", "/bin/exit 255").check(255, b"")


def arguments_environment_and_auxiliary_vector(arch):
    lines = guest.boot(arch, "--cmd", "/bin/args one 'two words'").check(0).stdout.decode()
    for line in ("argc=3", "argv[0]=/bin/args", "argv[1]=one", "argv[2]=two words",
                 "argv[argc]=null", "auxv AT_PAGESZ(6)=0x1000", "execfn /bin/args", "random set",
                 "stack alignment 0"):
        assert f"\n{line}\n" in "\n" + lines, f"no line {line!r} in:\n{lines}"


def program_that_is_not_there(arch):
    result = guest.boot(arch, "--cmd", "/bin/nothing")
    assert result.status in (126, 127), f"status {result.status}"


def added_static_binary_of_the_host_runs(arch):
    """A program that this build did not make: busybox under another name."""
    busybox = build.sysroot(arch) / "bin" / "busybox"
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "echo"
        shutil.copy(busybox, program)
        guest.boot(arch, "--add", f"{program}:/opt/tools/echo",
                   "--cmd", "/opt/tools/echo from outside").check(0, b"from outside\n")


def fault_of_a_program_kills_it_and_says_where(arch):
    result = guest.boot(arch, "--cmd", "/bin/crash null-write").check(SIGSEGV, b"")
    result.check(log=r"crash\[\d+\]: killed: write of 0x0: nothing is mapped there.*tables: absent")


def text_is_not_writable(arch):
    guest.boot(arch, "--cmd", "/bin/crash text-write").check(SIGSEGV, b"")


def data_is_not_executable(arch):
    guest.boot(arch, "--cmd", "/bin/crash data-execute").check(SIGSEGV, b"")


def kernel_memory_is_not_readable(arch):
    guest.boot(arch, "--cmd", "/bin/crash kernel-read").check(SIGSEGV, b"")


def stack_overflow_kills_the_program(arch):
    guest.boot(arch, "--cmd", "/bin/crash stack-overflow").check(SIGSEGV, b"")


def bad_instruction_kills_the_program(arch):
    result = guest.boot(arch, "--cmd", "/bin/crash bad-instruction")
    # x86_64 executes ud2; aarch64 executes brk, which Linux reports as SIGTRAP.
    result.check(SIGILL if arch == "x86_64" else 128 + 5, b"")


def panic_names_the_functions(arch):
    result = guest.boot(arch, "--append", "panictest=assert", "--cmd", "/bin/true")
    result.check(status.PANIC, log=r"@panic ")
    names = kernel_functions(arch)
    after = result.log[result.log.index("@panic "):]
    named = {word for word in re.findall(r"[A-Za-z_][\w:~<>]*", after) if word in names}
    assert len(named) >= 2, f"the backtrace names {sorted(named)}:\n{after}"


def kernel_stack_overflow_is_a_panic(arch):
    guest.boot(arch, "--append", "panictest=stack", "--cmd", "/bin/true").check(
        status.PANIC, log=r"(?i)@panic .*stack")


def locks_out_of_order_are_a_panic_that_names_both(arch):
    guest.boot(arch, "--append", "panictest=locks", "--cmd", "/bin/true").check(
        status.PANIC, log=r"@panic lock order: pipe taken with heap held")


def kernel_null_access_is_a_panic_that_names_every_caller(arch):
    result = guest.boot(arch, "--append", "panictest=null", "--cmd", "/bin/true")
    result.check(status.PANIC, log=r"(?s)#0 .*panic_test_inner.*#1 .*panic_test_middle"
                                   r".*#2 .*panic_test_outer.*#3 .*run_panic_test")


def hang_is_a_timeout(arch):
    result = guest.boot(arch, "--cmd", "/bin/sleeper", "--timeout", "20")
    result.check(status.TIMEOUT, b"sleeping\n")


def reset_is_told_from_an_exit(arch):
    guest.boot(arch, "--append", "panictest=reset", "--cmd", "/bin/true").check(status.RESET)


def memory_of_128_mib_is_enough(arch):
    guest.boot(arch, "--mem", "128", "--cmd", "/bin/hello").check(0, b"hello, world\n")


def memory_of_4_gib(arch):
    guest.boot(arch, "--mem", "4G", "--cmd", "/bin/hello").check(0, b"hello, world\n")


def memory_of_16_gib(arch):
    guest.boot(arch, "--mem", "16G", "--cmd", "/bin/hello").check(0, b"hello, world\n")


def memory_above_4_gib_is_used(arch):
    """More than lies below 4 GiB: x86_64 has 2 GiB there, aarch64 3 GiB (RAM starts at 1 GiB)."""
    size, touched = {"x86_64": (3072, 2560), "aarch64": (4096, 3328)}[arch]
    guest.boot(arch, "--mem", str(size), "--cmd", f"/bin/touch_pages {touched}",
               timeout=600).check(0, f"{touched * 256} pages\n".encode())


def running_out_of_memory_kills_the_program_alone(arch):
    result = guest.boot(arch, "--mem", "128", "--cmd", "/bin/touch_pages 1024")
    if result.status not in (1, 128 + 7, 128 + 9, SIGSEGV):
        result.fail(f"status {result.status} ({result.reason})")


def four_processors(arch):
    guest.boot(arch, "--smp", "4", "--cmd", "/bin/hello").check(0, b"hello, world\n")


def counted_instructions(arch):
    guest.boot(arch, "--icount", "--cmd", "/bin/hello").check(0, b"hello, world\n")


def log_goes_to_the_console_without_a_side_channel(arch):
    """As on hardware: later words win, so the log is the console and power goes off by firmware."""
    result = guest.boot(arch, "--append", "log=console exit=platform", "--cmd", "/bin/hello")
    assert result.stdout.startswith(b"hello, world\n"), result.stdout
    assert b"power off" in result.stdout, result.stdout
    result.check(status.RESET)  # the machine is off, and said nothing where tools/run listens


def eager_paging(arch):
    guest.boot(arch, "--eager", "--cmd", "/bin/hello").check(0, b"hello, world\n")


def five_levels_of_page_tables(arch):
    guest.boot(arch, "--append", "levels=5", "--cmd", "/bin/touch_pages 4").check(
        0, b"1024 pages\n", log=r"\b5 levels\b")


def vector_registers_survive_the_kernel(arch):
    guest.boot(arch, "--cmd", "/bin/vectors").check(0, b"vector registers held\n")


def hostile_arguments_are_refused(arch):
    result = guest.boot(arch, "--cmd", "/bin/hostile")
    assert result.status == 0, result.stdout.decode(errors="replace")[-2000:]


# Every routine that the processor of these boots can run (cpu/usercopy_variant.h).
COPY_VARIANTS = {"x86_64": ["steps", "movsb", "movsq"],
                 "aarch64": ["bytes", "unprivileged", "pan"]}


def user_copies_of_every_variant(arch):
    results = []
    for variant in COPY_VARIANTS[arch]:
        parts = run_self_tests(arch, f"usercopy={variant} selftest=usercopy")
        results += [(f"{variant} {name}", why) for name, why in parts]
    return results


def unknown_variant_of_user_copies_is_an_error_line(arch):
    result = guest.boot(arch, "--append", "usercopy=nonsense", "--cmd", "/bin/hello")
    result.check(0, b"hello, world\n", log=r"command line: usercopy=nonsense .*\bnot\b")


def self_tests(arch):
    return run_self_tests(arch, "selftest=all")


def run_self_tests(arch, options):
    # Little memory: one of them takes all there is.
    result = guest.boot(arch, "--mem", "256", "--append", options, "--cmd", "/bin/true")
    lines = re.findall(r"^@test (ok|absent|failed) ([^:\n]+)(?:: (.*))?$", result.log, re.M)
    if result.status != 0 and not any(verdict == "failed" for verdict, _, _ in lines):
        result.fail(f"status {result.status} ({result.reason})")
    present = [(name, why or "failed" if verdict == "failed" else None)
               for verdict, name, why in lines if verdict != "absent"]
    if "command line:" in result.log:
        result.fail("the kernel did not take its command line")
    if len(present) < 10:
        result.fail(f"only {len(present)} self-tests reported anything")
    return present


def kernel_functions(arch):
    """Names of the kernel's functions, mangled and plain, with and without their scope."""
    mangled = subprocess.run(["llvm-nm-19", "--defined-only", build.kernel(arch)],
                             capture_output=True, text=True, check=True).stdout
    plain = subprocess.run(["llvm-nm-19", "-C", "--defined-only", build.kernel(arch)],
                           capture_output=True, text=True, check=True).stdout
    names = set()
    for line in (mangled + plain).splitlines():
        parts = line.split(" ", 2)
        if len(parts) == 3 and parts[1] in "tT":
            name = parts[2].split("(")[0]
            names |= {name, name.rpartition("::")[2]}
    return names


if __name__ == "__main__":
    sys.exit(guest.main([
        hello_is_all_there_is_on_stdout, position_independent_hello, status_of_the_program_is_ours,
        status_255, arguments_environment_and_auxiliary_vector, program_that_is_not_there,
        added_static_binary_of_the_host_runs, fault_of_a_program_kills_it_and_says_where,
        text_is_not_writable, data_is_not_executable, kernel_memory_is_not_readable,
        stack_overflow_kills_the_program, bad_instruction_kills_the_program,
        panic_names_the_functions, kernel_stack_overflow_is_a_panic,
        locks_out_of_order_are_a_panic_that_names_both,
        kernel_null_access_is_a_panic_that_names_every_caller,
        hang_is_a_timeout, reset_is_told_from_an_exit, memory_of_128_mib_is_enough,
        memory_of_4_gib, memory_of_16_gib, memory_above_4_gib_is_used,
        running_out_of_memory_kills_the_program_alone, four_processors, counted_instructions,
        log_goes_to_the_console_without_a_side_channel, eager_paging,
        five_levels_of_page_tables, vector_registers_survive_the_kernel, self_tests,
        hostile_arguments_are_refused, user_copies_of_every_variant, unknown_variant_of_user_copies_is_an_error_line]))
