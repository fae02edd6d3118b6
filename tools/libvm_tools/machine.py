"""The QEMU command line of both machines."""

from dataclasses import dataclass, field
from pathlib import Path

FIRMWARE = {
    "x86_64": (Path("/usr/share/OVMF/OVMF_CODE_4M.fd"), Path("/usr/share/OVMF/OVMF_VARS_4M.fd")),
    "aarch64": (Path("/usr/share/AAVMF/AAVMF_CODE.fd"), Path("/usr/share/AAVMF/AAVMF_VARS.fd")),
}

# Time is counted instructions, 2^4 ns each: the x86_64 time-stamp counter advances by 16 an
# instruction, the aarch64 counter (62.5 MHz) by 1. With fewer nanoseconds OVMF, which polls the ACPI
# timer for a TPM that is not there, would take minutes (docs/adr/0003-sixteen-nanoseconds.md).
ICOUNT = "shift=4,sleep=off"

# Words that tell the kernel where its messages go and how to end the machine (tools/README.md).
CHANNEL_WORDS = {"x86_64": ["log=debugcon", "exit=debug"], "aarch64": ["log=semihosting"]}


@dataclass
class Machine:
    arch: str
    image: Path             # raw disk with the EFI partition
    variables: Path         # this run's own copy of the firmware's variable store
    log: str                # path the kernel's messages are written to
    smp: int = 2
    mem: int = 1024         # MiB
    icount: bool = False    # guest instructions drive the clock: deterministic, one host thread
    monitor: bool = False   # QEMU's monitor behind Ctrl-] on the console
    gdb_port: int | None = None
    qmp: Path | None = None  # socket of QEMU's machine protocol
    cpu: str | None = None
    newer: Path | None = None  # folder of another QEMU (tools/setup --newer) than the machine's own
    extra: list[str] = field(default_factory=list)

    def command(self) -> list[str]:
        code, _ = FIRMWARE[self.arch]
        program = f"qemu-system-{self.arch}"
        if self.newer is not None:
            program = f"{self.newer}/bin/{program}"
        command = [program, "-nodefaults", "-no-user-config", "-display", "none",
                   # The firmware's boot menu, shown for no time at all: without it AAVMF waits 5 s.
                   "-boot", "menu=on,splash-time=0",
                   "-no-reboot", "-m", f"{self.mem}M", "-smp", str(self.smp)]
        if self.newer is not None:  # option ROMs: its own, the screen's from the installed package
            command += ["-L", f"{self.newer}/share/qemu", "-L", "/usr/share/seabios"]
        if self.arch == "x86_64":
            command += ["-machine", "q35", "-vga", "std",
                        "-cpu", self.cpu or ("max,-erms,-fsrm" if self.icount else "max"),
                        "-device", "isa-debugcon,iobase=0xe9,chardev=log",
                        "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
        else:
            command += ["-machine", "virt,gic-version=3", "-device", "ramfb",
                        "-cpu", self.cpu or "max",
                        "-semihosting-config", "enable=on,target=native,chardev=log"]
        command += ["-accel", "tcg,thread=single" if self.icount else "tcg"]
        if self.icount:
            command += ["-icount", ICOUNT]
        command += [
            "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}",
            "-drive", f"if=pflash,unit=1,format=raw,file={self.variables}",
            "-drive", f"if=none,id=disk,format=raw,file={self.image}",
            "-device", "virtio-blk-pci,drive=disk,bootindex=0",
            "-device", "virtio-rng-pci",
            "-chardev", f"file,id=log,path={self.log}",
            "-chardev", "stdio,id=console,signal=off" + (",mux=on" if self.monitor else ""),
            "-serial", "chardev:console",
        ]
        if self.monitor:
            # Ctrl-] (0x1d), not QEMU's Ctrl-A: that is the start of the line in every editor.
            command += ["-echr", "29", "-mon", "chardev=console,mode=readline"]
        if self.gdb_port is not None:
            command += ["-S", "-gdb", f"tcp:127.0.0.1:{self.gdb_port}"]
        if self.qmp is not None:
            command += ["-qmp", f"unix:{self.qmp},server=on,wait=off"]
        return command + self.extra
