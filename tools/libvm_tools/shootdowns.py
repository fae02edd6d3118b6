"""user/shootdowns on eight processors: what munmap makes other processors do, counted by the kernel."""

import re

from . import build, guest
from .status import QEMU, Stop

PROCESSORS = 8
COUNTERS = {
    "shootdown_rounds": "rounds",
    "shootdown_ipis": "IPIs",
    "tlb_ranges": "ranged invalidations",
    "tlb_pages": "pages in them",
    "tlb_tags": "invalidations of a space",
    "tlb_everything": "of everything",
}


def count(arch: str) -> dict[tuple[int, int], dict[str, int]]:
    """(pages, processors) -> counter -> the most that one munmap made."""
    result = guest.boot(arch, "--smp", str(PROCESSORS), "--cmd", "shootdowns", timeout=400)
    said = result.stdout.decode(errors="replace")
    if result.status != 0 or not said.endswith("end\n"):
        raise Stop(QEMU, f"shootdowns on {arch} ended with {result.status} ({result.reason}):\n"
                   + (said + result.log)[-2000:])
    return {(int(pages), int(processors)): {name: int(value) for name, value in
                                            re.findall(r"(\w+) (\d+)", rest)}
            for pages, processors, rest in re.findall(r"^(\d+) (\d+) (.*)$", said, re.M)}


def table(arch: str) -> list[dict]:
    """Prints the table; rows for JSON."""
    build.build(arch)
    print(f"{arch}: the most of one munmap (3 tries), {PROCESSORS} processors")
    print(f"{'pages':>6} {'runs on':>8}" + "".join(f"{title:>26}" for title in COUNTERS.values()))
    rows = []
    for (pages, processors), counts in count(arch).items():
        print(f"{pages:6} {processors:8}" + "".join(f"{counts[name]:26}" for name in COUNTERS))
        rows += [{"suite": "shootdown", "arch": arch,
                  "row": f"munmap, {pages} pages, runs on {processors}: {title}", "unit": "count",
                  "ours": counts[name], "peer": None, "peer_name": None, "ratio": None}
                 for name, title in COUNTERS.items()]
    return rows
