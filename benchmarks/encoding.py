"""How quickly texts and photos become vectors, and what 8-bit weights cost in quality.

    python benchmarks/encoding.py --data DATA [--titles 2048] [--photos 128] [--runs 3]

One thread. Titles of fashion products, each seen once: MiniLM by torch as transformers runs it, as an ONNX graph, and
with 8-bit weights, in the same batches of like lengths; `hashed` reads words and sums their vectors, by torch. Photos:
EfficientNet-Lite0 by torch and as an ONNX graph, from squares that are decoded before the clock starts. Ways take
turns; a figure is the median over the runs. Quality, 8-bit beside 32-bit: NDCG@10 (gain 2^r - 1) of Icecat's judged
products by title and description for the queries whose ratings differ, and how often a name at Abt finds its match
among the names at Buy. Everything goes to benchmarks/results/encoding.json.
"""

import argparse
import csv
import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import transformers

from shelfspace.encoders.fields import Hashed
from shelfspace.encoders.freezing import freeze_photo, freeze_text
from shelfspace.encoders.loading import text_folder
from shelfspace.evaluation.intervals import paired_difference
from shelfspace.inputs.fields import Bag, Records
from shelfspace.photos.decoding import decoded
from shelfspace.pretrained.bundle import Bundle
from shelfspace.pretrained.running import PhotoEncoder, TextEncoder

Ways = dict[str, Callable[[], Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--titles", type=int, default=2048)
    parser.add_argument("--photos", type=int, default=128)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    one_thread()
    folder = options.data / "fashion-products"
    names = dict.fromkeys(pq.read_table(folder / "items.parquet")["productDisplayName"].to_pylist())
    titles = [name for name in names if name][: options.titles]
    photos = sorted((folder / "images").glob("*.jpg"))[: options.photos]
    full, small = freeze_text("minilm", int8=False), freeze_text("minilm", int8=True)
    found = {
        "titles a second": rates(text_ways(titles, full, small), len(titles), options.runs),
        "photos a second": rates(photo_ways(photos), len(photos), options.runs),
        "bytes": {"32-bit": len(full.graph), "8-bit": len(small.graph)},
        "quality": {
            "Icecat, NDCG@10 of judged products": compared(icecat, options.data, full, small),
            "Abt to Buy, recall@1": compared(abt_buy, options.data, full, small),
        },
    }
    result = {
        "command": "python benchmarks/encoding.py --data DATA",
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores, one thread",
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("onnxruntime", "torch", "transformers")},
        "figures": found,
    }
    path = Path(__file__).parent / "results" / "encoding.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def one_thread() -> None:
    """Have every session run on one thread, as torch does here."""
    make = onnxruntime.InferenceSession

    def session(graph: bytes, options: Any, **more: Any) -> Any:
        options.intra_op_num_threads = 1
        return make(graph, options, **more)

    onnxruntime.InferenceSession = session


def rates(ways: Ways, number: int, runs: int) -> dict[str, float]:
    """Return how many a second each way encodes, the median over runs that take turns."""
    for way in ways.values():
        way()  # caches and allocators warm up
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            begun = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - begun)
    return {name: round(number / statistics.median(of), 1) for name, of in seconds.items()}


def text_ways(titles: Sequence[str], full: Bundle, small: Bundle) -> Ways:
    tokenizer = transformers.AutoTokenizer.from_pretrained(text_folder("minilm"))
    network = transformers.AutoModel.from_pretrained(text_folder("minilm")).eval()
    records = Records.of_users(pa.table({"title": titles}), np.ones(len(titles)))
    hashed = Hashed()
    reader = hashed.reader().learn(records, np.ones(len(titles), bool))
    table = hashed.module(reader, 128).eval()

    def by_torch() -> None:
        order = sorted(titles, key=lambda title: len(tokenizer(title)["input_ids"]))
        with torch.inference_mode():
            for start in range(0, len(order), 256):
                batch = tokenizer(order[start : start + 256], padding=True, return_tensors="pt")
                mask = batch["attention_mask"][..., None]
                hidden = network(**batch).last_hidden_state
                (hidden * mask).sum(dim=1) / mask.sum(dim=1)

    def by_words() -> None:
        bag = reader.read(records)
        assert isinstance(bag, Bag)
        with torch.inference_mode():
            given = bag.index.astype(np.int64), bag.indptr[:-1], bag.weight
            table(*(torch.from_numpy(array) for array in given))

    encoders = {"ONNX": TextEncoder(full), "ONNX, 8-bit": TextEncoder(small)}
    found: Ways = {f"MiniLM, {name}": lambda of=of: of.vectors(titles) for name, of in encoders.items()}
    return {"MiniLM, torch": by_torch} | found | {"hashed": by_words}


