"""All answers that are given byte by byte, by name."""

from local.fake_crm.behaviors.bodies import BODIES
from local.fake_crm.behaviors.http_forms import BROKEN, GOOD
from local.fake_crm.behaviors.platforms import PLATFORMS
from local.fake_crm.behaviors.raw_answer import RawAnswer

ANSWERS: dict[str, RawAnswer] = {**GOOD, **BROKEN, **BODIES, **PLATFORMS}
