"""count_aarch64.py PROGRAM [--json FILE]: instructions per KiB of the aarch64 copies, by variant.

Runs PROGRAM (bench/usercopy/count_aarch64.cpp) under qemu-aarch64 one instruction a block, with a log
that is limited to libusercopy's code, and counts its lines: exact, the same on every machine.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

VARIANTS = ("bytes", "unprivileged", "pan")
SIZES = (64, 256, 1024, 4096, 65536)


def code_ranges(program):
    """{direction: 'start+size,...'} of the copy routines' addresses."""
    output = subprocess.run(["llvm-nm-19", "-S", program], check=True, capture_output=True, text=True).stdout
    ranges = {}
    for direction in ("from", "to"):
        found = re.findall(rf"^([0-9a-f]+) ([0-9a-f]+) [tT] usercopy_{direction}_user_\w+$", output, re.M)
        ranges[direction] = ",".join(f"0x{start}+0x{size}" for start, size in found)
    return ranges


def count(program, variant, size, ranges):
    with tempfile.NamedTemporaryFile() as log:
        subprocess.run(["qemu-aarch64", "-singlestep", "-d", "exec,nochain", "-dfilter", ranges,
                        "-D", log.name, program, str(size)], check=True,
                       env={**os.environ, "USERCOPY_VARIANT": variant})
        return sum(line.startswith(b"Trace") for line in log)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    ranges = code_ranges(arguments.program)
    rows = []
    print(f"{'instructions per KiB':30}" + "".join(f"{name:>14}" for name in VARIANTS) + "   bytes/fast")
    for direction in ("from", "to"):
        for size in SIZES:
            counts = {variant: count(arguments.program, variant, size, ranges[direction]) * 1024 / size
                      for variant in VARIANTS}
            row = f"{direction} user, {size} B"
            ratio = counts["unprivileged"] / counts["bytes"]
            print(f"{row:30}" + "".join(f"{counts[name]:14.1f}" for name in VARIANTS) + f"   {1 / ratio:8.1f}")
            rows.append({"suite": "usercopy", "arch": "aarch64", "row": row, "unit": "instructions/KiB",
                         "ours": counts["unprivileged"], "peer": counts["bytes"],
                         "peer_name": "byte loop", "ratio": ratio})
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(rows, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
