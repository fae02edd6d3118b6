"""What Debian 12's own QEMU does not have, on the newer one of its backports: memory copy instructions
(FEAT_MOPS) and a start in EL2 that has to allow them; x2APIC."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import guest  # noqa: E402

CPUS = 4
EL2 = ["--qemu", "-machine", "--qemu", "virt,gic-version=3,virtualization=on"]


def self_tests(arch, what, *arguments):
    """The self-tests `what`, in parts."""
    result = guest.boot(arch, "--newer", "--smp", str(CPUS), "--mem", "256", "--append",
                        f"selftest={what}", *arguments, "--cmd", "/bin/true")
    lines = re.findall(r"^@test (ok|failed) ([^:\n]+)(?:: (.*))?$", result.log, re.M)
    if len(lines) < 10 or "command line:" in result.log:
        result.fail(f"{len(lines)} self-tests, status {result.status} ({result.reason})")
    return [(name, why or "failed" if verdict == "failed" else None) for verdict, name, why in lines]


def every_self_test(arch):
    return self_tests(arch, "all")


def every_cpu_has_the_newer_interrupt_controller(arch):
    result = guest.boot(arch, "--newer", "--smp", str(CPUS), "--cmd", "cat /scheme/sys/interrupts")
    result.check(0)
    text = result.stdout.decode()
    wanted = {"x86_64": "x2APIC", "aarch64": "GICv3"}[arch]
    for line in (f"cpus {CPUS}", f"controller {wanted}"):
        if line not in text.splitlines():
            result.fail(f"no '{line}' in {text!r}")


def copies_by_memory_copy_instructions(arch):
    return self_tests(arch, "usercopy", "--append", "usercopy=mops")


def copies_that_go_on_elsewhere(arch):
    """Not absent there."""
    parts = dict(self_tests(arch, "usercopy", "--append", "usercopy=mops"))
    assert parts.get("a_copy_that_goes_on_elsewhere_starts_over", "absent") is None, parts


def started_in_el2_every_cpu_may_use_them(arch):
    return self_tests(arch, "usercopy", "--append", "usercopy=mops", *EL2)


TESTS = {"x86_64": [every_self_test, every_cpu_has_the_newer_interrupt_controller],
         "aarch64": [every_self_test, every_cpu_has_the_newer_interrupt_controller,
                     copies_by_memory_copy_instructions,
                     copies_that_go_on_elsewhere, started_in_el2_every_cpu_may_use_them]}

if __name__ == "__main__":
    sys.exit(guest.main(TESTS.get(sys.argv[1] if len(sys.argv) > 1 else "", [])))
