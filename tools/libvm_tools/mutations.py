"""The places where tools/mutate takes something out of libvm: found in the text of the sources.

A site is a call (or the declaration of a guard) that makes CPUs forget, holds a lock, a section or a
gate, or changes a count of references. Its mutant is libvm without it. Memory fences are not among
them: no hosted test here sees the orders that they forbid.

All mutants are compiled at once: in the copy that `switched` makes each site asks whether it is the
one that is off. `without` makes one mutant as text.
"""
import re
from pathlib import Path

FOLDERS = ["libvm/include/vm/table", "libvm/include/vm/tlb", "libvm/include/vm/space",
           "libvm/include/vm/object", "libvm/include/vm/epoch", "libvm/include/vm/frame",
           "libvm/src/space"]
FILES = ["libvm/include/vm/system.h"]

# Statements that are taken out: the name of what is called.
STATEMENTS = {
    "flush": "forget|forget_everything|flush|settle|publish|invalidate|invalidate_tag|"
             "invalidate_everything|add_everything",
    "lock": "close|acquire",
    "reference": "retain|release|release_not_last|retire|retire_leaf|retire_table|retire_frame|"
                 "drop_frame|drop_leaf|drop_subtree|drop_references|add_references|free|"
                 "remove_page_pin|remove_table_pin",
}
# Calls inside expressions, and what stands for them: `X` is the receiver.
EXPRESSIONS = {
    "add_references": "base::Status()",
    "add_reference_unless_dead": "base::Status()",
    "add_page_pin": "base::Status()",
    "add_table_pin": "base::Status()",
    "drop_references": "(X.references() - 1u)",
}
GUARD = re.compile(r"^[ ]*(?:const )?(?P<type>TableGuard|base::Guard(?:<[^;]*?>)?|"
                   r"typename Epochs<[^;]*?>::Section) (?P<name>\w+)\((?P<arguments>[^;{}]*)\);",
                   re.M)
# What no pattern finds: text, its mutant, the same with a switch, kind.
SPECIAL = [
    ("fresh ? OnActivate::forget : OnActivate::keep", "OnActivate::keep",
     "fresh && !mutant::is({}) ? OnActivate::forget : OnActivate::keep", "flush"),
    ("while (!try_advance())", "while (false)", "while (!mutant::is({}) && !try_advance())",
     "lock"),
]
HEADER = """#pragma once
#include <new>
namespace mutant {
extern int chosen;
inline bool is(int number) { return __builtin_expect(number == chosen, 0); }
template <class G>
class Maybe {
 public:
  template <class Make>
  Maybe(bool holds, Make make) : holds_(holds) { if (holds) new (place_) G(make()); }
  ~Maybe() { if (holds_) reinterpret_cast<G*>(place_)->~G(); }
 private:
  alignas(G) char place_[sizeof(G)];
  bool holds_;
};
}
"""
SOURCE = """#include <cstdlib>
namespace mutant { int chosen = -1; }
__attribute__((constructor(101))) static void choose() {
  if (const char* text = getenv("MUTANT")) mutant::chosen = atoi(text);
}
"""


class Edit:
    """Text from `start` to `end` gives way to `off`, or to `switch` with the site's number."""

    def __init__(self, start, end, off, switch):
        self.start, self.end, self.off, self.switch = start, end, off, switch


def statement(source, start, end):
    return Edit(start, end, "(void)0",
                f"(mutant::is(@) ? (void)0 : (void)({source[start:end]}))")


class Guarded:
    """What a guard covers: from its line to the end of its block, and the name of the lock."""

    def __init__(self, text, end, arguments):
        depth = 0
        for at in range(end, len(text)):
            depth += (text[at] == "{") - (text[at] == "}")
            if depth < 0:
                break
        self.lines = range(text.count("\n", 0, end) + 1, text.count("\n", 0, at) + 2)
        self.lock = arguments.split(",")[0].strip()


class Site:
    """One mutant of `path`."""

    guarded = None  # of a guard that the compiler's lock analysis knows

    def __init__(self, path, kind, edits, source):
        self.path, self.kind, self.edits = path, kind, edits
        start, end = edits[0].start, edits[0].end
        self.line = source.count("\n", 0, start) + 1
        whole = source[source.rfind("\n", 0, start) + 1:source.find("\n", end - 1)]
        self.shown = " ".join(whole.split())
        column = self.shown.find(" ".join(source[start:end].split()))
        earlier = [" ".join(line.split()) for line in source[:start].split("\n")]
        # Stays the same when lines move.
        self.key = f"{kind} {path}: {self.shown} @{column}#{earlier.count(self.shown)}"

    def __str__(self):
        return f"{self.kind:9} {self.path}:{self.line}: {self.shown}"


def without(site, source):
    """The file without the site."""
    for edit in sorted(site.edits, key=lambda it: -it.start):
        source = source[:edit.start] + edit.off + source[edit.end:]
    return source


def without_guards(sites, source):
    """The file without all of its guards; lines stay where they are."""
    edits = [site.edits[0] for site in sites if site.guarded]
    for edit in sorted(edits, key=lambda it: -it.start):
        blank = "\n" * source.count("\n", edit.start, edit.end)
        source = source[:edit.start] + edit.off + blank + source[edit.end:]
    return source


