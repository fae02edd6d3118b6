"""File systems that are programs: busybox's file work on a daemon's root, with the host's busybox as
the measure; daemons on daemons; mapped files; and a villain of a daemon.

DAEMONS_FILES and DAEMONS_KIB make the tree larger (1000 and 102400 are the long run)."""

import io
import os
import random
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
from libvm_tools import build, guest, guest_tree  # noqa: E402

FILES = guest.environment_number("DAEMONS_FILES", 120)
KIB = guest.environment_number("DAEMONS_KIB", 1536)
TIMEOUT = 200 + KIB / 20
# The archive, two copies of the tree and what is made of it, all in memory at once.
MEMORY = "1G" if KIB <= 8192 else f"{1 + (KIB * 20 >> 20)}G"
CRIMES = build.TOP / "user" / "villain" / "villain.c"

# What both busyboxes do, each in an empty folder with tree.tar beside it. It prints no times, owners or
# inode numbers.
SCRIPT = """
umask 022
mkdir work; cd work
tar xf ../tree.tar
echo == find; find . | sort
echo == md5sum; find . -type f | sort | xargs md5sum
echo == stat; find . | sort | xargs stat -c '%n %a %F'; find . -type f | sort | xargs stat -c '%n %s %h'
echo == grep; grep -r walnut . | sort | head -50; grep -rlc almond . | sort
echo == awk; find . -name '*.txt' | sort | xargs cat | awk '{n[$1] += NF} END {for (w in n) print w, n[w]}' | sort
echo == sort; find . -name '*.txt' | sort | xargs cat | sort -u | md5sum
echo == sed; sed -i s/walnut/hazelnut/g dir1/*.txt; cat dir1/*.txt | md5sum; grep -c hazelnut dir1/*.txt
echo == cp; cp -a . ../copy; diff -r . ../copy && echo the same
echo == mv; mv dir2 ../copy/dir1/moved; mv dir1/*.txt ../copy/dir3; find ../copy | sort | md5sum
mv ../copy/dir1 dir2 && find . | sort | tail -20; mv dir3/nothing x; echo $?
echo == diff; cp -r dir3 old; echo more >> dir3/f3.txt; sed -i 2d dir3/f13.txt; rm dir3/f23.txt
diff -r old dir3 | grep -v '^[-+][-+][-+] '
echo == gzip; for f in old/*; do gzip -c $f | gunzip | cmp - $f; done; gzip old/f3.txt; ls old | head -3
gunzip old/f3.txt.gz; md5sum old/f3.txt
echo == tar; tar cf ../again.tar old dir3; tar tf ../again.tar | sort | md5sum; mkdir un; tar xf ../again.tar -C un
diff -r old un/old && diff -r dir3 un/dir3 && echo the same
tar czf ../again.tgz old; tar xzOf ../again.tgz old/f13.txt | md5sum
echo == links; ln dir3/f3.txt hard; ln -s dir3/f3.txt soft; echo end >> soft; tail -1 hard; stat -c %h hard
ln -s nowhere broken; cat broken; echo made > broken; cat nowhere; readlink -f soft | sed 's,.*/work/,,'
echo == rename; mkdir -p a/b c/d; mv a/b c/d; echo $?; mkdir a/d; mv -T a/d c/d; echo $?; rmdir c/d/b; mv -T a/d c/d; echo $?
mv a a/b; echo $?; mv c/d a; ls a c
echo == sparse; dd if=/dev/zero of=holes bs=1 count=1 seek=3000000 2>/dev/null; md5sum holes; truncate -s 100 holes
md5sum holes; truncate -s 70000 holes; md5sum holes
echo == append; for i in 1 2 3 4; do (for j in 1 2 3 4 5; do echo $i$j >> log; done) & done; wait; sort log | md5sum
echo == modes; chmod 4751 holes; stat -c %a holes; chmod -R go-rwx dir3; stat -c %a dir3 dir3/f13.txt
touch -d @1000000000 log; stat -c %Y log; test log -ot holes && echo older
echo == rm; rm -r un dir3 && ls -A | sort; rm dir2 2>&1 | sed 's/.*: //'; rm -rf ../copy; cd ..; rm -r work; ls | sort
"""


