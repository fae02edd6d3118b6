"""Damaged programs, made from a good static one, and scripts. Name -> content."""

import struct

EHDR = "<16sHHIQQQIHHHHHH"  # of 64 bytes
PHDR = "<IIQQQQQQ"  # of 56
LOAD = 1


def header(program: bytes, **changes) -> bytes:
    """`program` with other values in its ELF header."""
    names = ("ident", "type", "machine", "version", "entry", "phoff", "shoff", "flags", "ehsize",
             "phentsize", "phnum", "shentsize", "shnum", "shstrndx")
    values = dict(zip(names, struct.unpack_from(EHDR, program)))
    values.update(changes)
    return struct.pack(EHDR, *(values[name] for name in names)) + program[64:]


def segments(program: bytes, change) -> bytes:
    """`program` with `change(list of segments, each a dict)` made to its loadable segments."""
    names = ("type", "flags", "offset", "vaddr", "paddr", "filesz", "memsz", "align")
    phoff, phnum = struct.unpack_from("<Q", program, 32)[0], struct.unpack_from("<H", program, 56)[0]
    table = [dict(zip(names, struct.unpack_from(PHDR, program, phoff + 56 * i)))
             for i in range(phnum)]
    change([entry for entry in table if entry["type"] == LOAD])
    packed = b"".join(struct.pack(PHDR, *(entry[name] for name in names)) for entry in table)
    return program[:phoff] + packed + program[phoff + len(packed):]


def changed(index: int, **values):
    def change(loads):
        loads[index].update(values)
    return change


def overlap(loads):
    loads[1]["vaddr"] = loads[0]["vaddr"] + loads[1]["offset"] % 4096


def shift(loads):
    loads[0]["vaddr"] += 16


def loaded_bytes(program: bytes) -> int:
    ends = []
    segments(program, lambda loads: ends.extend(one["offset"] + one["filesz"] for one in loads))
    return max(ends)


def scripts() -> dict[str, bytes]:
    """For an interpreter that prints its arguments."""
    own = b"./exec_malformed"
    return {
        "script": b"#!" + own + b"\nrest",
        "script with an argument": b"#!" + own + b" first second  \nrest",
        "script with blanks": b"#! \t" + own + b" \t x\t\n",
        "script without a newline": b"#!" + own + b" x",
        "script of a script": b"#!elf/script y\n",
        "script of itself": b"#!elf/script of itself\n",
        "script of nothing": b"#!\n",
        "script of blanks": b"#!   \n",
        "script of something missing": b"#!./nothing\n",
        "script of a folder": b"#!/\n",
        "script of text": b"#!elf/text\n",
        "script with a long line": b"#!" + b"/" * 300 + b"\n",
    }


def as_on_linux(program: bytes) -> dict[str, bytes]:
    """Those that Linux refuses, or runs, in one defined way."""
    return scripts() | {
        "good": program,
        "empty": b"",
        "one byte": b"\x7f",
        "text": b"this is no program\n" * 10,
        "zeroes": bytes(4096),
        "magic alone": program[:4] + bytes(200),
        "half a header": program[:32],
        "wrong magic": b"\x7fELG" + program[4:],
        "wrong machine": header(program, machine=8),
        "machine 0": header(program, machine=0),
        "object file": header(program, type=1),
        "core file": header(program, type=4),
        "type 0": header(program, type=0),
        "entries of 0 bytes": header(program, phentsize=0),
        "entries of 55 bytes": header(program, phentsize=55),
        "no segments": header(program, phnum=0),
        "table after the end": header(program, phoff=len(program) + 100),
        "table far after the end": header(program, phoff=1 << 62),
        "table at -1": header(program, phoff=(1 << 64) - 1),
        "more entries than the file holds": header(program, phnum=1000, phoff=len(program) - 100),
    }


def refused_here(program: bytes) -> dict[str, bytes]:
    """Those that Linux notices too late, when the caller is gone, or never: here the caller gets ENOEXEC
    and lives on."""
    return {
        "here segment after the end": segments(program, changed(1, offset=1 << 40)),
        "here segment cut off": program[:loaded_bytes(program) - 1],
        "here more in the file than in memory": segments(program, changed(1, memsz=1)),
        "here offset and address differ": segments(program, shift),
        "here overlapping": segments(program, overlap),
        "here in the kernel": segments(program, changed(1, vaddr=0xffffffff80000000)),
        "here at the end of memory": segments(program, changed(1, vaddr=(1 << 64) - 4096)),
        "here size that wraps": segments(program, changed(-1, memsz=(1 << 64) - 4096)),
        "here writable and executable": segments(program, changed(0, flags=7)),
        "here 32 bits": program[:4] + b"\x01" + program[5:],
        "here big endian": program[:5] + b"\x02" + program[6:],
    }
