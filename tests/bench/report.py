"""Rows of results as they come, in Markdown, and the means below them."""
import math
import statistics


def seconds(value):
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def number(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def geometric_mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


class Cell:
    """One machine's time for a workload, or why there is none."""

    def __init__(self, value=None, reason="", at_least=None, wrong=False):
        self.value, self.reason, self.at_least, self.wrong = value, reason, at_least, wrong

    def text(self):
        return seconds(self.value) if self.value is not None else self.reason


class Table:
    """The results of one class: a row for each workload. `per` says what the second column of each
    machine holds: the time relative to the native one, nanoseconds for each event, or (None) nothing."""

    def __init__(self, group, machines, per):
        self.group, self.machines, self.per = group, machines, per
        self.relative = {name: [] for name in machines}
        self.ratios = {name: [] for name in machines[1:]}
        self.partial = set()
        self.begun = False

    def begin(self):
        native = ["native s"] if self.per == "× native" else []
        heads = [self.group, *native, *[f"{name} {what}" for name in self.machines
                                        for what in ("s", self.per) if what],
                 *[f"{name} / {self.machines[0]}" for name in self.machines[1:]]]
        print("\n| " + " | ".join(heads) + " |")
        print("|---" + "|---:" * (len(heads) - 1) + "|", flush=True)
        self.begun = True

    def print(self, cells):
        if not self.begun:
            self.begin()
        print("| " + " | ".join(cells) + " |", flush=True)

    def relation(self, name, cell, base):
        """The second column: `base` is the native time, or the seconds of a nanosecond for each event."""
        if cell.value is None:
            if cell.at_least:
                self.partial.add(name)
            return f"> {number(cell.at_least / base)}" if cell.at_least and base else "-"
        if not base:
            return "-"
        self.relative[name].append(cell.value / base)
        return number(cell.value / base)

    def row(self, label, native, base, cells):
        """cells: machine name -> Cell."""
        first = cells[self.machines[0]]
        texts = [label] + ([native.text()] if self.per == "× native" else [])
        for name in self.machines:
            texts += [cells[name].text()] + ([self.relation(name, cells[name], base)] if self.per else [])
        for name in self.machines[1:]:
            texts.append(self.ratio(name, first, cells[name]))
        self.print(texts)

    def ratio(self, name, first, other):
        if first.value and other.value:
            self.ratios[name].append(other.value / first.value)
            return number(other.value / first.value)
        if first.at_least and other.value:
            return f"< {number(other.value / first.at_least)}"
        if first.value and other.at_least:
            return f"> {number(other.at_least / first.value)}"
        return "-"

    def means(self):
        """machine -> (mean of its second column, mean of its ratio to the first machine)."""
        return {name: tuple(geometric_mean(values) if values else None
                            for values in (self.relative[name], self.ratios.get(name, [])))
                for name in self.machines}

    def end(self):
        """The means, of the rows that have a figure; "≥" where rows over time are left out."""
        means = self.means()
        texts = ["geometric mean"] + ([""] if self.per == "× native" else [])
        for name in self.machines:
            mark = "≥ " if name in self.partial else ""
            texts += [""] + ([mark + number(means[name][0]) if means[name][0] else "-"] if self.per else [])
        texts += [number(means[name][1]) if means[name][1] else "-" for name in self.machines[1:]]
        self.print(texts)
