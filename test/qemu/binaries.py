"""What the build made for a target, without booting it: names, segments, registers."""

import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import build, guest  # noqa: E402

# What an embedding kernel supplies: the hooks that vm.h declares (test/freestanding counts those that
# each tier needs). memcpy, memmove, memset and memcmp always.
VM_HOOKS = ["base_panic", *sorted(set(re.findall(
    r"\b(vm_host_\w+)\(", (build.TOP / "libvm" / "include" / "vm.h").read_text())))]
USERCOPY_HOOKS = ["base_panic", "usercopy_limit", "__start_usercopy_*", "__stop_usercopy_*"]

# Registers that belong to the user: the kernel saves them only where it switches them.
USER_REGISTERS = {
    "x86_64": re.compile(r"%(?:[xyz]mm\d+|mm[0-7]|st(?:\(\d\))?)\b"),
    "aarch64": re.compile(r"(?<![\w.$#<])[vqdshb]\d{1,2}(?:\.\w+)?\b(?!>)"),
}
SAVES_USER_REGISTERS = re.compile(r"fp|fpu|simd|vector|user_state|extended", re.I)


def output(*command) -> str:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          check=True).stdout


def check_symbols(path, hooks):
    allowed = [word for hook in hooks for word in ("--allow", hook)]
    result = subprocess.run([build.TOP / "tools" / "check_symbols", path, *allowed],
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def libvm_needs_only_its_hooks(arch):
    check_symbols(build.folder(arch) / "libvm" / "libvm.a", VM_HOOKS)


def libusercopy_needs_only_its_hooks(arch):
    check_symbols(build.folder(arch) / "libusercopy" / "libusercopy.a", USERCOPY_HOOKS)


def kernel_needs_nothing(arch):
    check_symbols(build.kernel(arch), [])


def segments(path):
    """(type, rights) of every segment."""
    return [(line.split()[0], "".join(re.findall(r" ([RWE ]{3}) 0x", line)).replace(" ", ""))
            for line in output("llvm-readelf-19", "-lW", path).splitlines()
            if re.match(r"\s+(LOAD|INTERP|GNU_STACK|DYNAMIC)\s", line)]


def kernel_segments_are_never_writable_and_executable(arch):
    loads = [rights for kind, rights in segments(build.kernel(arch)) if kind == "LOAD"]
    assert "RE" in loads and "RW" in loads, f"segments {loads}"
    assert not any("W" in rights and "E" in rights for rights in loads), f"segments {loads}"


def user_programs_are_static(arch):
    programs = build.guest_files(arch).values()
    assert programs, "there is none"
    for program in programs:
        kinds = [kind for kind, _ in segments(program)]
        assert "INTERP" not in kinds, f"{program.name} wants a dynamic linker"
        assert not any("W" in rights and "E" in rights for kind, rights in segments(program)
                       if kind == "LOAD"), f"{program.name} has a writable executable segment"


def kernel_code_leaves_vector_registers_alone(arch):
    function, users = "", {}
    listing = output("llvm-objdump-19", "-d", "--no-show-raw-insn", "--no-leading-addr",
                     build.kernel(arch))
    for line in listing.splitlines():
        if line.endswith(">:"):
            function = line.strip("<>:")
        elif line.startswith("\t") or line.startswith(" "):
            operands = line.strip().partition("\t")[2].partition("<")[0]
            if USER_REGISTERS[arch].search(operands):
                users.setdefault(function, line.strip())
    wrong = {name: line for name, line in users.items() if not SAVES_USER_REGISTERS.search(name)}
    assert not wrong, "\n".join(f"{name}: {line}" for name, line in wrong.items())


# The self-tests' own way to user memory.
WINDOW_HELPERS = ["_ZN3cpu16open_user_accessEv", "_ZN3cpu17close_user_accessEv"]


def user_access_is_open_in_the_copy_primitives_alone(arch):
    allowed = [word for helper in WINDOW_HELPERS for word in ("--allow", helper)]
    result = subprocess.run([build.TOP / "tools" / "check_usercopy", build.kernel(arch), *allowed],
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def only_self_tests_open_user_access_by_hand(arch):
    function, callers = "", set()
    listing = output("llvm-objdump-19", "-d", "--no-show-raw-insn", "--no-leading-addr",
                     build.kernel(arch))
    for line in listing.splitlines():
        if line.endswith(">:"):
            function = line.strip("<>:")
        elif f"<{WINDOW_HELPERS[0]}>" in line:
            callers.add(function)
    assert callers, "nobody does: is the helper still called so?"
    wrong = {name for name in callers if not name.startswith("_ZN6kernel4test")}
    assert not wrong, f"called by {sorted(wrong)}"


if __name__ == "__main__":
    sys.exit(guest.main([
        libvm_needs_only_its_hooks, libusercopy_needs_only_its_hooks, kernel_needs_nothing,
        kernel_segments_are_never_writable_and_executable, user_programs_are_static,
        kernel_code_leaves_vector_registers_alone,
        user_access_is_open_in_the_copy_primitives_alone,
        only_self_tests_open_user_access_by_hand]))
