#!/usr/bin/env python3
"""Names the import circles between the modules of each crate, and fails if there is one.

    tools/circles.py          `tools/circles.py DIR` looks at another checkout

A module may use what its ancestors define: that is how a folder shares its types. A name that a module re-exports counts as
used where it is defined. Tests count as nothing.
"""

import re
import sys
from pathlib import Path

from lines import without_comments, without_inline_tests

USE = re.compile(r"^\s*(?P<public>pub(?:\([^)]*\))? )?use (?P<tree>[^;]+);", re.M)
STRING = re.compile(r'"(?:\\.|[^"\\])*"')


def modules(src):
    """The code of each module, by its path below the crate."""
    found = {}
    for file in src.rglob("*.rs"):
        parts = list(file.relative_to(src).with_suffix("").parts)
        if parts[0] in ("bin", "main") or "tests" in parts:
            continue
        if parts[-1] in ("mod", "lib"):
            parts.pop()
        found[tuple(parts)] = STRING.sub('""', without_inline_tests(without_comments(file.read_text())))
    return found


def leaves(tree, before=()):
    """The paths of a tree of `use`, and what each is called then."""
    depth, entries = 0, [""]
    for character in tree:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and depth == 0:
            entries.append("")
        else:
            entries[-1] += character
    for entry in filter(None, map(str.strip, entries)):
        prefix, brace, rest = entry.partition("{")
        if brace:
            names = tuple(name for name in prefix.split("::") if name)
            yield from leaves(rest[:-1], before + names)
        else:
            name, _, alias = entry.partition(" as ")
            path = before + tuple(name.strip().split("::"))
            yield path[:-1] if path[-1] == "self" else path, alias.strip() or path[-1]


class Crate:
    def __init__(self, src):
        self.modules = modules(src)
        self.moved = {}
        for module, code in self.modules.items():
            for use in USE.finditer(code):
                for path, name in leaves(use["tree"]) if use["public"] else ():
                    if target := self.absolute(path, module):
                        self.moved[module + (name,)] = target

    def absolute(self, path, module):
        """The path from the crate's root; nothing if it leads out of the crate."""
        if path[0] == "crate":
            return path[1:]
        if path[0] in ("self", "super"):
            while path and path[0] in ("self", "super"):
                module, path = module[: -1 if path[0] == "super" else None], path[1:]
            return module + path
        return module + path if module + path[:1] in self.modules else None

    def owner(self, path):
        """The module that defines what a path names."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.modules:
                moved = self.moved.get(path[: length + 1])
                return self.owner(moved + path[length + 1 :]) if moved and moved != path else path[:length]
        return ()

    def used(self, module):
        """The modules that a module uses, but for its ancestors."""
        code = self.modules[module]
        paths = [path for use in USE.finditer(code) if not use["public"] for path, _ in leaves(use["tree"])]
        inline = re.findall(r"\b(?:crate|self|super)(?:::\w+)+", USE.sub("", code))
        paths += [tuple(path.split("::")) for path in inline]
        owners = {self.owner(path) for path in (self.absolute(path, module) for path in paths) if path is not None}
        return {owner for owner in owners if module[: len(owner)] != owner}

    def circles(self):
        """Groups of modules of which each uses, by way of the others, all of them."""
        uses = {module: self.used(module) for module in self.modules}
        reached = {}
        for module in uses:
            seen, ahead = set(), [module]
            while ahead:
                for one in uses[ahead.pop()] - seen:
                    seen.add(one)
                    ahead.append(one)
            reached[module] = seen
        return {
            tuple(sorted(one for one in seen if module in reached[one]))
            for module, seen in reached.items()
            if module in seen
        }


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    found = [
        f"{src.parent.name}: " + ", ".join("::".join(module) for module in circle)
        for src in sorted(root.glob("*/src"))
        for circle in sorted(Crate(src).circles())
    ]
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
