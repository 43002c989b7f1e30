"""Both sides name the object and the permission of a denied request in the same words."""

from __future__ import annotations

import inspect

from engagement.aws import access_denied
from engagement_jobs.common import access_denied as job_access_denied


def test_the_module_has_the_same_text_on_both_sides() -> None:
    text = inspect.getsource(job_access_denied)
    assert text.count("engagement_jobs") == 1  # the import of the error
    assert inspect.getsource(access_denied) == text.replace("engagement_jobs", "engagement")
