"""Every input the loader must refuse, each with the sentence it must say."""

import struct

BASE = 0xFFFFFFFF80200000
PAGE = 4096
MACHINE = {"x86_64": 62, "aarch64": 183}
LOAD, INTERPRETER = 1, 3
EXECUTE, WRITE, READ = 1, 2, 4


def segment(offset, address, file_size, memory_size, flags, kind=LOAD):
    return struct.pack("<IIQQQQQQ", kind, flags, offset, address, address, file_size, memory_size,
                       PAGE)


def text(**changes):
    fields = dict(offset=PAGE, address=BASE, file_size=PAGE, memory_size=PAGE,
                  flags=READ | EXECUTE)
    return segment(**(fields | changes))


def data(**changes):
    fields = dict(offset=2 * PAGE, address=BASE + 4 * PAGE, file_size=PAGE, memory_size=3 * PAGE,
                  flags=READ | WRITE)
    return segment(**(fields | changes))


def elf(arch, segments=None, *, magic=b"\x7fELF", bits=2, order=1, version=1, kind=2, machine=None,
        entry=BASE, offset=64, entry_size=56, size=3 * PAGE):
    """A small kernel that the loader accepts, but for what the caller changes."""
    segments = [text(), data()] if segments is None else segments
    ident = magic + bytes([bits, order, version]) + bytes(9)
    header = struct.pack("<16sHHIQQQIHHHHHH", ident, kind, machine or MACHINE[arch], 1, entry,
                         offset, 0, 0, 64, entry_size, len(segments), 0, 0, 0)
    return (header + b"".join(segments)).ljust(size, b"\xcc")[:size]


