"""A GPT disk with one EFI partition: what firmware boots from a disk and from a USB stick alike.

`write_disk` takes the partition's files, `main` is the command `tools/image`. The image is a pure
function of its inputs; unused parts of it are holes.
Source: UEFI Specification 2.10, sections 5 (GPT) and 13.3 (EFI partition).
"""

import argparse
import struct
import sys
import uuid
import zlib
from pathlib import Path

from .fat32 import SECTOR, Fat32

MIB = 1024 * 1024
ENTRIES = 128
ENTRY_SIZE = 128
TABLE_SECTORS = ENTRIES * ENTRY_SIZE // SECTOR
EFI_PARTITION = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
DISK_ID = uuid.UUID("6c696276-6d00-4d69-8a5d-000000000001")
PARTITION_ID = uuid.UUID("6c696276-6d00-4d69-8a5d-000000000002")
MAX_COMMAND_LINE = 4095
BOOT_FILE = {"x86_64": "BOOTX64.EFI", "aarch64": "BOOTAA64.EFI"}


def protective_mbr(sectors: int) -> bytes:
    record = struct.pack("<B3sB3sII", 0, b"\x00\x02\x00", 0xEE, b"\xFF\xFF\xFF", 1,
                         min(sectors - 1, 0xFFFFFFFF))
    return bytes(446) + record + bytes(48) + b"\x55\xAA"


def partition_table(first: int, last: int) -> bytes:
    name = "EFI system partition".encode("utf-16-le")
    record = struct.pack("<16s16sQQQ72s", EFI_PARTITION.bytes_le, PARTITION_ID.bytes_le, first,
                         last, 0, name)
    return record.ljust(ENTRIES * ENTRY_SIZE, b"\0")


def gpt_header(here: int, other: int, table_at: int, sectors: int, table: bytes) -> bytes:
    def pack(checksum: int) -> bytes:
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, checksum, 0, here,
                           other, 2 + TABLE_SECTORS, sectors - TABLE_SECTORS - 2,
                           DISK_ID.bytes_le, table_at, ENTRIES, ENTRY_SIZE, zlib.crc32(table))
    return pack(zlib.crc32(pack(0)))


def write_disk(path: Path, files: dict[str, bytes]) -> None:
    """`files`: path in the EFI partition (`EFI/BOOT/BOOTX64.EFI`) -> content."""
    fat = Fat32(files)
    first = MIB // SECTOR
    partition = -(-fat.sectors * SECTOR // MIB) * MIB
    size = MIB + partition + MIB        # the last one holds the backup table
    sectors = size // SECTOR
    table = partition_table(first, first + partition // SECTOR - 1)
    backup = sectors - 1 - TABLE_SECTORS
    with open(path, "wb") as disk:
        disk.truncate(size)
        disk.write(protective_mbr(sectors))
        disk.write(gpt_header(1, sectors - 1, 2, sectors, table).ljust(SECTOR, b"\0"))
        disk.write(table)
        fat.write(disk, MIB)
        disk.seek(backup * SECTOR)
        disk.write(table)
        disk.write(gpt_header(sectors - 1, 1, backup, sectors, table).ljust(SECTOR, b"\0"))


def boot_files(arch: str, loader: bytes, kernel: bytes, initrd: bytes,
               command_line: str) -> dict[str, bytes]:
    """The layout that the loader expects (docs/boot.md)."""
    return {
        f"EFI/BOOT/{BOOT_FILE[arch]}": loader,
        "libvm/kernel.elf": kernel,
        "libvm/initrd.cpio": initrd,
        "libvm/cmdline.txt": (command_line + "\n").encode(),
    }


def complaint_about(command_line: str) -> str | None:
    """What the loader would say."""
    if len(command_line) > MAX_COMMAND_LINE:
        return f"is longer than {MAX_COMMAND_LINE} characters"
    wrong = next((c for c in command_line if not " " <= c <= "~" and c != "\t"), None)
    return None if wrong is None else f"has {wrong!r}, which is not printable ASCII"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="tools/image", description="Makes a bootable disk image (GPT, EFI partition).",
        epilog="The image also boots from a USB stick: dd if=IMG of=/dev/sdX bs=1M")
    parser.add_argument("--arch", required=True, choices=sorted(BOOT_FILE))
    parser.add_argument("--loader", required=True, type=Path, help="the EFI program")
    parser.add_argument("--kernel", required=True, type=Path, help="the kernel's ELF file")
    parser.add_argument("--initrd", required=True, type=Path, help="cpio archive (newc)")
    parser.add_argument("--cmdline", default="", help="kernel command line")
    parser.add_argument("--output", required=True, type=Path)
    options = parser.parse_args()
    if wrong := complaint_about(options.cmdline):
        print(f"tools/image: the command line {wrong}", file=sys.stderr)
        return 1
    contents = []
    for path in (options.loader, options.kernel, options.initrd):
        try:
            contents.append(path.read_bytes())
        except OSError as error:
            print(f"tools/image: cannot read {path}: {error.strerror}", file=sys.stderr)
            return 1
    try:
        write_disk(options.output, boot_files(options.arch, *contents, options.cmdline))
    except OSError as error:
        print(f"tools/image: cannot write {options.output}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
