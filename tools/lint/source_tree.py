# What the checks share: finding files, blanking comments and strings of C, reporting.
import os
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files(*folders, ends=(".c", ".h")):
    """Paths relative to the root, sorted, of the files below `folders` with these endings."""
    found = []
    for folder in folders:
        for path, names, leaves in os.walk(os.path.join(ROOT, folder)):
            names[:] = [n for n in names if n not in ("__pycache__", "corpus")]
            found += [os.path.relpath(os.path.join(path, leaf), ROOT) for leaf in leaves if leaf.endswith(tuple(ends))]
    return sorted(found)


def text(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace", newline="") as file:
        return file.read()


def bare(source):
    """The C source with comments, strings and characters blanked, line breaks kept."""
    out = []
    i, n = 0, len(source)
    while i < n:
        two = source[i:i + 2]
        if two == "//":
            end = source.find("\n", i)
            end = n if end < 0 else end
        elif two == "/*":
            end = source.find("*/", i + 2)
            end = n if end < 0 else end + 2
        elif source[i] in "\"'":
            end = i + 1
            while end < n and source[end] != source[i] and source[end] != "\n":
                end += 2 if source[end] == "\\" else 1
            end = min(end + 1, n)
        else:
            out.append(source[i])
            i += 1
            continue
        out.append("".join(c if c == "\n" else " " for c in source[i:end]))
        i = end
    return "".join(out)


def generated(path):
    return "/gen/" in path


def finish(problems):
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
