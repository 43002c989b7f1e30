"""The HTTP server of the AWS emulator: moto's application with this package's Glue, CloudFormation and MWAA."""

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
    """Serve until the block ends, and yield the URL. Stops all job runs and Airflow at the end.

    Changes moto's registries, so it needs a process of its own (`python -m local.aws_emulator`).

    :param root: folder that S3 serves, with one subfolder per bucket
    :param s3_url: URL of S3
    :param port: 0 takes a free port
    :param scratch: folder of job runs and Airflow; None is `glue`, next to `root`
    """
    _clear_environment()
    # moto reads the environment when it is imported.
    from werkzeug.serving import make_server

    from local.aws_emulator.glue import backend
    from local.aws_emulator.mwaa import mwaa_environment

    application = _application(s3_url, lambda: url)
    server = make_server(host, port, application, threaded=True, request_handler=_request_handler())
    server.daemon_threads = True  # type: ignore[attr-defined] # an open connection must not delay the shutdown
    url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{server.server_port}"  # noqa: S104
    settings = EmulatorSettings.from_env(root, scratch or root.resolve().parent / "glue", s3_url, url)
    backend.install(settings)
    mwaa_environment.MwaaEnvironment.settings = settings
    serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    serving.start()
    try:
        yield url
    finally:
        server.shutdown()  # first, so that no request starts another run
        mwaa_environment.delete_all()
        backend.stop_all()
        serving.join(5)
        server.server_close()


def _clear_environment() -> None:
    """Remove proxies and the AWS configuration of this machine from the environment of this process."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("AWS_"):
            del os.environ[name]


def _application(s3_url: str, aws_url: Callable[[], str]) -> Any:
    """Return the WSGI application.

    :param aws_url: returns the URL of this emulator, which is known when the server has its port
    """
    from flask import Flask
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    from local.aws_emulator.cloudformation import cloudformation_api
    from local.aws_emulator.cloudformation.resources import Services
    from local.aws_emulator.mwaa.mwaa_api import add_mwaa_api

    def create_service(service: Any) -> Flask:
        if service == "cloudformation":
            return cloudformation_api.application(Services(s3_url, aws_url()))
        return create_backend_app(service)

    return add_mwaa_api(DomainDispatcherApplication(create_service))


def _request_handler() -> Any:
    from moto.moto_server.werkzeug_app import MotoRequestHandler

    class QuietRequestHandler(MotoRequestHandler):
        """A handler that logs errors, but not each request."""

        def log_request(self, *_: object) -> None:
            """Log nothing."""

    return QuietRequestHandler