def make_tree(path: Path) -> None:
    """Deterministic: words in half of the files, bytes that do not compress in the others."""
    choose = random.Random(1)
    words = ["walnut", "almond", "cashew", "pecan", "chestnut", "pistachio", "macadamia"]
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tree:
        def add(name, kind, content=b"", mode=0o644, target=""):
            info = tarfile.TarInfo(name)
            info.type, info.size, info.mode, info.linkname = kind, len(content), mode, target
            info.mtime = 1000000000
            tree.addfile(info, io.BytesIO(content))

        for i in range(10):
            add(f"dir{i}", tarfile.DIRTYPE, mode=0o755)
        for i in range(FILES):
            size = max(1, choose.randrange(2 * KIB * 1024 // FILES))
            if i % 10 < 5:
                lines = (" ".join(choose.choices(words, k=8)) for _ in range(size // 60 + 3))
                add(f"dir{i % 10}/f{i}.txt", tarfile.REGTYPE, ("\n".join(lines) + "\n").encode())
            else:
                add(f"dir{i % 10}/f{i}", tarfile.REGTYPE, choose.randbytes(size), mode=0o755)
        add("dir4/" + "long" * 40, tarfile.REGTYPE, b"a long name\n")
        add("link", tarfile.SYMTYPE, mode=0o777, target="dir0/f0.txt")
        add("hard", tarfile.LNKTYPE, target="dir0/f0.txt")


def on_host(folder: Path) -> list[str]:
    """What the script prints here."""
    programs = folder / "bin"
    programs.mkdir()
    busybox = build.sysroot("x86_64") / "bin" / "busybox"
    for name in guest_tree.applets():
        (programs / name).symlink_to(busybox)
    result = subprocess.run([programs / "sh", "-c", f"cd {folder}/place; {SCRIPT}"],
                            env={"PATH": str(programs)}, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False)
    return result.stdout.decode(errors="replace").splitlines()


def sections(lines: list[str]) -> dict[str, list[str]]:
    """What follows each "== NAME"."""
    found, name = {}, ""
    for line in lines:
        if line.startswith("== "):
            name = line[3:]
        found.setdefault(name, []).append(line)
    return found


def compare(got: list[str] | None, wanted: list[str]) -> str | None:
    if got == wanted:
        return None
    if got is None:
        return "it was not reached"
    for mine, theirs in zip(got + ["(nothing)"], wanted + ["(nothing)"]):
        if mine != theirs:
            return f"{mine!r}, not {theirs!r}"
    return f"{len(got)} lines, not {len(wanted)}"


# On the daemon's root, after the script: (name, line, what it prints).
MORE = [
    ("the root is a daemon", "mount | grep -c '^ramfs on / '; echo x > /new; cat /new; rm /new", "1\nx"),
    ("programs run from it", "cp /bin/hello /tmp/h; /tmp/h; mv /tmp/h /tmp/i; /tmp/i; rm /tmp/i; "
     "printf '#!/bin/echo script\\n' > /tmp/s; chmod +x /tmp/s; /tmp/s",
     "hello, world\nhello, world\nscript /tmp/s"),
    ("shared mappings, read and write agree", "coherent /tmp/mapped; echo $?", "coherent\n0"),
    ("on another daemon, mounted", "ramfs small --size 1; coherent /scheme/small/mapped; "
     "dd if=/dev/zero of=/scheme/small/big bs=64k count=20 2>&1 | grep -o 'No space.*'; "
     "ls -l /scheme/small/big | awk '{print $5}'; rm /scheme/small/big; "
     "echo fits > /scheme/small/a; cat /scheme/small/a",
     "coherent\nNo space left on device\n1048576\nfits"),
    ("an archive in it is a file system", "cd /place; tarfs tar tree.tar; mkdir un; tar xf tree.tar -C un; "
     "diff -r un /scheme/tar && echo the same; echo x 2>/dev/null > /scheme/tar/x || echo read-only; "
     "touch /scheme/tar/link 2>/dev/null || echo read-only; readlink /scheme/tar/link; "
     "stat -c %h /scheme/tar/hard", "the same\nread-only\nread-only\ndir0/f0.txt\n2"),
    ("programs run from an archive", "cd /tmp; tar cf p.tar -C /bin hello; tarfs programs p.tar; "
     "/scheme/programs/hello", "hello, world"),
    ("an archive that is cut off meanwhile", ": > p.tar; cat /scheme/programs/hello 2>&1 >/dev/null | "
     "sed 's/.*: //'; ls /scheme/programs", "Input/output error\nhello"),
    ("malformed archives are refused", "head -c 2000 /place/tree.tar > bad.tar; tarfs bad bad.tar 2>/dev/null; "
     "echo $?; tarfs bad /bin/busybox 2>/dev/null; echo $?; ls /scheme/bad 2>/dev/null || echo none",
     "1\n1\nnone"),
    ("memory comes back", "free_now() { sleep 0.2; awk '/frames_free/ {print $2}' /scheme/sys/audit; }; "
     "rm -rf /place /tmp/*; cd /; big() { dd if=/dev/zero of=/big bs=64k count=160 2>/dev/null; rm /big; }; "
     "big; a=$(free_now); big; b=$(free_now); d=$((a - b)); "
     "[ $d -lt 200 ] && echo it does || echo $d pages are missing", "it does"),
]


def one_boot(arch, folder: Path) -> tuple[list[str], guest.Result]:
    line = "mkdir /place; cp /tree.tar /place; cd /place; sh /script 2>&1; cd /; . /more 2>&1"
    (folder / "script").write_text(SCRIPT)
    (folder / "more").write_text("".join(f"echo '== {name}'\n{text}\n" for name, text, _ in MORE))
    adds = [word for name in ("tree.tar", "script", "more")
            for word in ("--add", f"{folder / name}:/{name}")]
    result = guest.boot(arch, "--cmd", line, "--append", "root=ramfs", "--mem", MEMORY, *adds, timeout=TIMEOUT)
    return result.stdout.decode(errors="replace").splitlines(), result


def busybox_on_a_daemons_root(arch):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "place").mkdir()
        make_tree(folder / "tree.tar")
        os.link(folder / "tree.tar", folder / "place" / "tree.tar")
        wanted = sections(on_host(folder))
        lines, result = one_boot(arch, folder)
    got = sections(lines)
    # What both complain of in the same way; error texts name no paths of the host's.
    parts = [(part, compare(got.get(part), text)) for part, text in wanted.items()]
    assert len(parts) >= 18, f"the host's busybox did only {list(wanted)}"
    parts += [(part, compare(got.get(part), [f"== {part}", *text.split("\n")]))
              for part, _, text in MORE]
    if any(why for _, why in parts):
        parts.append(("the log", "\n".join(result.log.splitlines()[-15:])))
    return parts


def villain(arch):
    crimes = re.findall(r'^    \{"([\w-]+)", \w+\},', CRIMES.read_text(), re.M)
    assert len(crimes) >= 20, f"only {crimes} found in {CRIMES.name}"
    result = guest.boot(arch, "--cmd", "villain; echo ended with $?", timeout=300)
    said = result.stdout.decode(errors="replace").splitlines()
    parts, before = [], []
    for line in said:
        name, _, verdict = line.partition(": ")
        if name in crimes and verdict in ("nobody is harmed", "HARM"):
            crimes.remove(name)
            parts.append((name, None if verdict != "HARM" else "\n".join(before) or "?"))
            before = []
        else:
            before.append(line)
    parts += [(name, "it was not reached\n" + result.log[-1500:]) for name in crimes]
    parts.append(("the shell goes on", None if said[-1:] == ["ended with 0"] or
                  any(why for _, why in parts) and said[-1:] == ["ended with 1"]
                  else result.log[-1500:]))
    return parts


if __name__ == "__main__":
    sys.exit(guest.main([busybox_on_a_daemons_root, villain]))
