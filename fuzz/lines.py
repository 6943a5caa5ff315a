"""Of what several programs have reached of the sources, all together: how much of each file, and
which lines are missing. For `fuzz/run coverage`.

    lines.py SOURCES LCOV…
"""

import sys
from collections import defaultdict
from pathlib import Path

sources = Path(sys.argv[1]).resolve()
runs: dict[Path, dict[int, int]] = defaultdict(lambda: defaultdict(int))
for path in sys.argv[2:]:
    for line in Path(path).read_text().splitlines():
        kind, _, value = line.partition(":")
        if kind == "SF":
            source = Path(value)
        elif kind == "DA":
            number, count = value.split(",")[:2]
            runs[source][int(number)] += int(count)

missing = []
total = reached = 0
for source, counts in sorted(runs.items()):
    text = source.read_text().splitlines()
    name = source.relative_to(sources)
    # Tests stand at the end of a file, and reach themselves.
    tests = text.index("#[cfg(test)]") if "#[cfg(test)]" in text else len(text)
    lines = [number for number in counts if number <= tests]
    left = [number for number in lines if counts[number] == 0]
    missing += [f"{name}:{number}: {text[number - 1].strip()}" for number in sorted(left)]
    total += len(lines)
    reached += len(lines) - len(left)
    print(f"{name!s:28} {len(lines) - len(left):5} of {len(lines):5} lines")
print(f"{'all':28} {reached:5} of {total:5} lines, {100 * reached / total:.1f} %")
print("== missing", *missing, sep="\n")
