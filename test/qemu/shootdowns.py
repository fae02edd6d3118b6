"""What munmap makes other processors do: nothing where its process never ran, else one round."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import guest, shootdowns  # noqa: E402


def judge(arch: str, processors: int, counts: dict[str, int]) -> str | None:
    rounds, interrupts = counts["shootdown_rounds"], counts["shootdown_ipis"]
    # aarch64 broadcasts invalidations; x86_64 asks whoever runs the process.
    most = 0 if processors == 1 or arch == "aarch64" else 1
    if rounds > most or interrupts > most * (processors - 1):
        return f"{rounds} rounds with {interrupts} interrupts"
    if most == 1 and interrupts != processors - 1:
        return f"{interrupts} of {processors - 1} processors were interrupted"
    if counts["tlb_ranges"] + counts["tlb_tags"] + counts["tlb_everything"] == 0:
        return "nothing was invalidated"
    return None


def at_most_one_round_and_none_where_nobody_runs(arch):
    found = shootdowns.count(arch)
    wanted = [(pages, processors) for processors in (1, shootdowns.PROCESSORS)
              for pages in (1, 16, 512, 10000)]
    return [(f"{pages} pages on {processors}",
             judge(arch, processors, found[pages, processors])
             if (pages, processors) in found else "it was not reached")
            for pages, processors in wanted]


if __name__ == "__main__":
    sys.exit(guest.main([at_most_one_round_and_none_where_nobody_runs]))