def analysed(sites, diagnostics):
    """The sites that a diagnostic of the lock analysis belongs to."""
    found = set()
    for line in diagnostics.splitlines():
        match = re.match(r"(?P<path>[^:]+):(?P<line>\d+):.*(?:holding|holds) [\w ]*"
                         r"'(?P<lock>[^']+)'.*-Wthread-safety", line)
        if match is None:
            continue
        for site in sites:
            if site.guarded and match["path"].endswith("/" + site.path) and \
                    int(match["line"]) in site.guarded.lines and \
                    match["lock"] == site.guarded.lock:
                found.add(site.key)
    return found


def switched(numbered, source):
    """The file with a switch at each of its sites, given with their numbers."""
    edits = sorted(((edit, number) for number, site in numbered for edit in site.edits),
                   key=lambda it: -it[0].start)
    before = len(source)
    for edit, number in edits:
        if edit.end > before:
            raise ValueError(f"sites overlap: {source[edit.start:before]}")
        before = edit.start
        source = source[:edit.start] + edit.switch.replace("@", str(number)) + source[edit.end:]
    return source


def without_comments(text):
    """The same length, comments and strings blank."""
    return re.sub(r'//[^\n]*|"(?:[^"\\\n]|\\.)*"', lambda found: " " * len(found[0]), text)


def close_of(text, start):
    """The end of what the parenthesis at `start` opens."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] == "(") - (text[at] == ")")
        if depth == 0:
            return at + 1
    return len(text)


def receiver_of(text, end):
    """Where the expression that ends at `end` with `.` or `->` begins."""
    at = end
    while at > 0:
        if text[at - 1] == ")":
            depth = 0
            while at > 0:
                at -= 1
                depth += (text[at] == ")") - (text[at] == "(")
                if depth == 0:
                    break
        elif re.match(r"[\w.:]", text[at - 1]):
            at -= 1
        elif text[at - 2:at] == "->":
            at -= 2
        elif text[at - 1] == "]":
            at = text.rfind("[", 0, at)
        else:
            break
    return at


def begins_statement(text, start):
    """Whether a statement may begin at `start`: after another, or after a condition."""
    head = text[:start].rstrip()
    if head.endswith("(void)"):
        return True
    if head.endswith(")"):
        depth = 0
        for at in range(len(head) - 1, -1, -1):
            depth += (head[at] == ")") - (head[at] == "(")
            if depth == 0:
                return re.search(r"\b(if|while|constexpr)\s*$", head[:at]) is not None
    return head.endswith((";", "{", "}")) or \
        re.search(r"\belse$|\b(case [\w:]+|default)\s*:$", head) is not None


def calls(text, names):
    """Start of the receiver, start of the name, end of the arguments of each call."""
    for found in re.finditer(rf"\b({names})(<[\w:]+>)?\(", text):
        start = receiver_of(text, found.start())
        yield start, found.start(), close_of(text, found.end() - 1), found[1]


def statements_of(text, source):
    for kind, names in STATEMENTS.items():
        for start, name_at, end, name in calls(text, names):
            chain = re.match(r"(?:\.expect\([^;]*\))?;", text[end:])
            if not chain or not begins_statement(text, start):
                continue
            end += len(chain[0]) - 1
            edits = [statement(source, start, end)]
            receiver = text[start:name_at]
            if name == "acquire":  # with the releases that belong to it
                stop = text.find(f"{receiver}acquire", end)
                for found in re.finditer(re.escape(receiver) + r"release\(\)(?=;)",
                                         text[end:stop if stop > 0 else len(text)]):
                    edits.append(statement(source, end + found.start(), end + found.end()))
            if name == "release" and f"{receiver}acquire(" in text:
                continue  # of a lock
            yield kind, edits


def expressions_of(text):
    for name, instead in EXPRESSIONS.items():
        for start, name_at, end, _ in calls(text, name):
            if start != name_at and not begins_statement(text, start):
                off = instead.replace("X.", text[start:name_at])
                yield "reference", [Edit(start, end, off,
                                         f"(mutant::is(@) ? {off} : {text[start:end]})")]


def guards_of(text):
    for found in GUARD.finditer(text):
        start = found.start() + len(found[0]) - len(found[0].lstrip())
        made = f"{found['type']}({found['arguments']})"
        yield "lock", [Edit(start, found.end(), "(void)0;",
                            f"using Guarded@ = decltype({made}); mutant::Maybe<Guarded@> "
                            f"{found['name']}(!mutant::is(@), [&]() -> Guarded@ {{ return {made}; }});")]


def sites_of(path, source):
    text = without_comments(source)
    found = [*statements_of(text, source), *expressions_of(text), *guards_of(text)]
    for before, off, switch, kind in SPECIAL:
        start = text.find(before)
        if start >= 0:
            found.append((kind, [Edit(start, start + len(before), off, switch.format("@"))]))
    sites = [Site(path, kind, edits, source)
             for kind, edits in sorted(found, key=lambda it: it[1][0].start)]
    for guard in GUARD.finditer(text):
        for site in sites:
            if site.edits[0].end == guard.end() and "Section" not in guard["type"]:
                site.guarded = Guarded(text, guard.end(), guard["arguments"])
    return sites


def all_sites(root: Path):
    found = []
    paths = [root / name for name in FILES]
    for folder in FOLDERS:
        paths += sorted((root / folder).glob("*.h")) + sorted((root / folder).glob("*.cpp"))
    for path in paths:
        found += sites_of(str(path.relative_to(root)), path.read_text())
    return found
