"""run.py COMPILER [FLAG]... FILE: checks that FILE compiles, and that no CASE_ in it does.

A case is a line `#ifdef CASE_name  // error: TEXT`; with -DCASE_name the compiler must fail, and
say TEXT in an error or its note. Prints TAP, one line a case.
"""

import re
import subprocess
import sys

CASE = re.compile(r"^#ifdef (CASE_\w+)\s+// error: (.+)$", re.M)


def main() -> int:
    *command, source = sys.argv[1:]
    cases = CASE.findall(open(source).read())
    if not cases:
        print("Bail out! no case in", source)
        return 1
    print(f"1..{len(cases) + 1}")
    failed = 0
    for number, (case, expected) in enumerate([(None, None), *cases], start=1):
        define = [f"-D{case}"] if case else []
        result = subprocess.run([*command, "-fsyntax-only", *define, source],
                                capture_output=True, text=True)
        said = [line for line in result.stderr.splitlines() if " error: " in line or " note: " in line]
        if case is None:
            good, why = result.returncode == 0, "the control does not compile"
        else:
            good = result.returncode != 0 and any(expected in line for line in said)
            why = "it compiles" if result.returncode == 0 else f"the compiler does not say: {expected}"
        print("ok" if good else "not ok", number, "-", case or "control")
        if not good:
            failed += 1
            print(f"# {source}: {case or 'control'}: {why}")
            for line in result.stderr.splitlines()[:20]:
                print("#", line)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
