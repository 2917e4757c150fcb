import os
import shutil
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import write_images
from PIL import Image

from ptmrec.dataloader.image_files import find_image_files, list_folders, open_image, to_rgb
from ptmrec.errors import DataError

RAMP = np.linspace(0, 1, 64).reshape(8, 8)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("deep.png", (RAMP * 65535).astype(np.uint16)),
        ("twelve_bit.png", (RAMP * 4095).astype(np.uint16)),
        ("deep.tif", (RAMP * 65535).astype(np.uint16)),
        ("whole.tif", (RAMP * 1e6 - 5e5).astype(np.int32)),
        ("real.tif", (RAMP * 3 - 1).astype(np.float32)),
    ],
)
def test_deep_images_are_scaled_by_their_range(tmp_path, name, values):
    Image.fromarray(values).save(tmp_path / name)
    pixels = np.asarray(open_image(tmp_path / name))
    assert pixels.shape == (8, 8, 3)
    np.testing.assert_allclose(pixels[..., 0], RAMP * 255, atol=1)


def test_deep_images_without_a_range_and_values_that_are_no_numbers():
    assert np.asarray(to_rgb(Image.fromarray(np.full((4, 4), 7, np.uint16)))).max() == 0
    broken = np.array([[np.nan, 0.0], [np.inf, 2.0]], np.float32)
    assert np.asarray(to_rgb(Image.fromarray(broken)))[..., 0].tolist() == [[0, 0], [0, 255]]


def test_eight_bit_images_keep_their_values_and_the_given_image_stays_as_it_is():
    image = Image.fromarray((RAMP * 100).astype(np.uint8)).resize((600, 600))
    small = to_rgb(image)
    assert small.size == (512, 512)
    assert image.size == (600, 600)
    assert np.asarray(small).max() <= 105  # shrinking overshoots a little, stretching to 255 would not stop there


@pytest.mark.parametrize("form", ["EPS", "TGA", "ICO"])
def test_only_listed_formats_are_opened_whatever_the_name(tmp_path, form):
    Image.new("RGB", (16, 16)).save(tmp_path / "x.bin", format=form)
    (tmp_path / "x.bin").rename(tmp_path / "x.png")
    with pytest.raises(DataError, match="not one of PNG, JPEG"):
        open_image(tmp_path / "x.png")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM"])
def test_listed_formats_are_opened(tmp_path, form):
    Image.new("RGB", (16, 16), (255, 0, 0)).save(tmp_path / "x", format=form)
    red = np.asarray(open_image(tmp_path / "x")).mean(axis=(0, 1))
    np.testing.assert_allclose(red, [255, 0, 0], atol=3)


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    folder = write_images(tmp_path / "pets", {"cat": 2, ".cache": 1, "cat/.old": 1, "cat/more": 1})
    (folder / "cat" / "._0.png").write_bytes(b"x")
    assert [path.name for path in list_folders(folder)] == ["cat"]
    assert [path.relative_to(folder / "cat").as_posix() for path in find_image_files(folder / "cat")] == [
        "0.png",
        "1.png",
        "more/0.png",
    ]


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_folder_that_may_not_be_read_is_said_to_be_so(mode):
    place = Path(tempfile.mkdtemp())  # not tmp_path, which only its owner may enter
    as_root = os.geteuid() == 0
    try:
        write_images(place, {"cat": 1})
        place.chmod(0o755)
        (place / "cat").chmod(mode)
        if as_root:
            os.seteuid(65534)
        with pytest.raises(DataError, match=r"cat.*cannot be read \(Permission denied\)"):
            find_image_files(place / "cat")
    finally:
        if as_root:
            os.seteuid(0)
        (place / "cat").chmod(0o755)
        shutil.rmtree(place)


def test_the_order_of_a_listing_does_not_matter(tmp_path, monkeypatch):
    for name in ("b/2.png", "b/1.png", "a/3.png", "c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (2, 2)).save(tmp_path / name)
    expected = sorted(tmp_path.rglob("*.png"))
    walk = os.walk
    for backwards in (True, False):

        def listing(*a, backwards=backwards, **k):
            return [(p, d, sorted(n, reverse=not backwards)) for p, d, n in sorted(walk(*a, **k), reverse=backwards)]

        monkeypatch.setattr("os.walk", listing)
        assert find_image_files(tmp_path) == expected


def test_an_image_that_announces_too_many_pixels_is_not_decoded(tmp_path, recwarn):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    for side in (13_000, 9_000, 60_000):
        head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        data = zlib.compress(bytes(1000))
        parts = (chunk(b"IHDR", head), chunk(b"IDAT", data), chunk(b"IEND", b""))
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
        with pytest.raises(DataError, match="more than 64 million|decompression bomb"):
            open_image(tmp_path / "a.png")
    assert not recwarn.list
