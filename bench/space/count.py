#!/usr/bin/env python3
"""count.py SUITE PROGRAM [--json FILE]: runs a bench program made with rows.h twice, plainly for
nanoseconds and under callgrind for instructions, and prints one table: ours beside each peer."""

import json
import os
import subprocess
import sys
import tempfile


def timed(program):
    figures = {}
    for line in subprocess.run([program], check=True, capture_output=True,
                               text=True).stdout.splitlines():
        row, contender, value = line.split("|")
        figures[row, contender] = float(value)
    return figures


def counted(program):
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "profile")
        subprocess.run(["valgrind", "--tool=callgrind", "--collect-atstart=no", "--quiet",
                        f"--callgrind-out-file={out}", program],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name in os.listdir(folder):
            label, total = None, None
            with open(os.path.join(folder, name)) as profile:
                for line in profile:
                    if line.startswith("desc: Trigger: Client Request: "):
                        label = line.split(": ", 3)[3].strip()
                    elif line.startswith(("totals: ", "summary: ")):
                        total = int(line.split()[1])
            if label is not None and label.count("|") == 2:
                row, contender, operations = label.split("|")
                figures[row, contender] = total / int(operations)
    return figures


def main():
    suite, program = sys.argv[1:3]
    target = sys.argv[4] if len(sys.argv) == 5 and sys.argv[3] == "--json" else None
    records = []
    for unit, figures in (("instructions", counted(program)), ("ns", timed(program))):
        rows = list(dict.fromkeys(row for row, _ in timed_order(figures)))
        peers = list(dict.fromkeys(name for _, name in figures if name != "ours"))
        print(f"\n{suite}: {unit} per operation")
        print(f"{'':44}{'ours':>12}" + "".join(f"{peer:>18}{'':8}" for peer in peers))
        for row in rows:
            ours = figures.get((row, "ours"))
            line = f"{row:44}{ours:12.1f}"
            for peer in peers:
                theirs = figures.get((row, peer))
                if theirs is None:
                    line += " " * 26
                    continue
                line += f"{theirs:18.1f}{'x%.2f' % (ours / theirs):>8}"
                records.append({"suite": suite, "arch": "x86_64", "row": row, "unit": unit,
                                "ours": ours, "peer": theirs, "peer_name": peer,
                                "ratio": ours / theirs})
            if not any((row, peer) in figures for peer in peers):
                records.append({"suite": suite, "arch": "x86_64", "row": row, "unit": unit,
                                "ours": ours, "peer": None, "peer_name": None, "ratio": None})
            print(line)
    if target is not None:
        with open(target, "w") as file:
            json.dump(records, file, indent=1)


def timed_order(figures):
    return sorted(figures, key=lambda key: (key[0].split(",")[-1].strip()
                                            .split(" ")[0].zfill(9), key[0]))


if __name__ == "__main__":
    main()
