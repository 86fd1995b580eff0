"""Search, judged by people: the Icecat products and the judgments of o19s/chorus.

    python benchmarks/search.py --data DATA [--limit N]

19,406 products: title, description, brand, price, and the values of their text attributes. The 99 queries count whose
judged products differ in rating; gain 2^rating - 1, ties in the order of the ids. `judged` is NDCG@10 over the products
that were judged for a query; `whole` is NDCG@10 over the whole catalogue, where what nobody judged has gain 0 (the pool
came from keyword engines, which that measure therefore favours); `judged@10` is the share of the ten first that was
judged. Differences are paired by query, with intervals of 95 of 100 bootstrap resamples.

`fused` learns nothing from the judgments: the constants of BM25 are the usual ones, words and meaning count alike, what
is like the first ten answers counts half; the fields double from one to the next more telling one. These constants
were not chosen blindly: while search was made some sixty settings of fields, words and fusion were looked at on these
queries. So `sensitivity` shows what others give, and `fused, constants chosen on other queries` is the same sum whose
weights are those of 24 that are best (judged + whole) on four folds of queries, measured on the fifth.
`learnt` uses the judgments: 5 folds by query, each answered by what the other four teach.

Latency is that of the whole `space.search`, one phrase at a time, k = 10, each query once after one round of warming,
on one thread; `where` and `facets` are asked for in the second row.
With --limit only so many products and no folds are looked at, to try the script, and nothing is written.
"""

import argparse
import csv
import json
import platform
import time
from collections import defaultdict
from dataclasses import replace
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from shelfspace.blend import Blend
from shelfspace.encoders.pretrained import Transformer
from shelfspace.evaluation.intervals import interval, paired_difference
from shelfspace.index import open_index
from shelfspace.linear.features import words_of
from shelfspace.linear.vectors import ItemVectors
from shelfspace.searching.fitted import FittedSearch, Search, fitted
from shelfspace.searching.learning import Material, by_pairs, by_trees
from shelfspace.searching.logged import Judged
from shelfspace.searching.searcher import (
    CANDIDATES,
    FIRST,
    MEANING,
    POPULARITY,
    WORDS,
    Ranking,
    best,
    scaled,
)
from shelfspace.shop.reading import read_shop
from shelfspace.space import Space

