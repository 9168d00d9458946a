"""What the bench found, as text: tables on the terminal, and from build/bench/results.json a plot and the measured part
of docs/benchmarks.md.

    bench_report.py         both; what was written by hand around the marks stays
"""

import pathlib
import sys

import bench_stats
from bench_common import OUT, ROOT, machine_text, read_results, say, table

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN = "<!-- measured: written by `bench/run report` -->"
END = "<!-- end of what was measured -->"
NAMES = {
    "graft": "Graft",
    "graft-tflite": "Graft, .tflite",
    "litert": "LiteRT",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "tensorflow": "TensorFlow",
    "pytorch": "PyTorch",
}
KINDS = {
    "float": "float32",
    "int8": "INT8",
    "f32": "float32",
    "bf16": "bfloat16",
    "frozen": "frozen backbone and head",
}


def number(value, form):
    return "" if value is None else format(value, form)


def threads_text(count):
    return f"{count} thread" + "s" * (count > 1)


def error_text(outputs):
    """Logits / worst inner tensor, as a share of their range; for INT8 also the largest step from LiteRT's output."""
    if not outputs:
        return ""
    text = f"{outputs['logits']:.1e}"
    if outputs.get("inner"):
        text += f" / {max(outputs['inner']):.1e}"
    if "steps_from_litert" in outputs:
        text += f"; {outputs['steps_from_litert']} from LiteRT"
    return text


def show(entry):
    """One comparison on the terminal."""
    rows = entry["rows"]
    best = bench_stats.best_peer(rows)
    lines = []
    for name, r in rows.items():
        lines.append(
            [
                NAMES.get(name, name),
                *(f"{r[key]:.3f}" for key in ("min_ms", "median_ms", "p99_ms")),
                number(r.get("peak_mb"), ".0f"),
                number(r.get("peak_beyond_interpreter_mb"), ".0f"),
                number(r.get("pictures_per_s"), ".1f"),
                number(r.get("gmac_per_s"), ".1f"),
                f"{best[1] / r['min_ms']:.2f}" if best else "",
                error_text(entry["outputs"].get(name)),
            ]
        )
    head = ["", "min ms", "median", "p99", "peak MB", "beyond Python"]
    head += ["pictures/s", "GMAC/s", "best peer by it", "error"]
    say(table(head, lines) + "\n")


def share_of_peak(entry, peak):
    """Graft's operations a second by what the cores were measured to do; the net's own multiply-adds count, whatever
    a rewrite saves of them."""
    line = peak.get(str(entry["threads"])) or {}
    most = line.get("f32_gflops")
    if entry["kind"] == "int8":
        most = line.get("dot_s8_gops") or line.get("int16_madd_gops")
    ours = entry["rows"].get("graft", {}).get("gmac_per_s")
    return 2 * ours / most if most and ours else None


def columns(entries):
    """The peers that any entry has, in the order of NAMES; Graft's second way apart."""
    return [name for name in NAMES if name != "graft-tflite" and any(name in e["rows"] for e in entries)]


def inference_table(entries, peak):
    peers = columns(entries)
    lines = []
    for e in entries:
        best, ours = bench_stats.best_peer(e["rows"]), e["rows"].get("graft")
        cells = [e["net"]]
        for name in peers:
            r = e["rows"].get(name)
            text = number(r and r["min_ms"], ".2f")
            cells.append(f"{text} ({r['median_ms']:.2f})" if r and name == "graft" else text)
        cells.append(f"{best[1] / ours['min_ms']:.2f}" if best and ours else "")
        share = share_of_peak(e, peak)
        cells += [number(share, ".0%").replace("%", " %"), error_text(e["outputs"].get("graft"))]
        lines.append(cells)
    return table(["least ms", *map(NAMES.get, peers), "best peer / Graft", "of the peak", "error"], lines)


def memory_table(entries):
    peers = columns(entries)
    lines = []
    for e in entries:
        cells = [f"{e['net']}, {KINDS[e['kind']]}"]
        for name in peers:
            r = e["rows"].get(name, {})
            text = number(r.get("peak_mb"), ".0f")
            beyond = r.get("peak_beyond_interpreter_mb")
            cells.append(
                f"{text} ({beyond:.0f})" if text and name != "graft" and beyond is not None else text
            )
        lines.append(cells)
    return table(["peak MB", *map(NAMES.get, peers)], lines)


def training_table(entries):
    peers = columns(entries)
    lines = []
    for e in entries:
        cells = [f"{e['net']}, {KINDS[e['kind']]}"]
        for name in peers:
            r = e["rows"].get(name)
            cells.append(f"{r['pictures_per_s']:.1f} ({r['peak_mb']:.0f})" if r else "")
        best, ours = bench_stats.best_peer(e["rows"], "median_ms"), e["rows"].get("graft")
        cells.append(f"{best[1] / ours['median_ms']:.2f}" if best and ours else "")
        lines.append(cells)
    return table(["pictures/s (peak MB)", *map(NAMES.get, peers), "Graft by the best peer"], lines)


