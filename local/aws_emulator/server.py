"""The HTTP server of the stand-in: moto's application with this package's Glue, CloudFormation and MWAA."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from local.aws_emulator.emulator_settings import EmulatorSettings


@contextlib.contextmanager
def serve(
    root: Path, s3_url: str, *, port: int = 0, host: str = "127.0.0.1", scratch: Path | None = None
) -> Iterator[str]:
    """Serve while the block runs; gives the URL. Afterwards no job run and no Airflow is left.

    For a process of its own (`python -m local.aws_emulator`): it changes moto's registries.
    """
    for name in [n for n in os.environ if n.lower().endswith("_proxy") or n.startswith("AWS_")]:
        del os.environ[name]  # nothing of this machine's account or proxies takes part
    # moto looks at the environment and at proxies when it is imported.
    from flask import Flask
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    from local.aws_emulator.cloudformation import api
    from local.aws_emulator.cloudformation.resources import Services
    from local.aws_emulator.glue import backend
    from local.aws_emulator.mwaa import mwaa_environment
    from local.aws_emulator.mwaa.api import in_front_of

    class Quiet(MotoRequestHandler):
        """No line for every request; errors are still told."""

        def log_request(self, *_: object) -> None:
            """Say nothing."""

    def application_of(service: Any) -> Flask:
        return api.application(Services(s3_url, url)) if service == "cloudformation" else create_backend_app(service)

    application = in_front_of(DomainDispatcherApplication(application_of))
    server = make_server(host, port, application, threaded=True, request_handler=Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined] # an open connection must not hold up the end
    url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{server.server_port}"  # noqa: S104
    settings = EmulatorSettings.from_env(root, scratch or root.resolve().parent / "glue", s3_url, url)
    backend.install(settings)
    mwaa_environment.MwaaEnvironment.settings = settings
    serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    serving.start()
    try:
        yield url
    finally:
        _shut_down(server.shutdown, mwaa_environment.stop_all, backend.stop_all)
        serving.join(5)
        server.server_close()


def _shut_down(stop_serving: Callable[[], None], *stop_what_runs: Callable[[], None]) -> None:
    stop_serving()  # first, so that nobody starts another run meanwhile
    for stop in stop_what_runs:
        stop()