def photo_ways(photos: Sequence[Path]) -> Ways:
    import efficientnet_lite_pytorch as networks

    bundle = freeze_photo()
    encoder, size = PhotoEncoder(bundle), int(bundle.about["size"])
    squares = np.stack([decoded(photo, size) for photo in photos])
    network = networks.EfficientNet.from_name("efficientnet-lite0").eval()
    pixels = torch.from_numpy((squares.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2).contiguous()

    def by_torch(given: torch.Tensor) -> None:
        with torch.inference_mode():
            for some in given.split(16):
                network.extract_features(some).mean(dim=(2, 3))

    def by_onnx() -> None:
        for start in range(0, len(squares), 16):
            encoder.encoded(squares[start : start + 16])

    last = pixels.contiguous(memory_format=torch.channels_last)
    return {
        "EfficientNet-Lite0, torch": lambda: by_torch(pixels),
        "EfficientNet-Lite0, torch, channels last": lambda: by_torch(last),
        "EfficientNet-Lite0, ONNX": by_onnx,
        "decoding alone": lambda: [decoded(photo, size) for photo in photos],
    }


def compared(
    measured: Callable[[Path, TextEncoder], np.ndarray], data: Path, full: Bundle, small: Bundle
) -> dict[str, Any]:
    """Return what each encoder gets, and the difference with its interval over queries."""
    one, other = (measured(data, TextEncoder(bundle)) for bundle in (full, small))
    difference = paired_difference(other, one)
    return {
        "queries": len(one),
        "32-bit": round(float(one.mean()), 4),
        "8-bit": round(float(other.mean()), 4),
        "8-bit minus 32-bit": {name: round(value, 4) for name, value in vars(difference).items()},
    }


def icecat(data: Path, encoder: TextEncoder) -> np.ndarray:
    """Return NDCG@10 of each query whose ratings differ, over its judged products; ties go by id."""
    products = pq.read_table(data / "icecat-search" / "products.parquet")
    said = {
        int(row["id"]): f"{row['title']} {row['short_description'] or ''}"
        for row in products.select(["id", "title", "short_description"]).to_pylist()
    }
    judged: dict[str, dict[int, int]] = {}
    with (data / "icecat-search" / "judgments.csv").open() as file:
        for row in csv.DictReader(file):
            if (product := int(row["product_id"])) in said:
                judged.setdefault(row["query"], {})[product] = int(float(row["rating"]))
    mixed = {query: of for query, of in judged.items() if len({*of.values()}) > 1}
    ids = sorted({product for of in mixed.values() for product in of})
    place = {product: n for n, product in enumerate(ids)}
    vectors, asked = encoder.vectors([said[n] for n in ids]), encoder.vectors(list(mixed))
    found = []
    for vector, of in zip(asked, mixed.values(), strict=True):
        some = sorted(of)
        score = vectors[[place[product] for product in some]] @ vector
        gain = 2.0 ** np.array([of[product] for product in some]) - 1
        found.append(dcg(gain[np.argsort(-score, kind="stable")]) / dcg(np.sort(gain)[::-1]))
    return np.array(found)


def dcg(gain: np.ndarray) -> float:
    return float((gain[:10] / np.log2(np.arange(2, 2 + len(gain[:10])))).sum())


def abt_buy(data: Path, encoder: TextEncoder) -> np.ndarray:
    """Return for each match whether the name at Abt is nearest to that at Buy."""
    folder = data / "abt-buy"
    items = pq.read_table(folder / "items.parquet").to_pylist()
    pairs = pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob("pairs-*.parquet"))])
    vector = dict(
        zip([row["item_id"] for row in items], encoder.vectors([row["name"] for row in items]), strict=True)
    )
    buy = [row["item_id"] for row in items if row["source"] != "abt"]
    theirs, partners = np.stack([vector[one] for one in buy]), dict[str, set[str]]()
    for row in pairs.to_pylist():
        if row["label"]:
            partners.setdefault(row["left_id"], set()).add(row["right_id"])
    return np.array(
        [buy[int(np.argmax(theirs @ vector[one]))] in of for one, of in partners.items()], np.float64
    )


if __name__ == "__main__":
    main()
