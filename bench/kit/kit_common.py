"""Way to the benches' shared code, and to a folder of test material that may be absent."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))


def kit_or_leave(words, purpose):
    """The kit's folder; without one there is nothing to check, which is said and is no failure."""
    kit = pathlib.Path(words[0]) if words else None
    if kit is None or not kit.is_dir():
        print(f"{purpose}: skipped, there is no kit of pictures" + (f" at {kit}" if kit else "; name its folder"))
        sys.exit(0)
    return kit
