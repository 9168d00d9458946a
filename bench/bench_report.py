"""What the bench found, as text: a table for each comparison."""

import bench_stats
from bench_common import say, table

NAMES = {
    "graft": "Graft",
    "graft-tflite": "Graft, .tflite",
    "litert": "LiteRT",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "tensorflow": "TensorFlow",
    "pytorch": "PyTorch",
}


def error_text(outputs):
    if not outputs:
        return ""
    text = f"{outputs['logits']:.1e}"
    if outputs.get("inner"):
        text += f" / {max(outputs['inner']):.1e}"
    if "steps_from_litert" in outputs:
        text += f"; LiteRT {outputs['steps_from_litert']}"
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
                f"{r['min_ms']:.3f}",
                f"{r['median_ms']:.3f}",
                f"{r['p99_ms']:.3f}",
                f"{r['peak_mb']:.0f}",
                f"{r['peak_beyond_interpreter_mb']:.0f}",
                f"{r['gmac_per_s']:.1f}",
                f"{best[1] / r['min_ms']:.2f}" if best else "",
                error_text(entry["outputs"].get(name)),
            ]
        )
    head = ["", "min ms", "median", "p99", "peak MB", "beyond Python", "GMAC/s", "best peer by it", "error"]
    say(table(head, lines) + "\n")
