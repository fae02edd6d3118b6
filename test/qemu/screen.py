#!/usr/bin/env python3
"""The console on the screen: what programs and the kernel write is read back from its pixels."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import guest, guest_tree, screen_text  # noqa: E402

# The program must not end, for the machine would with it.
WAIT = "; while :; do :; done"


def cells(arch: str, line: str, *more: str) -> list[list[screen_text.Cell]]:
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "screen.ppm"
        result = guest.boot(arch, "--screenshot", str(picture), "--cmd", line, *more)
        result.check(status=0)
        font = screen_text.Psf(guest_tree.font(arch))
        return screen_text.read_cells(screen_text.Picture.read(picture), font)


def shell(script: str) -> str:
    return script + WAIT


def lines_of(grid) -> list[str]:
    return ["".join(cell.text for cell in row).rstrip() for row in grid]


def program_output_and_kernel_messages_are_shown(arch):
    script = r'echo hello, screen; echo "~{}|^@"; printf "\303\204\303\226 \303\237 \302\265\n"'
    lines = lines_of(cells(arch, shell(script)))
    for expected in ("hello, screen", "~{}|^@", "ÄÖ ß µ"):
        assert expected in lines, lines
    assert any(line.endswith("MiB usable") and "memory:" in line for line in lines), lines


def colours_and_attributes_are_shown(arch):
    script = r'printf "\033[2J\033[3;5H\033[31mred\033[0m \033[1;32mbright\033[0m \033[7mreverse' \
             r'\033[0m\033[5;1H\033[44m  blue\033[m\033[7;1H\033[38;5;214morange\033[m\n"'
    grid = cells(arch, shell(script))
    lines = lines_of(grid)
    assert lines[2] == "    red bright reverse", lines[:9]
    assert lines[4] == "  blue" and lines[6] == "orange", lines[:9]
    assert (grid[2][4].foreground, grid[2][4].background) == (0xAA0000, 0)
    assert grid[2][8].foreground == 0x55FF55
    assert (grid[2][15].foreground, grid[2][15].background) == (0, 0xAAAAAA)
    assert (grid[4][3].foreground, grid[4][3].background) == (0xAAAAAA, 0x0000AA)
    assert grid[4][0].background == 0x0000AA
    assert grid[6][0].foreground == 0xFFAF00


def output_scrolls(arch):
    script = "i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line $i; done"
    grid = cells(arch, shell(script))
    lines = lines_of(grid)
    # The last line of the screen is the cursor's.
    expected = [f"line {number}" for number in range(300 - len(grid) + 2, 301)]
    assert lines[:-1] == expected, lines


def cursor_is_shown_and_the_size_can_be_given(arch):
    grid = cells(arch, shell(r'printf "\033[2J\033[H0123456789abcdefghij"'),
                 "--append", "console_size=16x10")
    lines = lines_of(grid)
    assert lines[:2] == ["0123456789abcdef", "ghij"], lines[:3]
    assert (grid[1][4].background, grid[1][5].background) == (0xAAAAAA, 0)


def terminal_has_the_given_size(arch):
    result = guest.boot(arch, "--append", "console=tty console_size=61x17", "--cmd", "stty size")
    # What tools/run types into a pipe is echoed here.
    assert result.check(status=0).stdout.endswith(b"17 61\r\n"), result.stdout


def no_screen_is_no_obstacle(arch):
    guest.boot(arch, "--append", "screen=off", "--cmd", "/bin/hello").check(
        status=0, stdout=b"hello, world\n")


if __name__ == "__main__":
    sys.exit(guest.main([program_output_and_kernel_messages_are_shown,
                         colours_and_attributes_are_shown, output_scrolls,
                         cursor_is_shown_and_the_size_can_be_given, terminal_has_the_given_size,
                         no_screen_is_no_obstacle]))
