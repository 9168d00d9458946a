"""Accuracy of `graft train` beside the same recipe in Keras: accuracy.py KIT [SET...] [--fine-tune MODE]

Recipe: features of EfficientNet-Lite0 of the whole picture squeezed to 224 x 224, Dense(128, relu), Dropout(0.5),
softmax; Adam 1e-3, batches of 32, 20 epochs, 3 seeds; trained on train/, judged on test/. Keras gets its features from
TensorFlow running the same module on pictures that PIL decoded and resized. Graft passes when its mean is no further
from Keras' than the greater of 0.7 points and two standard errors of the difference; with few seeds a set of a few
hundred test pictures may miss that by chance (--seeds 12 tells).
Sets are folders of the KIT, "solar" (the demo's pictures), or folders by path.
"""

import argparse
import hashlib
import pathlib
import shutil
import sys

import numpy as np

from kit_common import kit_or_leave

import bench_common as bench

SETS = ["flowers", "steel_defects", "tile_defects", "products_clothing", "solar"]
POINTS = 0.7
PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


def listing(folder):
    """Class names and (path, class) of train and test."""
    classes = sorted(p.name for p in (folder / "train").iterdir() if p.is_dir())
    splits = {}
    for split in ("train", "test"):
        splits[split] = [
            (path, i)
            for i, name in enumerate(classes)
            for path in sorted((folder / split / name).glob("*"))
            if path.suffix.lower() in PICTURES
        ]
    return classes, splits


def keras_features(name, splits):
    """TensorFlow's features of every picture, kept in build/bench/features until the module or the list changes."""
    info = bench.module(bench.BACKBONE)
    stamp = hashlib.sha256(
        "\n".join([info["sha256"], *(f"{p} {p.stat().st_size}" for s in splits.values() for p, _ in s)]).encode()
    )
    cache = bench.OUT / "features" / f"{name}-{stamp.hexdigest()[:16]}.npz"
    if not cache.is_file():
        cache.parent.mkdir(parents=True, exist_ok=True)
        made = {
            s: bench.run_tensorflow(info["path"], (bench.prepare(p, False) for p, _ in some))
            for s, some in splits.items()
        }
        np.savez(cache, **made)
    with np.load(cache) as z:
        return {s: z[s] for s in splits}


def keras_run(x, splits, classes, seed, epochs):
    import keras

    keras.utils.set_random_seed(seed)
    y = {s: np.array([label for _, label in some]) for s, some in splits.items()}
    model = keras.Sequential(
        [
            keras.Input((x["train"].shape[1],)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(classes, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x["train"], y["train"], batch_size=32, epochs=epochs, verbose=0)
    return 100 * float((np.asarray(model(x["test"], training=False)).argmax(1) == y["test"]).mean())


def graft_run(folder, seed, o):
    out = bench.OUT / "accuracy_model"
    shutil.rmtree(out, ignore_errors=True)
    more = ["--fine-tune", o.fine_tune, "--fine-tune-epochs", o.fine_tune_epochs] if o.fine_tune else []
    trained = bench.graft_json(
        "train", folder, "--backbone", bench.BACKBONE, "--out", out, "--epochs", o.epochs, "--seed", seed, *more
    )
    judged = bench.graft_json("eval", out, folder)
    return 100 * judged["top1"], judged["images"], trained["train_images"], trained["seconds"]


def mean_and_error(values):
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(np.mean(values)), float(error)


def one_set(name, folder, o):
    classes, splits = listing(folder)
    ours, seconds = [], []
    for seed in range(1, o.seeds + 1):
        top1, tested, trained, spent = graft_run(folder, seed, o)
        if (trained, tested) != (len(splits["train"]), len(splits["test"])):
            there = f"{len(splits['train'])} + {len(splits['test'])}"
            sys.exit(f"accuracy: {name}: Graft took {trained} + {tested} pictures, there are {there}")
        ours.append(top1)
        seconds.append(spent)
    x = keras_features(name, splits)
    theirs = [keras_run(x, splits, len(classes), seed, o.epochs) for seed in range(1, o.seeds + 1)]
    (a, ea), (b, eb) = mean_and_error(ours), mean_and_error(theirs)
    bound = max(POINTS, 2 * float(np.hypot(ea, eb)))
    return {
        "train": len(splits["train"]),
        "test": len(splits["test"]),
        "classes": len(classes),
        "graft": ours,
        "keras": theirs,
        "graft_mean": a,
        "graft_error": ea,
        "keras_mean": b,
        "keras_error": eb,
        "difference": a - b,
        "bound": bound,
        "passed": abs(a - b) <= bound,
        "graft_seconds": seconds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="KIT [SET...]")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument(
        "--fine-tune", help="for Graft alone, after the head: last:30%%, all, ...; Keras keeps its head"
    )
    parser.add_argument("--fine-tune-epochs", type=int, default=5)
    o = parser.parse_args()
    kit = kit_or_leave(o.words, "accuracy")
    results = {"machine": bench.machine(), "fine_tune": o.fine_tune, "epochs": o.epochs, "sets": {}}
    bench.say(bench.machine_text(results["machine"]))
    rows = []
    for name in o.words[1:] or SETS:
        folder = bench.solar() if name == "solar" else pathlib.Path(name) if "/" in name else kit / name
        if not (folder / "train").is_dir():
            bench.say(f"{name}: skipped, no {folder / 'train'}")
            continue
        r = results["sets"][folder.name] = one_set(folder.name, folder, o)
        rows.append(
            [
                folder.name,
                f"{r['train']} + {r['test']}",
                r["classes"],
                f"{r['graft_mean']:.2f} ± {r['graft_error']:.2f}",
                f"{r['keras_mean']:.2f} ± {r['keras_error']:.2f}",
                f"{r['difference']:+.2f}",
                f"{r['bound']:.2f}",
                "yes" if r["passed"] else "NO",
            ]
        )
        bench.say(" ".join(map(str, rows[-1])))
    tuned = f" and fine-tuning {o.fine_tune}" if o.fine_tune else ""
    text = bench.table(
        [
            f"top-1 %, {o.seeds} seeds",
            "train + test",
            "classes",
            f"Graft{tuned}",
            "Keras",
            "difference",
            "bound",
            "within",
        ],
        rows,
    )
    bench.say("\n" + text)
    name = "accuracy_fine_tune" if o.fine_tune else "accuracy"
    (bench.OUT / f"{name}.md").write_text(bench.machine_text(results["machine"]) + "\n\n" + text + "\n")
    bench.say(f"\nwritten: {bench.write_results(name + '.json', results)}, build/bench/{name}.md")
    sys.exit(0 if all(r["passed"] for r in results["sets"].values()) else 1)


main()
