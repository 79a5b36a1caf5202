"""KGCN's files (also RippleNet's, MKR's, KGNN-LS's, ...) as the raw tables of a dataset.

A line of `ratings_final.txt` is a user, an item and a label, 1 or 0; a line of `kg_final.txt` is a head, a relation and
a tail; all are whole numbers.

Source: Wang et al. 2019 (KGCN), its data folder. Entities whose number is below that of the items are the items.
"""

from __future__ import annotations

from pathlib import Path

from kgrec.data import columns as c
from kgrec.data.kgat import GRAPH, item_table, read_graph, triple_table
from kgrec.data.lines import read_numbers
from kgrec.data.report import Findings
from kgrec.data.sources import Source, Sources

RATINGS = "ratings_final.txt"


def from_kgcn(folder: Path, findings: Findings) -> Sources:
    """Read the files of a KGCN folder.

    The ids are the numbers of the files. The items are all that the ratings or the graph name: the graph's are the
    numbers up to the largest item. A line with label 0 is a negative, no event. There is no time and no split:
    KGCN's own is `dataset.split("random", (0.6, 0.2, 0.2))`.
    """
    columns = (c.USER_ID, c.ITEM_ID, c.LABEL)
    rated = read_numbers(folder / RATINGS, columns, "three whole numbers: user, item, label", findings)
    facts = read_graph(folder / GRAPH, findings) if (folder / GRAPH).is_file() else None
    sources: dict[str, Source | None] = {c.ITEMS: item_table([rated], None, facts)}
    sources[c.EVENTS] = None if rated is None else Source(rated, RATINGS)
    if facts is not None:
        sources[c.TRIPLES] = triple_table(facts, None)
    return sources
