"""EfficientNet-Lite0 by Graft against recorded values and against TensorFlow on real pictures: check_lite0.py KIT

1. KIT/golden/effnet_lite0_ref_NAME_{input,feat,probs}.npy: features within 1e-3, probabilities within 1e-4.
2. KIT/imagenet_samples: `graft predict` must name the same class as TensorFlow does with the same module on pictures
   that PIL decoded, cropped and resized; pictures whose two best reference scores differ by at most 1e-3 do not count.
"""

import argparse
import csv
import pathlib
import sys

import numpy as np

from kit_common import kit_or_leave

import bench_common as bench

FEATURES, PROBABILITIES, CLOSE_CALL = 1e-3, 1e-4, 1e-3


def check_golden(kit):
    names = sorted(p.name.removesuffix("_input.npy") for p in kit.glob("golden/effnet_lite0_ref_*_input.npy"))
    if not names:
        bench.say(f"golden: skipped, no recorded values in {kit / 'golden'}")
        return True
    # recorded inputs are normalised already; the modules take 0..255 and normalise themselves
    x = np.concatenate([np.load(kit / "golden" / f"{n}_input.npy").reshape(1, 224, 224, 3) for n in names])
    x = (x * 128 + 127).astype(np.float32)
    good = True
    for kind, handle, limit in (("feat", bench.BACKBONE, FEATURES), ("probs", bench.CLASSIFIER, PROBABILITIES)):
        ours = bench.run_graft(bench.module(handle)["path"], x, bench.OUT / "check")
        for name, row in zip(names, ours):
            recorded = np.load(kit / "golden" / f"{name}_{kind}.npy").reshape(-1)
            gap = float(np.abs(row - recorded).max())
            good &= gap <= limit
            bench.say(
                f"golden {name} {kind}: max abs difference {gap:.3g} "
                f"(limit {limit:g}, values up to {recorded.max():.3g})"
                + ("" if gap <= limit else "  TOO FAR")
            )
    return good


def predict_all(files):
    """Graft's best label and score of every file, in some calls."""
    out = []
    for i in range(0, len(files), 100):
        some = files[i : i + 100]
        answers = bench.graft_json("predict", bench.CLASSIFIER, "--top", 1, *some)
        if [a["file"] for a in answers] != [str(f) for f in some]:
            sys.exit("check_lite0: graft predict answered for other files than it was given")
        out += [(a["predictions"][0]["index"], a["predictions"][0]["score"]) for a in answers]
    return out


def check_samples(kit, most):
    folder = kit / "imagenet_samples"
    if not (folder / "labels.tsv").is_file():
        bench.say(f"labels: skipped, no {folder}")
        return True
    with open(folder / "labels.tsv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))[:most]
    files = [folder / "images" / row["file"] for row in rows]
    truth = np.array([int(row["class_index"]) for row in rows])
    ours = predict_all(files)
    index, score = np.array([i for i, _ in ours]), np.array([s for _, s in ours])
    reference = bench.run_tensorflow(bench.module(bench.CLASSIFIER)["path"], (bench.prepare(f, True) for f in files))
    ordered = np.sort(reference, 1)
    counted = ordered[:, -1] - ordered[:, -2] > CLOSE_CALL
    best = reference.argmax(1)
    wrong = np.flatnonzero(counted & (index != best))
    gap = np.abs(score - reference[np.arange(len(files)), index]).max()
    bench.say(
        f"labels: {counted.sum() - len(wrong)} of {counted.sum()} pictures have TensorFlow's label "
        f"({len(files) - counted.sum()} close calls not counted); scores differ by at most {gap:.3g}"
    )
    bench.say(
        f"labels: right by the list: Graft {100 * (index == truth).mean():.1f} %, "
        f"TensorFlow {100 * (best == truth).mean():.1f} % "
        f"of {len(files)}"
    )
    for i in wrong:
        bench.say(
            f"  {pathlib.Path(files[i]).name}: Graft {index[i]} ({score[i]:.4f}), "
            f"TensorFlow {best[i]} ({ordered[i, -1]:.4f})"
        )
    return len(wrong) == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kit", nargs="*", help="folder of the test material")
    parser.add_argument("--samples", type=int, default=None, help="only the first N pictures")
    o = parser.parse_args()
    kit = kit_or_leave(o.kit, "check_lite0")
    good = check_golden(kit)
    good &= check_samples(kit, o.samples)
    bench.say("check_lite0: " + ("all within limits" if good else "FAILED"))
    sys.exit(0 if good else 1)


main()
