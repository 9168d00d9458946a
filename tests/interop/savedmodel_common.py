"""What the SavedModel tests share: the tool, random inputs by signature, comparison by range."""

import os
import pathlib
import subprocess

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GRAFT_BIN_DIR", ROOT / "build" / "release" / "bin"))
GRAFT = pathlib.Path(os.environ.get("GRAFT", BIN / "graft"))
TOOL = BIN / "savedmodel_tool"


def tool(*args, ok=True):
    done = subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr  # never a crash
    assert (done.returncode == 0) == ok, done.stderr
    return done.stdout if ok else done.stderr


def feed(spec, batch, seed=5):
    """Random inputs for a dict of TensorSpecs: pictures 0..255, ids 0..49, else normal; unknown inner dimensions 6."""
    rng = np.random.default_rng(seed + batch)
    out = {}
    for name, s in spec.items():
        shape = [batch if i == 0 else 6 if d is None else d for i, d in enumerate(s.shape)]
        if np.issubdtype(s.dtype.as_numpy_dtype, np.integer):
            out[name] = rng.integers(0, 50, shape).astype(s.dtype.as_numpy_dtype)
        elif len(shape) == 4 and shape[-1] == 3:
            out[name] = rng.uniform(0, 255, shape).astype(np.float32)
        else:
            out[name] = rng.normal(0, 2, shape).astype(np.float32)
    return out


def run_made(kind, x, folder):
    """Graft's own run of a model as it was made, without a file between."""
    np.savez(folder / "in.npz", **x)
    tool("run-made", kind, folder / "in.npz", folder / "out.npz")
    with np.load(folder / "out.npz") as z:
        return {k: z[k] for k in z.files}


def run_dir(model, signature, x, folder):
    """Graft's run of a SavedModel it reads."""
    np.savez(folder / "in.npz", **x)
    tool("run", model, signature, folder / "in.npz", folder / "out.npz")
    with np.load(folder / "out.npz") as z:
        return {k: z[k] for k in z.files}


def close(ours, theirs, tolerance):
    """Equal within tolerance times the range of values (plus four units in the last place of the largest)."""
    theirs = np.asarray(theirs)
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    finite = np.isfinite(theirs)
    assert (np.isfinite(ours) == finite).all()
    scale = np.ptp(theirs[finite]) if finite.any() else 1.0
    gap = np.abs(np.where(finite, ours.astype(np.float64) - theirs, 0)).max() if theirs.size else 0.0
    ulps = 4 * np.finfo(np.float32).eps * (np.abs(theirs[finite]).max() if finite.any() else 0.0)
    assert gap <= tolerance * scale + ulps, f"{gap} of a range of {scale}"
