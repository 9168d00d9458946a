"""The bench's arithmetic, apart from all peers: statistics of runs, distances of outputs, fitness of a net."""

import statistics

SPREAD = 5.0


def percentile(values, share):
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]


def summary(blocks):
    """One peer's runs, a list of milliseconds for each block: least, median over all, 99th percentile."""
    runs = [ms for block in blocks for ms in block]
    return {
        "min_ms": min(runs),
        "median_ms": statistics.median(runs),
        "p99_ms": percentile(runs, 0.99),
        "runs": len(runs),
        "blocks": len(blocks),
    }


def spread_problem(logits):
    """Why logits (pictures, classes) would hide errors, or None."""
    low, high = float(logits.min()), float(logits.max())
    if not (low <= -SPREAD and high >= SPREAD):
        return f"logits lie in {low:.3g}..{high:.3g}, not over at least +-{SPREAD:g}"
    if len(set(logits.argmax(1).tolist())) < 2:
        return "the best class is the same for every picture"
    return None


def distance(ours, theirs):
    """Largest difference as a share of the reference's range, picture by picture: a loud one hides none."""
    if ours.shape != theirs.shape:
        raise ValueError(f"outputs of shape {ours.shape} where the reference has {theirs.shape}")
    worst = 0.0
    for y, reference in zip(ours.astype("float64"), theirs.astype("float64")):
        span = float(reference.max() - reference.min())
        worst = max(worst, float(abs(y - reference).max()) / span if span > 0 else float("inf"))
    return worst


def match_outputs(ours, theirs):
    """Orders a peer's outputs as the reference's: by shape, and of equal shapes by the least distance."""
    left, found = list(ours), []
    for reference in theirs:
        fitting = [i for i, y in enumerate(left) if y.shape == reference.shape]
        if not fitting:
            raise ValueError(f"no output of shape {reference.shape} among {[y.shape for y in left]}")
        best = min(fitting, key=lambda i: distance(left[i], reference))
        found.append(left.pop(best))
    return found


def best_peer(rows, key="min_ms", ours="graft"):
    """(name, value) of the fastest peer, Graft's own rows apart; None without a peer."""
    peers = [(row[key], name) for name, row in rows.items() if not name.startswith(ours)]
    if not peers:
        return None
    value, name = min(peers)
    return name, value
