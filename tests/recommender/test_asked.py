import numpy as np

from ptmrec.images.user_images import UserImages
from ptmrec.recommender.asked import Asked


def test_a_plain_question_has_no_limits_and_is_about_this_machine():
    asked = Asked(UserImages(np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1), 0), "low_data", 5, "images", 0.0)
    assert not asked.limits and asked.device is None and asked.measure == "none"
