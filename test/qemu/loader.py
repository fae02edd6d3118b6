"""The loader: every bad disk refused with its sentence, every good one handed over as promised."""

import functools
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tools"), str(HERE / "loader")]
from bad_inputs import GOOD_INITRD, cases  # noqa: E402
from libvm_tools import build, disk_image, guest  # noqa: E402
from libvm_tools.machine import FIRMWARE  # noqa: E402

PASSED = 33     # isa-debug-exit and semihosting give the test kernel's verdict
MACHINE = {
    "x86_64": ["-machine", "q35", "-device", "isa-debugcon,iobase=0xe9,chardev=log",
               "-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
    "aarch64": ["-machine", "virt,gic-version=3",
                "-semihosting-config", "enable=on,target=native,chardev=log"],
}
SEEDS = []      # of every boot so far
DISK = ["-device", "virtio-blk-pci,drive=disk,bootindex=0"]
USB_STICK = ["-device", "qemu-xhci", "-device", "usb-storage,drive=disk,bootindex=0"]


class Boot:
    """One run of QEMU on a disk with `files`; what came out of console and debug channel."""

    def __init__(self, arch, files, *, cpu="max", memory=256, disk=None, extra=(), until=None,
                 timeout=120):
        with tempfile.TemporaryDirectory(prefix="loader-test-") as name:
            folder = Path(name)
            disk_image.write_disk(folder / "disk.img", files)
            code, variables = FIRMWARE[arch]
            shutil.copy(variables, folder / "variables.fd")
            log = folder / "log"
            command = [
                f"qemu-system-{arch}", "-nodefaults", "-no-user-config", "-display", "none",
                "-no-reboot", "-boot", "menu=on,splash-time=0", *MACHINE[arch], "-cpu", cpu,
                "-m", str(memory), "-accel", "tcg",
                "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}",
                "-drive", f"if=pflash,unit=1,format=raw,file={folder / 'variables.fd'}",
                "-drive", f"if=none,id=disk,format=raw,file={folder / 'disk.img'}",
                *(disk or DISK), "-device", "virtio-rng-pci",
                "-chardev", f"file,id=log,path={log}", "-serial", "stdio", *extra]
            self.status, output = self.watch(command, until, timeout)
            self.log = log.read_text(errors="replace") if log.exists() else ""
        text = re.sub(rb"\x1b(\[[0-9;=?]*[a-zA-Z])?", b"", output).replace(b"\r", b"")
        self.console = text.decode(errors="replace")

    @staticmethod
    def watch(command, until, timeout):
        """Runs until QEMU ends or the console has said `until`."""
        qemu = subprocess.Popen(["timeout", str(timeout), *command], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = bytearray()
        while part := qemu.stdout.read1(4096):
            output += part
            if until and re.search(until, output):
                qemu.terminate()
                until = None
        return qemu.wait(), bytes(output)

    def end(self):
        """The tail of both channels, for a failure's text."""
        return (f"status {self.status}\n" + "\n".join(self.console.splitlines()[-12:]) + "\n"
                + "\n".join(self.log.splitlines()[-12:]))

    def check_passed(self):
        assert self.status == PASSED and "\nEND passed\n" in self.log, \
            "\n".join(re.findall(r"^FAIL.*", self.log, re.M)) + "\n" + self.end()
        return self

    def note(self, name):
        found = re.search(rf"^NOTE {name} 0x([0-9a-f]+)$", self.log, re.M)
        assert found, f"no {name}\n" + self.end()
        return int(found[1], 16)


def program(arch, name):
    return (build.folder(arch) / name).read_bytes()


def loader(arch):
    return build.loader(arch).read_bytes()


def test_kernel(arch):
    return program(arch, "test/qemu/loader/loader-test-kernel.elf")


def boot_kernel(arch, line="", **options):
    files = disk_image.boot_files(arch, loader(arch), test_kernel(arch), GOOD_INITRD, line)
    boot = Boot(arch, files, **options).check_passed()
    SEEDS.append(boot.note("seed"))
    return boot


@functools.cache
def boot_cases(arch):
    """One boot that starts the loader once for each line of a plan; several tests look at it."""
    good = {"kernel.elf": test_kernel(arch), "initrd.cpio": GOOD_INITRD, "cmdline.txt": b"stale\n"}
    folders = {name: files for name, (files, _) in cases(arch).items()} | {"good": good}
    plan = [*(f"run {name}" for name in cases(arch)), "garbage default", "starve good", "exit good"]
    files = {
        f"EFI/BOOT/{disk_image.BOOT_FILE[arch]}":
            program(arch, "test/qemu/loader/loader-cases.efi"),
        "loader.efi": loader(arch),
        "plan.txt": "\n".join(plan).encode(),
    }
    for name, content in folders.items():
        for path, data in content.items():
            files[f"cases/{name}/{path}"] = data
    return Boot(arch, files)


def said(boot, name):
    """What the loader printed in case `name`, and how the case ended."""
    found = re.search(rf"^case {name} begins\n((?:.*\n)*?)case {name} (.*)$", boot.console, re.M)
    assert found, "the loader did not return to the firmware\n" + boot.end()
    return found[1], found[2]


# ---- bad disks ---------------------------------------------------------------------------------


def bad_disk_is_refused_and_memory_given_back(arch):
    """All bad inputs in one boot; each loader really runs, and must return to the firmware."""
    results = []
    for name, (_, sentence) in cases(arch).items():
        why = None
        try:
            text, end = said(boot_cases(arch), name)
            expected = f"loader: error: {sentence.format(name=name)}\n"
            assert text == expected, f"said {text!r}, not {expected!r}"
            assert end == "ended status 0x1 kept 0 pages", end
        except AssertionError as error:
            why = str(error)
        results.append((name, why))
    return results


def load_options_that_are_not_ours_are_ignored(arch):
    """Boot entries that firmware makes for itself carry binary options."""
    text, _ = said(boot_cases(arch), "default")
    assert text == "loader: error: cmdline.txt: missing in \\libvm of the EFI partition\n", text


def every_failing_allocation_is_survived(arch):
    text, end = said(boot_cases(arch), "good")
    found = re.fullmatch(r"survived (\d+) failures", end)
    assert found, end
    errors = re.findall(r"^loader: error: .*no memory.*$", text, re.M)
    assert len(errors) == int(found[1]) >= 8, text


def firmware_goes_on_after_a_refusal(arch):
    """The loader as the firmware's own boot entry: afterwards the next entry gets its turn."""
    files = disk_image.boot_files(arch, loader(arch), b"no kernel", GOOD_INITRD, "")
    after = rb"failed to start|Shell>|Press any key"
    boot = Boot(arch, files, until=after)
    assert "loader: error: kernel.elf: not an ELF file\n" in boot.console, boot.end()
    assert re.search(after.decode(), boot.console.split("loader: error:")[1]), boot.end()


# ---- good disks --------------------------------------------------------------------------------


def stale_memory_map_is_read_again(arch):
    """The real firmware refuses the first ExitBootServices; nothing may be printed after that."""
    boot_cases(arch).check_passed()


def memory_of_128_mib(arch):
    assert boot_kernel(arch, memory=128).note("usable_mib") > 100


def memory_of_4_gib(arch):
    boot = boot_kernel(arch, memory=4096)
    assert boot.note("usable_mib") > 4000 and boot.note("usable_above_4gib_mib") > 900, boot.end()
    assert boot.note("leaves_1g") > 0, boot.end()


def memory_of_16_gib(arch):
    boot = boot_kernel(arch, memory=16384)
    assert boot.note("usable_mib") > 16200, boot.end()
    assert boot.note("usable_above_4gib_mib") > 12000, boot.end()
    assert boot.note("leaves_1g") >= 12 and boot.note("leaves_4k") < 2000, boot.end()


def five_levels(arch):
    assert boot_kernel(arch, "levels=5").note("levels") == 5


def five_levels_without_the_processor_feature_fall_back(arch):
    boot = boot_kernel(arch, "levels=5", cpu={"x86_64": "qemu64", "aarch64": "cortex-a72"}[arch])
    assert boot.note("levels") == 4
    assert boot.console.count("loader: note: this processor has no 5-level tables") == 1, boot.end()
    if arch == "x86_64":
        assert boot.note("leaves_1g") == 0    # qemu64 has no 1 GiB pages


def longest_command_line_arrives_whole_and_quotes_hide_options(arch):
    line = r'run="a \" levels=5 b" '
    line += "".join(chr(0x23 + i % 90) for i in range(4095 - len(line))).replace("\\", "/")
    boot = boot_kernel(arch, line)
    assert f"\n{line}\n" in boot.log, boot.end()
    assert boot.note("levels") == 4


def usb_stick(arch):
    boot_kernel(arch, disk=USB_STICK)


def framebuffer_and_several_processors(arch):
    extra = ["-vga", "std"] if arch == "x86_64" else ["-device", "ramfb"]
    boot = boot_kernel(arch, extra=[*extra, "-smp", "4"])
    assert boot.note("framebuffer_width") >= 640
    assert boot.note("seed_valid") == 64


def every_boot_gets_another_random_seed(arch):
    while len(SEEDS) < 2:
        boot_kernel(arch)
    assert len(set(SEEDS)) == len(SEEDS) and 0 not in SEEDS, SEEDS


def started_at_el2(arch):
    boot = boot_kernel(arch, "levels=5", extra=["-machine", "virtualization=on"])
    assert boot.note("levels") == 5


if __name__ == "__main__":
    sys.exit(guest.main([
        bad_disk_is_refused_and_memory_given_back, load_options_that_are_not_ours_are_ignored,
        every_failing_allocation_is_survived, firmware_goes_on_after_a_refusal,
        stale_memory_map_is_read_again, memory_of_128_mib, memory_of_4_gib, memory_of_16_gib,
        five_levels, five_levels_without_the_processor_feature_fall_back,
        longest_command_line_arrives_whole_and_quotes_hide_options, usb_stick,
        framebuffer_and_several_processors, every_boot_gets_another_random_seed]
        + ([started_at_el2] if "aarch64" in sys.argv else [])))
