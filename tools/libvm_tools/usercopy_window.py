"""Checks the user-access window of a linked ELF file, from its machine code.

Rules, for x86_64 (STAC, CLAC) and aarch64 (MSR PAN):
  - window instructions stand only in the primitives of libusercopy (functions in .text.usercopy) and
    in functions named by --allow;
  - on every path through such a function, fixups of its exception-table entries included, the window
    is opened when closed and closed when open, and is closed at every return;
  - no call, and no jump to another function, while it is open;
  - between the clamp of an address (the pinned comparison in the typed layer) and the primitive, and
    in the primitive up to its first user access, there is no conditional branch.
"""

import argparse
import re
import struct
import subprocess
import sys
from pathlib import Path

OBJDUMP = "llvm-objdump-19"
TABLE = "usercopy_table"
LINE = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$")
LABEL = re.compile(r"^([0-9a-f]+) <(.+)>:$")
TARGET = re.compile(r"(?:0x)?([0-9a-f]+) <([^>+]+)(?:\+0x[0-9a-f]+)?>")


class Elf:
    """Section headers and contents, as much as the exception table needs."""

    def __init__(self, path):
        self.path = path
        self.data = Path(path).read_bytes()
        if self.data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path}: not a 64-bit little-endian ELF file")
        self.machine = {62: "x86_64", 183: "aarch64"}.get(struct.unpack_from("<H", self.data, 18)[0])
        offset, = struct.unpack_from("<Q", self.data, 40)
        size, count, names = struct.unpack_from("<HHH", self.data, 58)
        headers = [struct.unpack_from("<IIQQQQ", self.data, offset + i * size) for i in range(count)]
        start = headers[names][4]
        self.sections = {}
        for name, _, _, address, where, length in headers:
            end = self.data.index(b"\0", start + name)
            self.sections[self.data[start + name:end].decode()] = (address, where, length)

    def between_symbols(self):
        """The table inside another section (a kernel's linker script may put it there)."""
        names = [f"__{end}_{TABLE}" for end in ("start", "stop")]
        output = subprocess.run(["llvm-nm-19", self.path], check=True, capture_output=True,
                                text=True).stdout
        found = {name: int(address, 16)
                 for address, _, name in re.findall(r"^([0-9a-f]+) (\w) (\S+)$", output, re.M)
                 if name in names}
        if len(found) != 2:
            raise ValueError(f"{self.path}: no section {TABLE} and no {' and '.join(names)}")
        start, stop = (found[name] for name in names)
        for address, where, length in self.sections.values():
            if address <= start and stop <= address + length and address:
                return start, where + start - address, stop - start
        raise ValueError(f"{self.path}: {names[0]} lies in no section")

    def exception_table(self):
        """{instruction: fixup}, and whether the table is sorted."""
        address, where, length = self.sections.get(TABLE) or self.between_symbols()
        table, order = {}, []
        for offset in range(0, length, 12):
            at, fixup, _ = struct.unpack_from("<iiI", self.data, where + offset)
            table[address + offset + at] = address + offset + 4 + fixup
            order.append(address + offset + at)
        return table, order == sorted(set(order))


class Instruction:
    def __init__(self, address, name, operands, machine):
        self.address, self.name, self.operands = address, name, operands
        self.target = self.target_name = None
        found = TARGET.search(operands)
        if found:
            self.target, self.target_name = int(found[1], 16), found[2]
        if machine == "x86_64":
            self.opens, self.closes = name == "stac", name == "clac"
            self.conditional = name.startswith("j") and name not in ("jmp", "jmpq")
            self.jumps = name in ("jmp", "jmpq") or self.conditional
            self.calls = name.startswith("call")
            self.returns = name.startswith("ret")
        else:
            pan = name == "msr" and operands.lower().startswith("pan")
            self.opens, self.closes = pan and operands.endswith("#0x0"), pan and operands.endswith("#0x1")
            if pan and not self.opens and not self.closes:
                self.opens = operands.endswith("#0")
                self.closes = operands.endswith("#1")
            self.conditional = name.startswith("b.") or name in ("cbz", "cbnz", "tbz", "tbnz")
            self.jumps = name in ("b", "br") or self.conditional
            self.calls = name in ("bl", "blr")
            self.returns = name == "ret"
        self.falls_through = not (self.returns or (self.jumps and not self.conditional))


def disassemble(path, machine):
    """{name: [Instruction]}, in address order."""
    command = [OBJDUMP, "-d", "--no-show-raw-insn", "--mattr=+pan,+mops" if machine == "aarch64" else "--", path]
    output = subprocess.run([part for part in command if part != "--"], check=True,
                            capture_output=True, text=True).stdout
    functions, current = {}, None
    for line in output.splitlines():
        label = LABEL.match(line)
        if label:
            current = functions.setdefault(label[2], [])
            continue
        found = LINE.match(line)
        if found and current is not None:
            operands = found[3].split(" // ")[0].split("  # ")[0].strip()
            current.append(Instruction(int(found[1], 16), found[2], operands, machine))
    return functions


