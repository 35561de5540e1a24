"""JPEG by libjpeg-turbo beside stb_image, in one run."""
from picture_support import decode, encoded, photo, save
from PIL import Image


def test_jpeg_takes_at_most_two_thirds_of_stb_images_time(tmp_path):
    picture = photo(400, 280).resize((4000, 2800), Image.LANCZOS)
    for name, options in (("420", {"quality": 90}), ("444", {"quality": 95, "subsampling": 0})):
        file = save(tmp_path / f"{name}.jpg", encoded(picture, "jpeg", **options))
        rounds = [[decode([file], "--repeat", "3", *more)[0]["seconds"] for more in ((), ("--stb",))] for _ in range(4)]
        ours, stb = (min(times) for times in zip(*rounds))
        print(f"{name}: {1000 * ours:.0f} ms, stb_image {1000 * stb:.0f} ms: {stb / ours:.1f} times as fast")
        assert stb >= 1.5 * ours
