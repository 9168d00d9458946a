"""Decoded and resized pictures against Pillow and TensorFlow.

Decoding: equal to Pillow's convert('RGB') and to TensorFlow's decoders (JPEG with INTEGER_ACCURATE), byte for byte.
Resizing: equal to Pillow's Image.resize byte for byte; within 1e-3 of tf.image.resize (values 0..255).
"""

import os
import pathlib
import subprocess

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("GRAFT_BIN_DIR", ROOT / "build" / "release" / "bin"))
TOOL = BIN / "picture_tool"

Image = pytest.importorskip("PIL.Image")
ImageOps = pytest.importorskip("PIL.ImageOps")
R = Image.Resampling
PIL_METHODS = {
    "nearest": R.NEAREST,
    "bilinear": R.BILINEAR,
    "bicubic": R.BICUBIC,
    "area": R.BOX,
    "lanczos3": R.LANCZOS,
}


@pytest.fixture(scope="session")
def tf():
    return pytest.importorskip("tensorflow")


def tool(*args, ok=True):
    done = subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr  # never a crash
    assert (done.returncode == 0) == ok, done.stderr
    return done.stdout if ok else done.stderr


def decode(path, tmp_path):
    h, w = map(int, tool("decode", path, tmp_path / "out").split())
    return np.fromfile(tmp_path / "out", np.uint8).reshape(h, w, 3)


def preprocess(
    path, tmp_path, h, w, mode="squeeze", method="bicubic", flavour="pil", antialias=True, padding=32
):
    tool("preprocess", path, tmp_path / "out", h, w, mode, method, flavour, int(antialias), padding)
    return np.fromfile(tmp_path / "out", np.float32).reshape(h, w, 3)


