"""Both sides choose the proxy and trust certificates by the same code."""

from __future__ import annotations

import inspect

from engagement.contract import base_url, network
from engagement_jobs.contract import base_url as job_base_url
from engagement_jobs.contract import network as job_network


def test_the_module_has_the_same_text_on_both_sides() -> None:
    text = inspect.getsource(job_network)
    assert text.count("engagement_jobs") == 1  # the import of base_url
    assert inspect.getsource(network) == text.replace("engagement_jobs", "engagement")
    assert inspect.getsource(base_url.check_host_and_port) == inspect.getsource(job_base_url.check_host_and_port)
