"""What a social graph is worth: shoppers without a history, and friendships foretold, on Yelp's users.

    python benchmarks/social.py --data DATA [--limit N]

Newcomers: all events of a tenth of the users who have friends are hidden before anything is trained; they are then
asked for ten businesses each. Relevant is all that they rated. Beside what answers with `[newcomers]` (their friends'
past, believed as far as validation said: on other hidden users, within the training part) stand the answer of the
same space without it (its popular items), and the plain count of what friends took.

Friends: a tenth of the friendships is hidden, the weights are chosen on friendships hidden among the others, and
`people(kind="friends")` is asked for ten. recall@10 is the mean over users of the share of their hidden friends;
beside it stand the number of friends in common, Adamic and Adar's sum and resource allocation, whose ties count as
expected.

All users of the files are in; of those with hidden friendships a sample of 3,000 is asked. Differences have paired
bootstrap intervals over users. With --limit only the first N users are looked at, to try the script, and nothing is
written.
"""

import argparse
import json
import platform
import tempfile
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy import sparse

import shelfspace as ss
from shelfspace.evaluation.intervals import interval, paired_difference
from shelfspace.evaluation.metrics import evaluate
from shelfspace.people.graph import SocialGraph
from shelfspace.shop.ids import Ids

K = 10
ASKED = 3000
LINEAR = {"content": False, "vectors": {"embedding_dim": 64}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tables = read(options.data / "yelp-social", options.limit)
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        figures = {
            "users": pc.count_distinct(tables["events"]["user_id"]).as_py(),
            "newcomers": newcomers(tables, Path(folder) / "newcomers", options.seed),
            "friends": friends(tables, Path(folder) / "newcomers", options.seed),
        }
    result = {
        "command": "python benchmarks/social.py --data DATA",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "scikit-learn")},
        "seconds of one core": round(time.process_time() - begun),
        "figures": figures,
    }
    text = json.dumps(result, indent=1)
    if options.limit is None:
        (Path(__file__).parent / "results" / "social.json").write_text(text + "\n")
    print(text)


