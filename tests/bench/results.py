"""The tables, notes and verdicts of one benchmark: printed as they come, and kept for JSON and Markdown."""

from dataclasses import dataclass, field

import samples

MIB = 1 << 20


@dataclass
class Result:
    """What the runs of one case took."""

    seconds: list
    cpu_seconds: list
    peak_kib: int  # the least peak that was seen: what it needs
    instructions: int = 0
    libraries: int = 0
    bytes_in: int = 0  # what one run reads, for the throughput
    bytes_out: int = 0

    @property
    def milliseconds(self):
        return 1000 * samples.spread(self.seconds).median

    def ratio(self, other):
        """Of the time to the other's."""
        return samples.ratio(self.seconds, other.seconds)

    def cpu_ratio(self, other):
        return samples.ratio(self.cpu_seconds, other.cpu_seconds)


@dataclass
class Column:
    heading: str
    text: object  # of a result and the base's result
    is_needed: object = lambda result: True


def time_columns(is_long):
    factor, unit, digits = (1, "s", 3) if is_long else (1000, "ms", 2)

    def of(part):
        return lambda r, _: f"{factor * getattr(samples.spread(r.seconds), part):.{digits}f}"

    return [Column(f"min {unit}", of("minimum")), Column(f"median {unit}", of("median")),
            Column(f"max {unit}", of("maximum")),
            Column("spread", lambda r, _: f"{samples.spread(r.seconds).percent:.0f} %")]


def shown_ratio(result, base):
    if result is base:
        return "1"
    found = result.ratio(base)
    return f"{found.value:.3f} ({found.low:.3f}-{found.high:.3f})"


COUNTS = [
    Column("CPU s", lambda r, _: f"{samples.spread(r.cpu_seconds).median:.3f}",
           lambda r: max(r.cpu_seconds, default=0) >= 0.1),
    Column("MiB/s", lambda r, _: f"{r.bytes_in / MIB / samples.spread(r.seconds).median:.0f}",
           lambda r: r.bytes_in > 0),
    Column("out MiB", lambda r, _: f"{r.bytes_out / MIB:.2f}", lambda r: r.bytes_out > 0),
    Column("out / base", lambda r, base: f"{r.bytes_out / base.bytes_out:.3f}", lambda r: r.bytes_out > 0),
    Column("M instr.", lambda r, _: f"{r.instructions / 1e6:.3f}", lambda r: r.instructions > 0),
    Column("peak MB", lambda r, _: f"{r.peak_kib / 1024:.1f}", lambda r: r.peak_kib > 0),
    Column("libraries", lambda r, _: f"{r.libraries}", lambda r: r.libraries > 0),
]


def aligned(rows):
    """The first row has the headings; numbers are between the first and the last column."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:-1], widths[1:-1]), row[-1]]).rstrip()
        for row in rows)


def markdown_table(rows):
    lines = [rows[0], ["---", *["--:"] * (len(rows[0]) - 2), "---"], *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


@dataclass
class Grid:
    """What was measured, once more and shorter: rows of text, the first with the headings."""

    rows: list

    def text(self):
        return aligned(self.rows)

    def markdown(self):
        return markdown_table(self.rows)


@dataclass
class Table:
    """One line for each case; ratios are those of the medians to the case `base`."""

    title: str
    base: str
    results: dict

    def cells(self):
        """[[heading, ...], [cell, ...], ...]; the first column has the names, the last the doubts."""
        base = self.results[self.base]
        columns = time_columns(base.milliseconds >= 1000)
        columns.append(Column(f"ratio to {self.base} (95 %)", shown_ratio))
        columns += [column for column in COUNTS if any(map(column.is_needed, self.results.values()))]
        rows = [[self.title, *(column.heading for column in columns), ""]]
        for name, result in self.results.items():
            shown = [column.text(result, base) if column.is_needed(result) else "" for column in columns]
            rows.append([name, *shown, "" if result is base else result.ratio(base).doubt])
        return rows

    def text(self):
        return aligned(self.cells())

    def markdown(self):
        return markdown_table(self.cells())

    def as_dict(self):
        rows = []
        for name, result in self.results.items():
            time = samples.spread(result.seconds)
            row = {"name": name, "minimum": time.minimum, "median": time.median, "maximum": time.maximum,
                   "seconds": result.seconds, "cpu_seconds": result.cpu_seconds, "peak_kib": result.peak_kib}
            row |= {key: getattr(result, key) for key in ("instructions", "libraries", "bytes_in", "bytes_out")
                    if getattr(result, key)}
            if name != self.base:
                found = result.ratio(self.results[self.base])
                row["ratio"] = {"value": found.value, "low": found.low, "high": found.high, "doubt": found.doubt}
            rows.append(row)
        return {"title": self.title, "base": self.base, "rows": rows}


@dataclass
class Verdict:
    what: str
    value: float
    limit: float
    unit: str
    low: float
    high: float

    @property
    def holds(self):
        return self.value <= self.limit

    @property
    def is_unsure(self):
        return samples.Ratio(self.value, self.low, self.high).is_unsure_of(self.limit)

    def text(self):
        unsure = f"; unclear: {self.low:.3g} to {self.high:.3g} is possible" if self.is_unsure else ""
        word = "ok  " if self.holds else "OVER"
        return f"{word}  {self.what}: {self.value:.3g}{self.unit}, budget {self.limit:g}{self.unit}{unsure}"

    def as_dict(self):
        return {"what": self.what, "value": self.value, "limit": self.limit, "unit": self.unit.strip(),
                "low": self.low, "high": self.high, "holds": self.holds, "unsure": self.is_unsure}


@dataclass
class Record:
    """Of one benchmark, in the order of printing."""

    name: str
    about: str
    parts: list = field(default_factory=list)  # Table, Grid, Verdict or str

    def markdown(self):
        lines = [f"## {self.name}", "", self.about, ""]
        for part in self.parts:
            if isinstance(part, (Table, Grid)):
                lines += ["", part.markdown(), ""]
            else:
                lines.append("- " + (part if isinstance(part, str) else part.text().replace("ok  ", "ok:", 1)
                                     .replace("OVER", "**over**:", 1).replace(":  ", ": ")))
        return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"

    def as_dict(self):
        return {"name": self.name, "about": self.about,
                "tables": [part.as_dict() for part in self.parts if isinstance(part, Table)],
                "notes": [part for part in self.parts if isinstance(part, str)],
                "budgets": [part.as_dict() for part in self.parts if isinstance(part, Verdict)]}
