"""A FAT32 file system written in one go, a pure function of the files put into it.

Only what a boot partition needs: folders and files, each contiguous, with long names where the
short form would not do. Time stamps and the volume's number are fixed.
Source: Microsoft Extensible Firmware Initiative FAT32 File System Specification, 1.03.
"""

import struct
from dataclasses import dataclass, field

SECTOR = 512
RESERVED_SECTORS = 32
FATS = 2
MINIMUM_CLUSTERS = 65525 + 16   # fewer would be FAT16 to every reader
DATE = ((2024 - 1980) << 9) | (1 << 5) | 1
VOLUME_ID = 0x4C49424D
END_OF_CHAIN = 0x0FFFFFFF


@dataclass
class Node:
    """A file (bytes) or a folder (name -> Node)."""
    content: bytes | None = None
    children: dict[str, "Node"] = field(default_factory=dict)
    first: int = 0      # cluster
    clusters: int = 0


def tree_of(files: dict[str, bytes]) -> Node:
    """Folders and files of paths like `EFI/BOOT/BOOTX64.EFI`."""
    root = Node()
    for path, content in files.items():
        *folders, name = path.strip("/").split("/")
        at = root
        for folder in folders:
            at = at.children.setdefault(folder, Node())
        at.children[name] = Node(content=content)
    return root


def short_name(name: str, taken: set[bytes]) -> bytes:
    """An 11-byte name that is free in its folder; equal to `name` where that is possible."""
    allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'()-@^_`{}~"
    stem, _, extension = name.upper().rpartition(".") if "." in name else (name.upper(), "", "")
    stem = "".join(c for c in stem if c in allowed)
    extension = "".join(c for c in extension if c in allowed)[:3]
    plain = (stem[:8].ljust(8) + extension.ljust(3)).encode()
    if len(stem) <= 8 and name.upper() == stem + ("." + extension if extension else "") \
            and plain not in taken:
        taken.add(plain)
        return plain
    for number in range(1, 1000000):
        tail = f"~{number}"
        candidate = ((stem[:8 - len(tail)] + tail).ljust(8) + extension.ljust(3)).encode()
        if candidate not in taken:
            taken.add(candidate)
            return candidate
    raise ValueError(f"too many files like {name}")


def long_name_entries(name: str, short: bytes) -> bytes:
    checksum = 0
    for byte in short:
        checksum = (((checksum & 1) << 7) + (checksum >> 1) + byte) & 0xFF
    units = [ord(c) for c in name]
    count = (len(units) + 12) // 13
    if len(units) % 13:
        units += [0]
    units += [0xFFFF] * (13 * count - len(units))
    entries = []
    for index in range(count):
        part = units[13 * index:13 * (index + 1)]
        order = (index + 1) | (0x40 if index == count - 1 else 0)
        entries.append(struct.pack("<B5HBBB6HH2H", order, *part[:5], 0x0F, 0, checksum,
                                   *part[5:11], 0, *part[11:]))
    return b"".join(reversed(entries))


def entry(short: bytes, attributes: int, first: int, size: int) -> bytes:
    return struct.pack("<11sBBBHHHHHHHI", short, attributes, 0, 0, 0, DATE, DATE, first >> 16,
                       0, DATE, first & 0xFFFF, size)


def folder_entries(children: dict[str, Node]) -> list[tuple[bytes, bytes, Node]]:
    """(long name entries, short name, node) in name order."""
    taken: set[bytes] = set()
    result = []
    for name in sorted(children):
        short = short_name(name, taken)
        plain = short[:8].rstrip() + (b"." + short[8:].rstrip() if short[8:].strip() else b"")
        long = b"" if plain == name.encode() else long_name_entries(name, short)
        result.append((long, short, children[name]))
    return result


