"""The initial file system: a cpio archive in `newc` format, the same bytes for the same input."""

from pathlib import Path

REGULAR, DIRECTORY, SYMLINK = 0o100000, 0o040000, 0o120000


class Initrd:
    """Guest paths are absolute and normal (`/bin/sh`); parents are made as needed."""

    def __init__(self):
        self.entries: dict[str, tuple[int, bytes]] = {}

    def __contains__(self, path: str) -> bool:
        return path in self.entries

    def add_file(self, path: str, content: bytes, mode: int = 0o644) -> None:
        self._add(path, REGULAR | mode, content)

    def add_symlink(self, path: str, target: str) -> None:
        self._add(path, SYMLINK | 0o777, target.encode())

    def add_directory(self, path: str) -> None:
        if path not in self.entries:
            self._add(path, DIRECTORY | 0o755, b"")

    def add_host_file(self, path: str, host: Path) -> None:
        executable = host.stat().st_mode & 0o111
        self.add_file(path, host.read_bytes(), 0o755 if executable else 0o644)

    def _add(self, path: str, mode: int, content: bytes) -> None:
        parent = path.rsplit("/", 1)[0]
        if parent:
            self.add_directory(parent)
        self.entries[path] = (mode, content)

    def archive(self) -> bytes:
        out = bytearray()
        for number, (path, (mode, content)) in enumerate(self.entries.items(), start=1):
            self._append(out, number, path.lstrip("/"), mode, content)
        self._append(out, 0, "TRAILER!!!", 0, b"")
        out.extend(bytes(-len(out) % 512))
        return bytes(out)

    @staticmethod
    def _append(out: bytearray, number: int, name: str, mode: int, content: bytes) -> None:
        encoded = name.encode() + b"\0"
        links = 2 if mode & 0o170000 == DIRECTORY else 1
        fields = (number, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
        out.extend(b"070701" + b"".join(b"%08X" % field for field in fields) + encoded)
        out.extend(bytes(-len(out) % 4))
        out.extend(content)
        out.extend(bytes(-len(out) % 4))
