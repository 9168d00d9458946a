"""Eight networks through six formats, both ways, at two sizes and batches: within 2e-5 of the logits' range."""

import pytest

import nets
from matrix import FORMATS, record, run_net

keras = pytest.importorskip("keras")
TOLERANCE = 2e-5


@pytest.mark.parametrize("name", list(nets.NETS))
def test_net(name, tmp_path):
    errors = run_net(keras, name, tmp_path)
    record(name, errors)
    assert set(errors) == {(f, way) for f in FORMATS for way in ("read", "written")}
    bad = {key: value for key, value in errors.items() if isinstance(value, str) or value > TOLERANCE}
    assert not bad, bad
