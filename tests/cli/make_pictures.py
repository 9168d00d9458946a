#!/usr/bin/env python3
"""Makes labelled pictures for the command-line tests, with the standard library alone.

make_pictures.py DIR [--classes a,b,c] [--count N] [--splits train,test] [--seed S] [--size WxH]

Each class has a pattern of its own (stripes, checks, discs, ...) under noise and random colour, so that a head on
random features can tell them apart. PNG files are written with zlib. Without --splits class folders lie in DIR itself.
"""
import argparse
import os
import random
import struct
import zlib


def png(path, width, height, rows):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    raw = b"".join(b"\0" + bytes(row) for row in rows)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header))
        file.write(chunk(b"IDAT", zlib.compress(raw, 1)) + chunk(b"IEND", b""))


PATTERNS = (
    lambda x, y, p: (x + p) // 6 % 2,                          # upright stripes
    lambda x, y, p: (y + p) // 6 % 2,                          # level stripes
    lambda x, y, p: (x + p) // 12 % 2 ^ (y + p) // 12 % 2,     # checks
    lambda x, y, p: (x - 20 - p % 9) ** 2 + (y - 20) ** 2 < 130,  # a disc
)


def picture(rng, kind, width, height):
    phase = rng.randrange(12)
    dark = [rng.randrange(20, 70) for _ in range(3)]
    light = [rng.randrange(160, 230) for _ in range(3)]
    for y in range(height):
        row = []
        for x in range(width):
            colour = light if PATTERNS[kind % len(PATTERNS)](x, y, phase) else dark
            noise = rng.randrange(-20, 21)
            row += [min(255, max(0, c + noise)) for c in colour]
        yield row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir")
    parser.add_argument("--classes", default="ok,scratch,spot")
    parser.add_argument("--count", type=int, default=16, help="of a class in the first split; half of it in the others")
    parser.add_argument("--splits", default="")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", default="40x36")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    width, height = (int(n) for n in args.size.split("x"))
    for s, split in enumerate(args.splits.split(",")):
        for kind, name in enumerate(args.classes.split(",")):
            folder = os.path.join(args.dir, split, name)
            os.makedirs(folder, exist_ok=True)
            for i in range(args.count if s == 0 else (args.count + 1) // 2):
                png(os.path.join(folder, f"{i:03d}.png"), width, height, picture(rng, kind, width, height))


if __name__ == "__main__":
    main()