def photo(h=157, w=203, seed=0):
    """Smooth with edges and noise, so that chroma subsampling and filters have something to do."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:h, 0:w]
    a = np.stack([128 + 100 * np.sin(x / 9.0), 255.0 * (y > h / 3), (x * y / 50.0) % 256], -1)
    return Image.fromarray(np.clip(a + rng.normal(0, 12, a.shape), 0, 255).astype(np.uint8))


JPEGS = [
    ("444", {"subsampling": 0}),
    ("422", {"subsampling": 1}),
    ("420", {"subsampling": 2}),
    ("progressive", {"progressive": True}),
    ("rgb", {"keep_rgb": True}),
    ("low", {"quality": 20}),
]


@pytest.mark.parametrize("name,options", JPEGS, ids=[n for n, _ in JPEGS])
def test_jpeg(tf, tmp_path, name, options):
    path = tmp_path / "p.jpg"
    photo().save(path, **options)
    ours = decode(path, tmp_path)
    assert np.array_equal(ours, np.asarray(Image.open(path).convert("RGB")))
    theirs = tf.io.decode_jpeg(path.read_bytes(), channels=3, dct_method="INTEGER_ACCURATE").numpy()
    assert np.array_equal(ours, theirs)
    fast = tf.io.decode_jpeg(path.read_bytes(), channels=3).numpy()  # TensorFlow's default is less exact
    assert np.abs(ours.astype(int) - fast).max() <= 12


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpeg_other_colours(tf, tmp_path, mode):
    path = tmp_path / "p.jpg"
    photo().convert(mode).save(path)
    ours = decode(path, tmp_path)
    assert np.array_equal(ours, np.asarray(Image.open(path).convert("RGB")))
    theirs = tf.io.decode_jpeg(path.read_bytes(), channels=3, dct_method="INTEGER_ACCURATE").numpy()
    assert np.abs(ours.astype(int) - theirs).max() <= (1 if mode == "CMYK" else 0)


def test_exif_orientation_is_left_alone(tf, tmp_path):
    path = tmp_path / "p.jpg"
    exif = Image.Exif()
    exif[0x112] = 6
    photo().save(path, exif=exif)
    ours = decode(path, tmp_path)
    assert ours.shape == (157, 203, 3)
    assert np.array_equal(ours, np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_png(tf, tmp_path, mode):
    path = tmp_path / "p.png"
    photo().convert(mode).save(path)
    ours = decode(path, tmp_path)
    assert np.array_equal(ours, np.asarray(Image.open(path).convert("RGB")))
    assert np.array_equal(ours, tf.io.decode_png(path.read_bytes(), channels=3).numpy())


def test_png_16_bit_and_transparency(tf, tmp_path):
    path = tmp_path / "p.png"
    Image.fromarray((np.arange(90 * 70).reshape(90, 70) * 9 % 65536).astype(np.uint16)).save(path)
    assert np.array_equal(decode(path, tmp_path), tf.io.decode_png(path.read_bytes(), channels=3).numpy())
    photo().quantize(13).save(path, bits=4, transparency=3)
    ours = decode(path, tmp_path)
    assert np.array_equal(ours, np.asarray(Image.open(path).convert("RGB")))
    assert np.array_equal(ours, tf.io.decode_png(path.read_bytes(), channels=3).numpy())


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
def test_bmp(tf, tmp_path, mode):
    path = tmp_path / "p.bmp"
    photo().convert(mode).save(path)
    ours = decode(path, tmp_path)
    assert np.array_equal(ours, np.asarray(Image.open(path).convert("RGB")))
    if mode == "RGB":
        assert np.array_equal(ours, tf.io.decode_bmp(path.read_bytes()).numpy())


@pytest.mark.parametrize("options", [{}, {"lossless": True}], ids=["lossy", "lossless"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_webp(tmp_path, mode, options):
    path = tmp_path / "p.webp"
    photo().convert(mode).save(path, **options)
    assert np.array_equal(decode(path, tmp_path), np.asarray(Image.open(path).convert("RGB")))


def test_what_is_refused(tmp_path):
    path = tmp_path / "p.jpg"
    photo().save(path, format="GIF")
    assert "GIF" in tool("decode", path, tmp_path / "out", ok=False)
    photo().save(path)
    whole = path.read_bytes()
    for part in (0.2, 0.6, 0.97):
        path.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(OSError):
            Image.open(path).load()
        assert "ends" in tool("decode", path, tmp_path / "out", ok=False)
    path.write_text("some words")
    assert "not a picture" in tool("decode", path, tmp_path / "out", ok=False)


SIZES = [
    ((157, 203), (224, 224)),
    ((375, 500), (224, 224)),
    ((500, 375), (224, 224)),
    ((500, 333), (224, 224)),
    ((300, 300), (224, 224)),
    ((640, 64), (32, 96)),
    ((64, 640), (96, 32)),
    ((17, 224), (224, 224)),
    ((1, 1), (5, 7)),
]


@pytest.mark.parametrize("source,target", SIZES, ids=[f"{a[0]}x{a[1]}-{b[0]}x{b[1]}" for a, b in SIZES])
def test_resize(tf, tmp_path, source, target):
    path = tmp_path / "p.png"
    picture = photo(*source)
    picture.save(path)
    for method, code in PIL_METHODS.items():
        ours = preprocess(path, tmp_path, *target, method=method)
        assert np.array_equal(ours, np.asarray(picture.resize(target[::-1], code))), method
        for antialias in (False, True):
            ours = preprocess(path, tmp_path, *target, method=method, flavour="tf", antialias=antialias)
            theirs = tf.image.resize(np.asarray(picture), target, method=method, antialias=antialias).numpy()
            assert np.abs(ours - theirs).max() <= 1e-3, (method, antialias)


@pytest.mark.parametrize("source", [(157, 203), (333, 100), (50, 400), (97, 97)])
def test_pad(tf, tmp_path, source):
    path = tmp_path / "p.png"
    picture = photo(*source)
    picture.save(path)
    for h, w in ((96, 96), (64, 130)):
        ours = preprocess(path, tmp_path, h, w, mode="pad")
        assert np.array_equal(ours, np.asarray(ImageOps.pad(picture, (w, h), R.BICUBIC, color=(0, 0, 0))))
        ours = preprocess(path, tmp_path, h, w, mode="pad", method="bilinear", flavour="tf", antialias=False)
        theirs = tf.image.resize_with_pad(np.asarray(picture), h, w).numpy()
        assert np.abs(ours - theirs).max() <= 1e-3


@pytest.mark.parametrize("source", [(157, 203), (500, 375), (300, 300), (40, 33)])
def test_centre_crop(tf, tmp_path, source):
    """EfficientNet's evaluation crop, written with TensorFlow's ops."""
    path = tmp_path / "p.png"
    picture = photo(*source)
    picture.save(path)
    side = int(224 * min(source) / (224 + 32))
    top = (source[0] - side + 1) // 2
    left = (source[1] - side + 1) // 2
    box = (left, top, left + side, top + side)
    ours = preprocess(path, tmp_path, 224, 224, mode="crop")
    assert np.array_equal(ours, np.asarray(picture.crop(box).resize((224, 224), R.BICUBIC)))
    cropped = tf.image.crop_to_bounding_box(np.asarray(picture), top, left, side, side)
    ours = preprocess(path, tmp_path, 224, 224, mode="crop", flavour="tf", antialias=False)
    assert np.abs(ours - tf.image.resize(cropped, (224, 224), method="bicubic").numpy()).max() <= 1e-3
