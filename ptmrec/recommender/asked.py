"""What somebody asked."""

from dataclasses import dataclass, field

from ptmrec.hardware.limits import Limits
from ptmrec.images.user_images import UserImages


@dataclass(frozen=True)
class Asked:
    """A question, as all that answers it reads it.

    Attributes:
        chosen: the images.
        regime: ``low_data`` or ``fine_tuning``: what somebody plans.
        count: models to show.
        data: what was brought, in words.
        started: when the question was asked, on the clock of :func:`time.perf_counter`.
        limits: hard limits.
        device: whose costs count; None = this machine.
        measure: ``none``, ``top`` or ``all``: what is measured on this machine before it is named.
    """

    chosen: UserImages
    regime: str
    count: int
    data: str
    started: float
    limits: Limits = field(default_factory=Limits)
    device: str | None = None
    measure: str = "none"