class Fat32:
    """Lays the files out at construction; `write` puts the file system at an offset of a file."""

    def __init__(self, files: dict[str, bytes], label: str = "LIBVM",
                 sectors_per_cluster: int = 1, spare: int = 256 * 1024):
        self.cluster_size = SECTOR * sectors_per_cluster
        self.sectors_per_cluster = sectors_per_cluster
        self.label = label.encode().ljust(11)
        self.root = tree_of(files)
        self.next = 2
        self.chains: list[tuple[int, int]] = []
        self.place(self.root, is_root=True)
        used = self.next - 2
        self.clusters = max(MINIMUM_CLUSTERS, used + spare // self.cluster_size)
        self.fat_sectors = -(-(self.clusters + 2) * 4 // SECTOR)
        self.first_data = RESERVED_SECTORS + FATS * self.fat_sectors
        self.sectors = self.first_data + self.clusters * sectors_per_cluster

    def place(self, node: Node, is_root: bool = False) -> None:
        if node.content is not None:
            size = len(node.content)
        else:
            size = 32 * (1 if is_root else 2)
            size += sum(len(long) + 32 for long, _, _ in folder_entries(node.children))
        node.clusters = -(-size // self.cluster_size)
        if node.clusters:
            node.first = self.next
            self.chains.append((node.first, node.clusters))
            self.next += node.clusters
        for child in node.children.values():
            self.place(child)

    def boot_sector(self, hidden: int) -> bytes:
        sector = bytearray(SECTOR)
        struct.pack_into("<3s8sHBHBHHBHHHIIIHHIHH12xBBBI11s8s", sector, 0, b"\xEB\x58\x90",
                         b"LIBVM   ", SECTOR, self.sectors_per_cluster, RESERVED_SECTORS, FATS,
                         0, 0, 0xF8, 0, 63, 255, hidden, self.sectors, self.fat_sectors, 0, 0, 2,
                         1, 6, 0x80, 0, 0x29, VOLUME_ID, self.label, b"FAT32   ")
        sector[90:92] = b"\xEB\xFE"     # not bootable by a BIOS: stay
        sector[510:512] = b"\x55\xAA"
        return bytes(sector)

    def info_sector(self) -> bytes:
        used = self.next - 2
        return struct.pack("<4s480x4sII12x4s", b"RRaA", b"rrAa", self.clusters - used, self.next,
                           b"\x00\x00\x55\xAA")

    def allocation_table(self) -> bytes:
        links = [0x0FFFFFF8, END_OF_CHAIN]
        for first, count in self.chains:
            links += range(first + 1, first + count)
            links.append(END_OF_CHAIN)
        return struct.pack(f"<{len(links)}I", *links)

    def write(self, to, offset: int) -> None:
        """Into a file of zeroes; `offset` is a multiple of the sector size."""
        def put(sector: int, data: bytes) -> None:
            to.seek(offset + sector * SECTOR)
            to.write(data)

        head = self.boot_sector(offset // SECTOR) + self.info_sector()
        put(0, head)
        put(6, head)
        table = self.allocation_table()
        for copy in range(FATS):
            put(RESERVED_SECTORS + copy * self.fat_sectors, table)
        self.write_node(put, self.root, parent=None)

    def write_node(self, put, node: Node, parent: Node | None) -> None:
        at = self.first_data + (node.first - 2) * self.sectors_per_cluster
        if node.content is not None:
            if node.content:
                put(at, node.content)
            return
        if parent is None:
            data = entry(self.label, 0x08, 0, 0)
        else:
            up = 0 if parent is self.root else parent.first
            data = entry(b".".ljust(11), 0x10, node.first, 0)
            data += entry(b"..".ljust(11), 0x10, up, 0)
        for long, short, child in folder_entries(node.children):
            is_file = child.content is not None
            data += long + entry(short, 0x20 if is_file else 0x10, child.first,
                                 len(child.content) if is_file else 0)
        put(at, data)
        for child in node.children.values():
            self.write_node(put, child, node)