def cpio(*entries, magic=b"070701", trailer=True):
    out = b""
    for name, content in [*entries, *([("TRAILER!!!", b"")] if trailer else [])]:
        encoded = name.encode() + b"\0"
        fields = (1, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
        out += magic + b"".join(b"%08x" % field for field in fields) + encoded
        out += bytes(-len(out) % 4) + content
        out += bytes(-len(out) % 4)
    return out


GOOD_INITRD = cpio(("hello", b"abc"))


def cases(arch):
    """Name -> (files of the folder, the loader's sentence)."""
    other = "aarch64" if arch == "x86_64" else "x86_64"
    good = {"kernel.elf": elf(arch), "initrd.cpio": GOOD_INITRD, "cmdline.txt": b"quiet\n"}
    result = {}

    def case(name, sentence, **changes):
        files = dict(good)
        for key, content in changes.items():
            file = {"kernel": "kernel.elf", "initrd": "initrd.cpio", "line": "cmdline.txt"}[key]
            if content is None:
                del files[file]
            else:
                files[file] = content
        result[name.replace("_", "-")] = (files, sentence)

    def kernel(name, sentence, content):
        case(name, "kernel.elf: " + sentence, kernel=content)

    folder = " in \\cases\\{name} of the EFI partition"
    case("kernel_missing", "kernel.elf: missing" + folder, kernel=None)
    case("initrd_missing", "initrd.cpio: missing" + folder, initrd=None)
    case("line_missing", "cmdline.txt: missing" + folder, line=None)
    case("all_missing", "cmdline.txt: missing" + folder, kernel=None, initrd=None, line=None)
    result["kernel-is-folder"] = ({**{k: v for k, v in good.items() if k != "kernel.elf"},
                                   "kernel.elf/x": b""}, "kernel.elf: is not a file")

    kernel("kernel_empty", "not an ELF file", b"")
    kernel("kernel_is_text", "not an ELF file", b"#!/bin/sh\n")
    kernel("kernel_is_pe", "not an ELF file", b"MZ" + bytes(200))
    kernel("header_cut", "truncated: shorter than an ELF header", elf(arch)[:40])
    kernel("headers_cut", "truncated: program headers end past the file", elf(arch)[:100])
    kernel("headers_far", "truncated: program headers end past the file",
           elf(arch, offset=2**64 - 8))
    kernel("segment_cut", "segment 1 ends past the file (truncated)", elf(arch, size=2 * PAGE + 9))
    kernel("segment_offset_wraps", "segment 0 ends past the file (truncated)",
           elf(arch, [text(offset=2**64 - PAGE)]))
    kernel("bits_32", "not a 64-bit ELF file", elf(arch, bits=1))
    kernel("big_endian", "not a little-endian ELF file", elf(arch, order=2))
    kernel("elf_version", "unknown ELF version", elf(arch, version=9))
    kernel("other_machine", f"wrong machine {MACHINE[other]}, this loader starts machine "
           f"{MACHINE[arch]}", elf(other))
    kernel("shared_object", "not an executable (ELF type must be EXEC)", elf(arch, kind=3))
    kernel("object_file", "not an executable (ELF type must be EXEC)", elf(arch, kind=1))
    kernel("no_headers", "no program headers", elf(arch, []))
    kernel("header_size", "program headers of an unknown size", elf(arch, entry_size=32))
    kernel("interpreter", "dynamically linked",
           elf(arch, [text(), segment(PAGE, BASE, 8, 8, READ, INTERPRETER)]))
    kernel("nothing_to_load", "no segment to load", elf(arch, [text(memory_size=0, file_size=0)]))
    kernel("too_many_segments", "too many segments",
           elf(arch, [text(address=BASE + i * PAGE) for i in range(17)]))
    kernel("writable_text", "segment 0 is writable and executable",
           elf(arch, [text(flags=READ | WRITE | EXECUTE)]))
    kernel("low_segment", "segment 1 lies outside the kernel half",
           elf(arch, [text(), data(address=0x400000)]))
    kernel("direct_map_segment", "segment 1 lies outside the kernel half",
           elf(arch, [text(), data(address=0xFFFF800000000000)]))
    kernel("segment_wraps", "segment 1 lies outside the kernel half",
           elf(arch, [text(), data(address=0xFFFFFFFFFFFFE000)]))
    kernel("segment_size_wraps", "segment 1 lies outside the kernel half",
           elf(arch, [text(), data(memory_size=2**64 - 1)]))
    kernel("overlapping", "segment 1 overlaps a page of another segment",
           elf(arch, [text(memory_size=5 * PAGE), data()]))
    kernel("overlapping_unsorted", "segment 1 overlaps a page of another segment",
           elf(arch, [data(), text(memory_size=5 * PAGE)]))
    kernel("sharing_a_page", "segment 1 overlaps a page of another segment",
           elf(arch, [text(memory_size=4 * PAGE + 8), data(address=BASE + 4 * PAGE + 0x100)]))
    kernel("file_larger_than_memory", "segment 0 is larger in the file than in memory",
           elf(arch, [text(memory_size=PAGE - 1)]))
    kernel("entry_nowhere", "entry point outside the executable segments",
           elf(arch, entry=BASE + 64 * PAGE))
    kernel("entry_in_data", "entry point outside the executable segments",
           elf(arch, entry=BASE + 4 * PAGE))
    kernel("entry_past_the_file", "entry point outside the executable segments",
           elf(arch, [text(memory_size=2 * PAGE), data()], entry=BASE + PAGE))
    kernel("no_memory", f"no memory for {1 << 30} bytes",
           elf(arch, [text(), data(memory_size=(1 << 30) - 4 * PAGE)]))

    case("initrd_empty", "initrd.cpio: not a cpio archive of the newc kind", initrd=b"")
    case("initrd_is_text", "initrd.cpio: not a cpio archive of the newc kind", initrd=b"hello" * 99)
    case("initrd_old_kind", "initrd.cpio: not a cpio archive of the newc kind",
         initrd=cpio(("a", b""), magic=b"070707"))
    case("initrd_without_trailer", "initrd.cpio: truncated: ends without a trailer",
         initrd=cpio(("a", b"abcd"), trailer=False))
    case("initrd_cut_in_header", "initrd.cpio: truncated: ends without a trailer",
         initrd=GOOD_INITRD[:50])
    case("initrd_cut_in_name", "initrd.cpio: truncated inside a name",
         initrd=cpio(("n" * 200, b""))[:150])
    case("initrd_cut_in_file", "initrd.cpio: truncated inside a file",
         initrd=cpio(("a", bytes(5000)))[:3000])
    case("initrd_damaged", "initrd.cpio: damaged header at offset 120",
         initrd=GOOD_INITRD[:120] + b"x" + GOOD_INITRD[121:])
    case("initrd_bad_digit", "initrd.cpio: damaged header at offset 0",
         initrd=GOOD_INITRD[:58] + b"G" + GOOD_INITRD[59:])

    case("line_too_long", "cmdline.txt: longer than 4095 bytes", line=b"a" * 4096)
    case("line_not_ascii", "cmdline.txt: byte 0xc3 at offset 4 is not printable ASCII",
         line="run=\u00e9".encode())
    case("line_with_nul", "cmdline.txt: byte 0x0 at offset 1 is not printable ASCII",
         line=b"a\0b")
    case("line_quote_open", "cmdline.txt: a double quote is never closed", line=b'run="true')
    case("line_levels", "cmdline.txt: levels must be 4 or 5", line=b"levels=3")
    return result
