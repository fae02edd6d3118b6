"""Reads the text back from a picture of the screen: every cell is compared with the font's glyphs.

Exact: the kernel draws glyphs pixel by pixel in two colours. A cell that no glyph explains is an error.
"""

import struct
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Picture:
    width: int
    height: int
    pixels: bytes  # three bytes each

    @staticmethod
    def read(path: Path) -> "Picture":
        """A binary PPM with 8 bits a colour."""
        data = path.read_bytes()
        kind, size, depth, pixels = data.split(b"\n", 3)
        width, height = map(int, size.split())
        if kind != b"P6" or depth != b"255" or len(pixels) != 3 * width * height:
            raise ValueError(f"{path} is not a picture as QEMU writes it")
        return Picture(width, height, pixels)


@dataclass
class Cell:
    text: str
    foreground: int | None  # 0xRRGGBB, None where only one colour is seen
    background: int


class Psf:
    """A PSF font with a table: each glyph's rows, and the character that it stands for."""

    def __init__(self, data: bytes):
        if data[:2] == b"\x36\x04" and data[2] & 6:
            header, self.width, self.height = 4, 8, data[3]
            count, size = 512 if data[2] & 1 else 256, data[3]
            table = [entry.split("\ufffe")[0]
                     for entry in data[4 + count * size:].decode("utf-16-le").split("\uffff")]
        elif data[:4] == b"\x72\xb5\x4a\x86" and data[12] & 1:
            header, _, count, size, self.height, self.width = struct.unpack_from("<6I", data, 8)
            table = [entry.split(b"\xfe")[0].decode()
                     for entry in data[header + count * size:].split(b"\xff")]
        else:
            raise ValueError("not a PSF font with a table")
        stride = (self.width + 7) // 8
        self.characters: dict[tuple[int, ...], str] = {}
        for index in range(count):
            start = header + index * size
            rows = tuple(int.from_bytes(data[start + y * stride:start + (y + 1) * stride], "big")
                         >> (8 * stride - self.width) for y in range(self.height))
            if table[index]:
                # ASCII where a glyph stands for several characters.
                self.characters.setdefault(rows, min(table[index]))


def read_cell(picture: Picture, font: Psf, row: int, column: int) -> Cell:
    rows, colours = [], {}
    for y in range(font.height):
        at = 3 * ((row * font.height + y) * picture.width + column * font.width)
        line = picture.pixels[at:at + 3 * font.width]
        rows.append([line[x:x + 3] for x in range(0, len(line), 3)])
        for pixel in rows[-1]:
            colours[pixel] = colours.get(pixel, 0) + 1
    if len(colours) > 2:
        raise ValueError(f"cell {row},{column} has {len(colours)} colours")
    value = {pixel: int.from_bytes(pixel, "big") for pixel in colours}
    # Which of two colours is the background is known once a glyph fits.
    for background in sorted(colours, key=lambda pixel: -colours[pixel]):
        bits = tuple(sum((pixel != background) << (font.width - 1 - x)
                         for x, pixel in enumerate(line)) for line in rows)
        text = font.characters.get(bits)
        if text is not None:
            others = [value[pixel] for pixel in colours if pixel != background]
            return Cell(text, others[0] if others else None, value[background])
    raise ValueError(f"cell {row},{column} shows no glyph of the font")


def read_cells(picture: Picture, font: Psf) -> list[list[Cell]]:
    return [[read_cell(picture, font, row, column)
             for column in range(picture.width // font.width)]
            for row in range(picture.height // font.height)]


def read_text(picture: Picture, font: Psf) -> list[str]:
    """The lines, without the blanks at their ends."""
    return ["".join(cell.text for cell in line).rstrip() for line in read_cells(picture, font)]