def check_function(name, body, table):
    """Walks every path with the window's state; yields complaints."""
    by_address = {instruction.address: index for index, instruction in enumerate(body)}
    states = {}
    work = [(0, False)]
    while work:
        index, is_open = work.pop()
        while index < len(body):
            instruction = body[index]
            if index in states:
                if states[index] != is_open:
                    yield f"{name}+{instruction.address - body[0].address:#x}: the window is open on one path and closed on another"
                break
            states[index] = is_open
            where = f"{name}+{instruction.address - body[0].address:#x}"
            if instruction.address in table:
                fixup = table[instruction.address]
                if fixup in by_address:
                    work.append((by_address[fixup], is_open))
                else:
                    yield f"{where}: its fixup lies in another function"
            if instruction.opens:
                if is_open:
                    yield f"{where}: opens an open window"
                is_open = True
            if instruction.closes:
                if not is_open:
                    yield f"{where}: closes a closed window"
                is_open = False
            if is_open and instruction.calls:
                yield f"{where}: calls with the window open"
            if is_open and instruction.returns:
                yield f"{where}: returns with the window open"
            if instruction.jumps and instruction.target is not None:
                if instruction.target in by_address:
                    work.append((by_address[instruction.target], is_open))
                elif is_open:
                    yield f"{where}: jumps to {instruction.target_name} with the window open"
            elif instruction.jumps and is_open:
                yield f"{where}: jumps through a register with the window open"
            if not instruction.falls_through:
                break
            index += 1
        else:
            if is_open:
                yield f"{name}: runs off its end with the window open"


def check_first_access(name, body, table):
    """No conditional branch from the entry to the first user access."""
    for instruction in body:
        if instruction.address in table:
            return
        if instruction.conditional:
            yield f"{name}: branches at +{instruction.address - body[0].address:#x}, before its first user access"
            return
    yield f"{name}: has no user access"


def is_clamp(instruction, machine):
    if machine == "x86_64":
        return instruction.name.startswith("cmova") or instruction.name.startswith("cmovb")
    return instruction.name == "csel"


def check_callers(functions, machine):
    """From the clamp to the call of a primitive: straight code. Returns (complaints, calls seen)."""
    complaints, seen = [], 0
    for name, body in functions.items():
        for index, instruction in enumerate(body):
            to = instruction.target_name or ""
            if not (instruction.calls or instruction.jumps) or not to.startswith("usercopy_") or \
                    name.startswith("usercopy_"):
                continue
            seen += 1
            landing = {other.target for other in body if other.jumps}
            for back in range(index - 1, -1, -1):
                if is_clamp(body[back], machine):
                    break
                if body[back].conditional or body[back].calls or body[back + 1].address in landing:
                    complaints.append(f"{name}: a branch between the clamp and {to}")
                    break
            else:
                complaints.append(f"{name}: calls {to} without a clamp")
    return complaints, seen


def check(path, allow=()):
    """Returns (complaints, number of window instructions, number of primitives)."""
    elf = Elf(path)
    table, is_sorted = elf.exception_table()
    functions = disassemble(path, elf.machine)
    complaints = [] if is_sorted else ["the exception table is not sorted"]
    windows = primitives = 0
    for name, body in functions.items():
        marks = sum(instruction.opens or instruction.closes for instruction in body)
        primitive = name.startswith("usercopy_") and body and \
            any(instruction.address in table for instruction in body)
        windows += marks
        primitives += bool(primitive)
        if marks and not primitive and name not in allow:
            complaints.append(f"{name}: a window instruction outside the primitives")
        if primitive:
            complaints += check_function(name, body, table)
            complaints += check_first_access(name, body, table)
    called, seen = check_callers(functions, elf.machine)
    complaints += called
    if not seen:
        complaints.append("no call of a primitive found")
    if not windows or not primitives:
        complaints.append("no window or no primitive found: is this the right file?")
    return complaints, windows, primitives


def main():
    parser = argparse.ArgumentParser(description="Check the user-access window of a linked file.")
    parser.add_argument("elf", help="an ELF file that libusercopy is linked into")
    parser.add_argument("--allow", action="append", default=[], metavar="FUNCTION",
                        help="a function outside libusercopy that may use window instructions")
    arguments = parser.parse_args()
    try:
        complaints, windows, primitives = check(arguments.elf, arguments.allow)
    except (OSError, ValueError, KeyError, subprocess.CalledProcessError) as error:
        print(f"check_usercopy: {error}", file=sys.stderr)
        return 2
    for complaint in complaints:
        print(complaint)
    print(f"{arguments.elf}: {windows} window instructions, {primitives} primitives, "
          f"{len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