K = 10
FOLDS = 5
MEANINGS = (0.25, 0.5, 1.0, 1.5, 2.0, 4.0)
FEEDBACKS = (0.0, 0.25, 0.5, 1.0)
DISCOUNT = 1.0 / np.log2(np.arange(2, K + 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    space, judgments = shop_of(options.data / "icecat-search", options.limit)
    lab = Lab(space, judgments)
    figures: dict[str, Any] = {
        "products": len(space.catalogue),
        "queries": {"mixed ratings": len(lab.mixed), "all alike": len(lab.alike)},
        **lab.compared(options.seed, learn=options.limit is None),
        "sensitivity": lab.sensitivity(),
        "latency": latency(space, lab.mixed + lab.alike),
    }
    result = {
        "command": "python benchmarks/search.py --data DATA",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {
            name: version(name)
            for name in ("numpy", "scipy", "bm25s", "rapidfuzz", "onnxruntime", "lightgbm")
        },
        "figures": figures,
    }
    text = json.dumps(result, indent=1)
    if options.limit is None:
        (Path(__file__).parent / "results" / "search.json").write_text(text + "\n")
    print(text)


def shop_of(folder: Path, limit: int | None) -> tuple[Space, dict[str, dict[str, int]]]:
    """Return the space of the products, search fitted without judgments, and gains by query and product."""
    table = pq.read_table(folder / "products.parquet").slice(0, limit)
    attributes = [
        [str(value) for name, value in json.loads(text or "{}").items() if name.startswith("t_")]
        for text in table["attributes"].to_pylist()
    ]
    columns = {
        "item_id": table["id"],
        "title": table["title"],
        "description": table["short_description"],
        "brand": table["brand"],
    }
    items = pa.table(
        {name: column.cast(pa.string()) for name, column in columns.items()}
        | {
            "attributes": pa.array(attributes, pa.list_(pa.string())),
            "price": table["price_cents"].cast(pa.float64()),
        }
    )
    settings = {"items": {}, "clean": {"duplicate_listings": False}}
    shop = read_shop(settings, frames={"items": items})
    with (folder / "judgments.csv").open(encoding="utf-8") as file:
        judgments: dict[str, dict[str, int]] = defaultdict(dict)
        for row in csv.DictReader(file):
            if row["product_id"] in shop.catalogue.ids:
                judgments[row["query"]][row["product_id"]] = int(row["rating"])
    search = Search(encoder="minilm")
    reader = Transformer(columns=search.read, max_tokens=search.max_tokens).reader()
    made = ItemVectors(content_power=1.0).learn(shop.history, shop.catalogue)
    index = open_index("exact", made.vectors.shape[1])
    index.add(np.arange(len(made.vectors), dtype=np.int32), made.vectors)
    space = Space(
        catalogue=shop.catalogue,
        users=shop.users,
        history=shop.history,
        kinds={},
        vectors=made.vectors,
        blocks=made.blocks,
        index=index,
        listed=made.listed,
        blend=Blend({}, {}, {"new": {}, "any": {}}),
        tasks={"search": fitted(search, shop, reader, seed=0)},
    )
    return space, judgments


class Lab:
    """The scores of every product for every judged query."""

    def __init__(self, space: Space, judgments: dict[str, dict[str, int]]) -> None:
        search = space.tasks["search"]
        assert isinstance(search, FittedSearch)
        self.catalogue, self.searcher = space.catalogue, search.searcher
        ids = np.array(space.catalogue.ids.array.to_pylist())
        self.tie = np.argsort(np.argsort(ids))
        self.gain = {
            query: {space.catalogue.ids.row(item): rating for item, rating in rated.items()}
            for query, rated in judgments.items()
        }
        queries = sorted(self.gain)
        self.mixed = [q for q in queries if len(set(self.gain[q].values())) > 1]
        self.alike = [q for q in queries if len(set(self.gain[q].values())) == 1]
        said = {q: self.searcher.read(q) for q in queries}
        self.meant = dict(
            zip(queries, self.searcher.meaning.read([said[q].text for q in queries]), strict=True)
        )
        self.found = {q: self.searcher.found(said[q], self.meant[q]) for q in queries}

    def figures(self, scores: dict[str, np.ndarray], queries: list[str]) -> dict[str, np.ndarray]:
        """Return `judged`, `whole` and `judged@10` of each query."""
        rows = [
            (*self._one(scores[q], q, whole=False)[:1], *self._one(scores[q], q, whole=True)) for q in queries
        ]
        return dict(zip(("judged", "whole", "judged@10"), np.array(rows).T, strict=True))

    def _one(self, score: np.ndarray, query: str, *, whole: bool) -> tuple[float, float]:
        rated = self.gain[query]
        judged = np.array(list(rated))
        worth = np.zeros(len(score))
        worth[judged] = np.exp2(list(rated.values())) - 1
        among = np.flatnonzero(score >= np.partition(score, -K)[-K]) if whole else judged
        top = among[np.lexsort((self.tie[among], -score[among]))][:K]
        ideal = np.sort(worth[judged])[::-1][:K]
        value = (worth[top] @ DISCOUNT[: len(top)]) / max(ideal @ DISCOUNT[: len(ideal)], 1e-12)
        return float(value), float(np.isin(top, judged).mean())

    def compared(self, seed: int, *, learn: bool) -> dict[str, Any]:
        """Return every row, and the difference of ours from the best baseline in each measure."""
        plain = self.plain_bm25()
        ways = {
            "bm25, title and description": plain,
            "bm25, ours": {q: f.parts[WORDS] for q, f in self.found.items()},
            "minilm": {q: f.cosine for q, f in self.found.items()},
        }
        baselines = [
            "bm25, title and description",
            "minilm",
            "reciprocal rank fusion",
            "sum scaled by the maximum",
        ]
        ways["reciprocal rank fusion"] = {
            q: 1.0 / (60 + rank(plain[q])) + 1.0 / (60 + rank(f.cosine)) for q, f in self.found.items()
        }
        ways["sum scaled by the maximum"] = {
            q: plain[q] / max(plain[q].max(), 1e-9) + f.parts[MEANING] for q, f in self.found.items()
        }
        ways["sum scaled from the least to the most"] = {
            q: spread(plain[q]) + spread(f.cosine) for q, f in self.found.items()
        }
        baselines.append("sum scaled from the least to the most")
        ways["fused"] = {q: self.searcher.total(f) for q, f in self.found.items()}
        if learn:
            ways["fused, constants chosen on other queries"] = self.chosen(seed)
            ways |= {f"learnt, {name}": scores for name, scores in self.learnt(seed).items()}
        values = {name: self.figures(scores, self.mixed) for name, scores in ways.items()}
        differences = {}
        for name in [n for n in values if n.startswith(("fused", "learnt"))]:
            for measure in ("judged", "whole"):
                other = max(baselines, key=lambda base: values[base][measure].mean())
                gap = paired_difference(values[name][measure], values[other][measure])
                differences[f"{name}, {measure}, against {other}"] = rounded(gap.to_json())
        return {
            "rows": {
                name: {measure: rounded(interval(v).to_json()) for measure, v in found.items()}
                for name, found in values.items()
            },
            "differences": differences,
        }

    def plain_bm25(self) -> dict[str, np.ndarray]:
        """Return BM25 as it comes over words of title and description, in one text."""
        texts = [self.catalogue.table[name].to_pylist() for name in ("title", "description")]
        index = bm25s.BM25(k1=1.2, b=0.75, method="lucene")
        index.index(
            [words_of(f"{a or ''} {b or ''}") for a, b in zip(*texts, strict=True)], show_progress=False
        )
        found = {}
        for query in self.gain:
            terms = [t for t in words_of(query) if t in index.vocab_dict]
            found[query] = index.get_scores(terms) if terms else np.zeros(len(self.catalogue), np.float32)
        return found

    def learnt(self, seed: int) -> dict[str, dict[str, np.ndarray]]:
        """Return scores of each query under what the other folds teach; a query with equal ratings teaches nothing."""
        pairs = [(q, item, gain) for q in self.mixed for item, gain in self.gain[q].items()]
        query, item, gain = zip(*pairs, strict=True)
        judged = Judged(query, np.array(item, np.int32), np.array(gain, float), "judgments")
        material = Material.of(self.searcher, judged)
        assert material is not None
        names = list(dict.fromkeys(query))
        fold = np.random.default_rng(seed).permutation(len(names)) % FOLDS
        found: dict[str, dict[str, np.ndarray]] = {"weights": {}, "trees": {}}
        start = self.searcher.ranking
        for number in range(FOLDS):
            some = material.take(fold[material.query] != number)
            for name, ranking in (("weights", by_pairs(some, start)), ("trees", by_trees(some, start, seed))):
                for q in np.array(names, object)[fold == number]:
                    found[name][q] = self.ranked(q, ranking)
        return found

    def ranked(self, query: str, ranking: Ranking) -> np.ndarray:
        """Return the scores of all products: trees put the judged ones and the best of the sum in order."""
        searcher = replace(self.searcher, ranking=ranking)
        found = self.found[query]
        total = searcher.total(found).astype(np.float64)
        if not ranking.trees:
            return total
        some = best(searcher.total(found), CANDIDATES)
        judged = np.array(list(self.gain[query]))
        score = total - 1e3
        for rows in (judged, some):
            score[rows] = total[rows] + ranking.running.added(searcher.features(found, rows))
        return score

    def weighed(self, weights: tuple[float, float, float]) -> dict[str, np.ndarray]:
        """Return the scores of each query under other weights of words, meaning, and what is like the first answers."""
        words, meaning, feedback = weights
        start, vectors = self.searcher.ranking.weights, self.searcher.meaning.vectors
        found = {}
        for q in self.mixed:
            parts = self.found[q].parts
            total = words * parts[WORDS] + meaning * parts[MEANING] + start[POPULARITY] * parts[POPULARITY]
            first = vectors[best(total, FIRST)].mean(axis=0)
            found[q] = total + feedback * scaled(vectors @ first) if feedback else total
        return found

    def chosen(self, seed: int) -> dict[str, np.ndarray]:
        """Return the scores of each query under the weights that are best for the other folds."""
        grid = list(product((1.0,), MEANINGS, FEEDBACKS))
        values = []
        for weights in grid:
            found = self.figures(self.weighed(weights), self.mixed)
            values.append(found["judged"] + found["whole"])
        fold = np.random.default_rng(seed).permutation(len(self.mixed)) % FOLDS
        scores = {}
        for number in range(FOLDS):
            best_weights = grid[int(np.argmax(np.array(values)[:, fold != number].mean(axis=1)))]
            some = self.weighed(best_weights)
            scores |= {q: some[q] for q in np.array(self.mixed, object)[fold == number]}
        return scores

    def sensitivity(self) -> dict[str, Any]:
        """Return the measures under other weights."""
        tried = {}
        for weights in (
            (1, 0.5, 0.5),
            (1, 1, 0),
            (1, 1, 0.25),
            (1, 1, 0.5),
            (1, 1, 1),
            (1, 1.5, 0.5),
            (1, 2, 0.5),
            (1, 2, 0),
        ):
            name = "words {}, meaning {}, like the first {}".format(*weights)
            found = self.figures(self.weighed(weights), self.mixed)
            tried[name] = {measure: round(float(v.mean()), 4) for measure, v in found.items()}
        return tried


def latency(space: Space, queries: list[str]) -> dict[str, Any]:
    found = {}
    kinds = {"search": {}, "search with where and facets": {"where": "price<100000", "facets": "brand"}}
    for name, settings in kinds.items():
        for query in queries:
            space.search(query, **settings)
        seconds, busy = [], time.process_time()
        for query in queries:
            begun = time.perf_counter()
            space.search(query, **settings)
            seconds.append(time.perf_counter() - begun)
        busy = (time.process_time() - busy) / len(queries)
        p50, p99 = np.quantile(np.array(seconds) * 1e3, [0.5, 0.99])
        found[name] = {
            "p50 ms": round(float(p50), 2),
            "p99 ms": round(float(p99), 2),
            "mean cpu ms": round(1e3 * busy, 2),
        }
    meaning = space.tasks["search"].searcher.meaning
    begun = time.perf_counter()
    for query in queries:
        meaning.read([query])
    found["of it encoding, mean ms"] = round((time.perf_counter() - begun) / len(queries) * 1e3, 2)
    return found


def spread(score: np.ndarray) -> np.ndarray:
    return (score - score.min()) / max(float(score.max() - score.min()), 1e-9)


def rank(score: np.ndarray) -> np.ndarray:
    return np.argsort(np.argsort(-score, kind="stable"), kind="stable") + 1


def rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}


if __name__ == "__main__":
    main()
