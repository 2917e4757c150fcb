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

from ptmrec.core.errors import DataError
from ptmrec.images.files import (
    FLATTENED,
    FORMATS,
    LOOSE,
    TURNED,
    find_files,
    is_image_file,
    list_folders,
    open_image,
    to_rgb,
)

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


@pytest.mark.parametrize("form", ["EPS", "TGA", "IM"])
def test_only_listed_formats_are_opened_whatever_the_name(tmp_path, form):
    Image.new("RGB", (16, 16)).save(tmp_path / "x.bin", format=form)
    (tmp_path / "x.bin").rename(tmp_path / "x.png")
    with pytest.raises(DataError, match="not one of PNG, JPEG"):
        open_image(tmp_path / "x.png")


@pytest.mark.parametrize("form", [*(f for f in FORMATS if f not in ("XPM", "XBM")), "TGA"])
def test_listed_formats_are_opened(tmp_path, form):
    path = tmp_path / ("x.tga" if form == "TGA" else "x")  # of which the decoder takes almost anything
    Image.new("RGB", (16, 16), (255, 0, 0)).save(path, format=form)
    red = np.asarray(open_image(path)).mean(axis=(0, 1))
    np.testing.assert_allclose(red, [255, 0, 0], atol=3)


def test_every_suffix_of_a_decoder_is_known():
    Image.init()
    for suffix, form in Image.registered_extensions().items():
        assert suffix in FORMATS.get(form, [suffix]), suffix
    for suffix in {suffix for suffixes in FORMATS.values() for suffix in suffixes} | set(LOOSE):
        assert is_image_file(Path(f"x{suffix}")) and is_image_file(Path(f"x{suffix.upper()}"))


def test_an_image_without_a_suffix_is_known_by_its_first_bytes(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "0001", format="JPEG")
    (tmp_path / "0002").write_bytes(b"text")
    (tmp_path / "notes.txt").write_bytes((tmp_path / "0001").read_bytes())
    assert [is_image_file(path) for path in sorted(tmp_path.iterdir())] == [True, False, False]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_as_they_are_shown(tmp_path, orientation):
    from PIL import ImageOps

    values = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(4, 6, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(values).save(tmp_path / "x.png", exif=exif)
    found = open_image(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        np.testing.assert_array_equal(np.asarray(found), np.asarray(ImageOps.exif_transpose(image)))
    assert found.info["read_as"] == ((TURNED,) if orientation > 1 else ())


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_shows_white_without_a_warning(tmp_path, mode, recwarn):
    drawn = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    drawn.paste((0, 0, 0, 255), (0, 0, 4, 8))
    (drawn.quantize(4) if mode == "P" else drawn.convert(mode)).save(tmp_path / "x.png")
    found = open_image(tmp_path / "x.png")
    assert found.info["read_as"] == (FLATTENED,) and not recwarn.list
    np.testing.assert_allclose(np.asarray(found)[:, :, 0], np.tile([0] * 4 + [255] * 4, (8, 1)), atol=3)


def test_links_are_followed_once_and_never_back(tmp_path):
    write_images(tmp_path / "set", {"cat": 2, "dog": 2})
    write_images(tmp_path / "elsewhere", {"": 3})
    for name, target in {"cat/more": "elsewhere", "up": ".", "dog/all": "set", "pets": "set/cat"}.items():
        (tmp_path / "set" / name).symlink_to(tmp_path / target, target_is_directory=True)
    files, links = find_files(tmp_path / "set")
    assert len(files) == 7 and sum("more" in path.parts for path in files) == 3
    assert [str(link.relative_to(tmp_path / "set")) for link in links] == ["dog/all", "pets", "up"]


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    folder = write_images(tmp_path / "pets", {"cat": 2, ".cache": 1, "cat/.old": 1, "cat/more": 1})
    (folder / "cat" / "._0.png").write_bytes(b"x")
    assert [path.name for path in list_folders(folder)] == ["cat"]
    assert [path.relative_to(folder / "cat").as_posix() for path in find_files(folder / "cat")[0]] == [
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
            find_files(place / "cat")
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
        assert find_files(tmp_path)[0] == expected


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
