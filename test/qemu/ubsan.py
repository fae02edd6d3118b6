"""The kernel, libvm and libusercopy compiled with -fsanitize=undefined: self-tests and programs do
nothing that the language does not define, and what is planted is reported."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import guest, other_kernels  # noqa: E402

WHERE = r"\(sanitizer_tests\.cpp:\d+:\d+\)"
# A kernel more to build for each architecture: minutes, where nothing is cached.
ON_DEMAND = True
REPORTS = {
    "signed-overflow": rf"undefined behaviour: 2147483647 \+ 2 does not fit 'int' {WHERE}",
    "wide-shift": rf"undefined behaviour: 1 of type 'uint32_t'.* is shifted by 32 {WHERE}",
    "array-index": rf"undefined behaviour: index 12 is outside 'uint8_t\[12\]'.*{WHERE}",
    "misaligned": rf"undefined behaviour: load of 0x\w+, misaligned for 'const uint32_t'.*, which "
                  rf"needs 4 {WHERE}",
    "bad-bool": rf"undefined behaviour: 2 is no value of 'const bool' {WHERE}",
}

if __name__ == "__main__":
    sys.exit(guest.main(other_kernels.suite("undefined", REPORTS)))