def start_table(entries):
    lines = [
        [e["net"], NAMES[name], f"{r['min_ms']:.0f}", f"{r['median_ms']:.0f}"]
        for e in entries
        for name, r in e["rows"].items()
    ]
    return table(["start to the first outputs", "", "least ms", "median ms"], lines)


def peak_text(peak):
    names = {
        "f32_gflops": "float32 {:.0f} GFLOP/s",
        "int16_madd_gops": "int16 multiply-add {:.0f} Gop/s",
        "dot_s8_gops": "byte dot products {:.0f} Gop/s",
        "bf16_gflops": "bfloat16 dot products {:.0f} GFLOP/s",
        "copy_gb_per_s": "copying {:.1f} GB/s",
    }
    lines = []
    for threads, line in peak.items():
        parts = [form.format(line[key]) for key, form in names.items() if line.get(key)]
        lines.append(f"At most, {threads_text(int(threads))}: {', '.join(parts)}.")
    return "\n".join(lines)


def part_text(name, part):
    peak = part["machine"].get("peak", {})
    settings = part["settings"]
    text = [
        machine_text(part["machine"])
        + f"; {settings['rounds']} rounds"
        + ", --quick" * settings["quick"]
        + "."
    ]
    text.append(peak_text(peak))
    entries = part["entries"]
    if name == "training":
        text.append(training_table(entries))
    elif name == "start":
        text.append(start_table(entries))
    else:
        groups = {}
        for e in entries:
            groups.setdefault((e["batch"], e["kind"], e["threads"]), []).append(e)
        for (batch, kind, threads), found in sorted(groups.items()):
            text.append(f"**{KINDS[kind]}, batch {batch}, {threads_text(threads)}**")
            text.append(inference_table(found, peak))
        first = min((e["threads"] for e in entries), default=1)
        text.append(
            "Peak memory of the whole process at batch 1; in brackets without Python, NumPy and the input:"
        )
        text.append(memory_table([e for e in entries if e["batch"] == 1 and e["threads"] == first]))
    return "\n\n".join(block for block in text if block)


TITLES = {"inference": "Inference", "training": "Training steps", "start": "Start"}


def write_page(path, results):
    """Replaces what lies between the marks."""
    text = pathlib.Path(path).read_text()
    before, found, rest = text.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        sys.exit(f"bench: {path} lacks the line '{BEGIN}' or '{END}'")
    parts = [f"### {TITLES[name]}\n\n{part_text(name, results[name])}" for name in TITLES if name in results]
    pathlib.Path(path).write_text(before + BEGIN + "\n" + "\n\n".join(parts) + "\n" + END + after)


def plot(results, path):
    """Times of the peers by Graft's at batch 1: a panel for each type and number of threads."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    entries = [e for e in results["inference"]["entries"] if e["batch"] == 1 and "graft" in e["rows"]]
    panels = sorted({(e["kind"], e["threads"]) for e in entries})
    figure, axes = pyplot.subplots(len(panels), 1, figsize=(11, 3 * len(panels)), squeeze=False)
    for axis, (kind, threads) in zip(axes[:, 0], panels):
        shown = [e for e in entries if (e["kind"], e["threads"]) == (kind, threads)]
        peers = [name for name in columns(shown) if name != "graft"]
        width = 0.8 / len(peers)
        for i, name in enumerate(peers):
            found = [
                (k, e["rows"][name]["min_ms"] / e["rows"]["graft"]["min_ms"])
                for k, e in enumerate(shown)
                if name in e["rows"]
            ]
            axis.bar(
                [k + (i - (len(peers) - 1) / 2) * width for k, _ in found],
                [y for _, y in found],
                width,
                label=NAMES[name],
            )
        axis.axhline(1, color="black", linewidth=1)
        axis.set_xticks(range(len(shown)), [e["net"] for e in shown], fontsize=8)
        axis.set_ylabel("time / Graft's")
        axis.set_ylim(0, 4)
        axis.set_title(
            f"{KINDS[kind]}, batch 1, {threads_text(threads)} (above 1: Graft is faster)", fontsize=9
        )
        axis.legend(fontsize=7, ncols=len(peers))
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    results = read_results("results.json")
    if not results:
        sys.exit("bench: build/bench/results.json holds no results; run bench/run first")
    write_page(PAGE, results)
    written = [PAGE.relative_to(ROOT)]
    if "inference" in results:
        plot(results, OUT / "results.png")
        written.append((OUT / "results.png").relative_to(ROOT))
    say("written: " + ", ".join(map(str, written)))


if __name__ == "__main__":
    main()
