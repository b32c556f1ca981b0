#!/usr/bin/env python3
"""Writes a header with its comments as Doxygen reads them, so that the header itself reads like any
other source. `// text` before a declaration becomes `/// text`, one behind a member `///< text`; in C
likewise with /** and /**<. Comments in the bodies of functions are left out."""

import re
import sys

SCOPE = re.compile(r'^\s*(typedef |inline |constexpr )*(class|struct|enum|union|namespace|extern "C")\b')
STRINGS = re.compile(r'"(\\.|[^"\\])*"|\'(\\.|[^\'\\])+\'')
TEMPLATE = re.compile(r"^\s*template <.*?> ")
# What a comment behind it belongs to: a member, or a constant of an enumeration.
MEMBER = re.compile(r"[;,]\s*$|^\s+\w+( = [^;{}]+)?\s*$")
SPECIAL = re.compile(r'([\\@<>#%$"&|])')


def escaped(text):
    text = SPECIAL.sub(r"\\\1", text)
    # In an example, set off by blanks, nothing is a link.
    return text.replace("::", "\\::") if text.startswith("   ") else text


class Filter:
    def __init__(self):
        self.scopes = []  # True: declarations, False: a body
        self.in_block = False
        self.block_counts = True

    def in_declarations(self):
        return all(self.scopes)

    def follow(self, code):
        """Follows the braces of a line without comments."""
        plain = STRINGS.sub("0", code)
        is_scope = bool(SCOPE.match(TEMPLATE.sub("", plain)))
        for c in plain:
            if c == "{":
                self.scopes.append(is_scope)
            elif c == "}" and self.scopes:
                self.scopes.pop()

    def block(self, line):
        """A line that begins in a C comment."""
        end = line.find("*/")
        text, rest = (line, "") if end < 0 else (line[:end], line[end + 2:])
        self.in_block = end < 0
        if not self.block_counts:
            return ""
        return escaped(text) + ("" if end < 0 else "*/") + rest

    def line(self, line, number):
        if self.in_block:
            return self.block(line)
        stripped = STRINGS.sub(lambda m: "0" * len(m[0]), line)
        at = min((i for i in (stripped.find("//"), stripped.find("/*")) if i >= 0), default=-1)
        if at < 0:
            self.follow(line)
            return line
        code, mark, text = line[:at], line[at:at + 2], line[at + 2:]
        is_trailing = bool(code.strip())
        counts = self.in_declarations() and not text.strip().startswith("NOLINT")
        if is_trailing:
            counts = counts and bool(MEMBER.search(code))
            self.follow(code)
        if mark == "/*":
            end = text.find("*/")
            self.in_block = end < 0
            self.block_counts = counts
            if not counts:
                return code.rstrip()
            start = "/**< " if is_trailing else "/** " + ("\\file\n * " if number == 0 else "")
            if end < 0:
                return code + start + escaped(text)
            return code + start + escaped(text[:end]) + "*/" + text[end + 2:]
        if not counts:
            return code.rstrip()
        start = "///<" if is_trailing else "///"
        file = f"{start} \\file\n" if number == 0 else ""
        return code + file + start + escaped(text)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = file.read().split("\n")
    scan = Filter()
    print("\n".join(scan.line(line, number) for number, line in enumerate(lines)))


if __name__ == "__main__":
    main()