def read(folder: Path, limit: int | None) -> dict[str, pa.Table]:
    """Return events and relations, ids marked by what they are."""
    rated, known = (pq.read_table(folder / f"{name}.parquet") for name in ("user_business", "user_user"))
    if limit is not None:
        rated = rated.filter(pc.less(rated["user"], limit))
        known = known.filter(pc.and_(pc.less(known["user"], limit), pc.less(known["friend"], limit)))

    def named(column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
        return pc.binary_join_element_wise(kind, column.cast(pa.string()), "-")

    return {
        "events": pa.table({"user_id": named(rated["user"], "u"), "item_id": named(rated["business"], "b")}),
        "relations": pa.table(
            {
                "head": named(known["user"], "u"),
                "tail": named(known["friend"], "u"),
                "head_type": ["user"] * len(known),
                "tail_type": ["user"] * len(known),
            }
        ),
    }


def newcomers(tables: dict[str, pa.Table], run: Path, seed: int) -> dict[str, Any]:
    events, relations = tables["events"], tables["relations"]
    befriended = pa.concat_arrays([relations[end].combine_chunks() for end in ("head", "tail")]).unique()
    users = events["user_id"].unique()
    able = users.filter(pc.is_in(users, value_set=befriended))
    hidden = able.take(pa.array(np.random.default_rng(seed).permutation(len(able))[: len(able) // 10]))
    gone = pc.is_in(events["user_id"], value_set=hidden)
    settings = {"recipe": {"use": "quick"}, "linear": LINEAR, "newcomers": {}}
    space = ss.train(settings, out=run, events=events.filter(pc.invert(gone)), relations=relations)
    tables["events"] = events.filter(pc.invert(gone))  # what the other part is fitted beside
    relevant: dict[str, set[str]] = {}
    for user, item in zip(*(events.filter(gone)[n].to_pylist() for n in ("user_id", "item_id")), strict=True):
        relevant.setdefault(user, set()).add(item)
    asked = sorted(relevant)
    answers = {
        "friends": listed(space.recommend(asked, k=K)),
        "popular": listed(replace(space, tasks={}).recommend(asked, k=K)),
        "plain count of friends": plain(tables["events"], relations, asked),
    }
    values = {name: scored(answer, relevant, asked) for name, answer in answers.items()}
    fitted: Any = space.tasks["newcomers"]
    return {
        "hidden users": len(asked),
        "strengths chosen on validation": {name: vars(one) for name, one in fitted.strengths.items()},
        "on hidden users within training": fitted.measured,
        **compared(values, "friends"),
    }


def plain(events: pa.Table, relations: pa.Table, asked: list[str]) -> dict[str, list[str]]:
    """Return what most friends took, ties by how many took it at all."""
    users, items = (Ids(events[name].unique(), name) for name in ("user_id", "item_id"))
    graph = SocialGraph.of(relations, users, items)
    place = (graph.people.rows(events["user_id"]), items.rows(events["item_id"]))
    taken = sparse.csr_array((np.ones(len(events)), place), shape=(len(graph.people), len(items)))
    taken.data[:] = 1.0
    rows = graph.people.rows(asked)
    count = (graph.edges[rows] @ taken).toarray() + 1e-6 * np.asarray(taken.sum(axis=0))[None, :]
    best = np.argsort(-count, axis=1, kind="stable")[:, :K]
    return {user: items.texts(row) for user, row in zip(asked, best, strict=True)}


def friends(tables: dict[str, pa.Table], run: Path, seed: int) -> dict[str, Any]:
    events, relations = tables["events"], tables["relations"]
    users, items = (Ids(events[name].unique(), name) for name in ("user_id", "item_id"))
    graph = SocialGraph.of(relations, users, items)
    low, high = graph.pairs()
    gone = np.random.default_rng(seed + 1).random(len(low)) < 0.1
    texts = [pa.array(graph.people.texts(end[~gone])) for end in (low, high)]
    kinds = ["user"] * int((~gone).sum())
    kept = pa.table({"head": texts[0], "tail": texts[1], "head_type": kinds, "tail_type": kinds})
    known = SocialGraph.between(graph.people, low[~gone], high[~gone]).edges
    hidden = SocialGraph.between(graph.people, low[gone], high[gone]).edges
    rows = np.flatnonzero((np.diff(hidden.indptr) > 0) & (np.diff(known.indptr) > 0))
    rows = np.sort(np.random.default_rng(seed).permutation(rows)[:ASKED])
    asked = graph.people.texts(rows)
    space = ss.fit(run, "people", events=events, relations=kept)
    relevant = {
        user: set(graph.people.texts(hidden[[row]].indices))
        for user, row in zip(asked, rows.tolist(), strict=True)
    }
    values = {"people": scored(listed(space.people(asked, kind="friends", k=K)), relevant, asked)}
    degree = np.maximum(np.diff(known.indptr), 2)
    for name, counts in {
        "common neighbours": np.ones(len(degree)),
        "Adamic-Adar": 1 / np.log(degree),
        "resource allocation": 1 / degree,
    }.items():
        scores = (known[rows] @ sparse.diags_array(counts) @ known).toarray()
        scores[known[rows].toarray() > 0] = -np.inf
        scores[np.arange(len(rows)), rows] = -np.inf
        every = evaluate(scores.astype(np.float32), sparse.csr_array(hidden[rows].astype(bool)), ks=(K,))
        values[name] = {metric: every[metric] for metric in (f"ndcg@{K}", f"recall@{K}")}
    fitted: Any = space.tasks["people"]
    return {
        "friendships": len(low),
        "hidden": int(gone.sum()),
        "users asked": len(asked),
        "weights chosen on validation": dict(fitted.weights),
        **compared(values, "people"),
    }


def listed(hits: ss.Hits) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for subject, one in zip(*(hits.table[n].to_pylist() for n in ("subject", hits.named)), strict=True):
        found.setdefault(subject, []).append(one)
    return found


def scored(
    answers: dict[str, list[str]], relevant: dict[str, set[str]], asked: list[str]
) -> dict[str, np.ndarray]:
    """Return NDCG@10 and recall@10 of each who was asked."""
    gain = 1 / np.log2(np.arange(2, K + 2))
    ndcg, recall = [], []
    for user in asked:
        hit = np.array([one in relevant[user] for one in answers.get(user, [])], bool)
        ndcg.append(gain[: len(hit)][hit].sum() / gain[: min(K, len(relevant[user]))].sum())
        recall.append(hit.sum() / len(relevant[user]))
    return {f"ndcg@{K}": np.array(ndcg), f"recall@{K}": np.array(recall)}


def compared(values: dict[str, dict[str, np.ndarray]], ours: str) -> dict[str, Any]:
    """Return each metric of each model, and the difference of ours to every other."""
    found: dict[str, Any] = {}
    for metric in values[ours]:
        found[metric] = {name: interval(each[metric]).to_json() for name, each in values.items()}
        found[f"{metric}, differences"] = {
            f"{ours} - {name}": paired_difference(values[ours][metric], each[metric]).to_json()
            for name, each in values.items()
            if name != ours
        }
    return found


if __name__ == "__main__":
    main()
