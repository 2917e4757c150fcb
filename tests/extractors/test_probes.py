from ptmrec.extractors.probes import make_probes, probes_hash


def test_probes_are_fixed_by_their_seed():
    first, again = make_probes(12, 32, 0), make_probes(12, 32, 0)
    assert first.shape == (12, 32, 32, 3)
    assert probes_hash(first) == probes_hash(again)
    assert probes_hash(first) != probes_hash(make_probes(12, 32, 1))
    assert len({image.tobytes() for image in first}) == 12
