"""Connections to the CRM: which ones are reused, and what it means when one ends before a status arrives."""

from __future__ import annotations

import functools
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace

from engagement_jobs.contract.errors import ReusedConnectionError, StaleConnectionError, UnsentError
from engagement_jobs.contract.network import refuses_client
from engagement_jobs.crm_client.error_translation import ERRORS, translate
from engagement_jobs.crm_client.transport.certificates import certificate_reason

_STATUSES_WITHOUT_BODY = (b"204", b"205")
_END_OF_HEAD = b"\r\n\r\n"
_UNAUTHORIZED = 407  # by the proxy


class Request(aiohttp.ClientRequest):
    """A request that is not written to a connection that has unread data, which cannot be its response.

    :param opened_connection: the connection of this request was opened for it
    """

    opened_connection = False

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        """Write the request.

        :raises StaleConnectionError: the connection has received data or was closed; nothing was written
        """
        if conn.protocol is None or conn.protocol.should_close:
            raise StaleConnectionError
        return await super().send(conn)


class Protocol(ResponseHandler):
    """Parser of a connection, for which status and headers count even if the bytes behind them are broken."""

    def data_received(self, data: bytes) -> None:
        """Parse the end of a head by itself unless the body matters: an error would drop what comes with it."""
        while data[9:10] == b"1" and _END_OF_HEAD in data:  # such as 100 Continue, before the response itself
            head, end, data = data.partition(_END_OF_HEAD)
            super().data_received(head + end)
        if not data:
            return
        if data[9:10] != b"2" or data[9:12] in _STATUSES_WITHOUT_BODY:
            head, end, data = data.partition(_END_OF_HEAD)
            super().data_received(head + end)
        super().data_received(data)


_PROTOCOL: type[ResponseHandler] = Protocol


class Connector(aiohttp.TCPConnector):
    """A connection pool that marks the requests for which it opens a connection."""

    def __init__(self, **options: Any) -> None:
        """Create the pool.

        :param options: of aiohttp
        """
        super().__init__(**options)
        self._factory = functools.partial(_PROTOCOL, loop=self._loop)

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's
    ) -> ResponseHandler:
        """Open a connection.

        :raises UnsentError: the proxy cannot be used; its answer to CONNECT is never ambiguous
        """
        if isinstance(req, Request):
            req.opened_connection = True
        if req.proxy is None:
            return await super()._create_connection(req, traces, timeout)
        try:
            return await super()._create_connection(req, traces, timeout)
        except ERRORS as error:
            if isinstance(error, aiohttp.ClientConnectorError) and (error.host, error.port) == (req.host, req.port):
                raise  # the proxy has connected, and the TLS handshake with the CRM failed
            is_unauthorized = isinstance(error, aiohttp.ClientHttpProxyError) and error.status == _UNAUTHORIZED
            raise UnsentError("proxy_auth" if is_unauthorized else "proxy") from error


async def send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Raise this project's errors instead of aiohttp's. A middleware of aiohttp.

    aiohttp itself retries idempotent methods such as PUT when it sees one of its own errors.
    """
    try:
        try:
            response = await handler(request)
        except StaleConnectionError:
            response = await handler(request)  # nothing was written, and aiohttp has closed that connection
    except aiohttp.ClientConnectorCertificateError as error:
        code = getattr(error.certificate_error, "verify_code", 0)
        raise UnsentError(await certificate_reason(code, request)) from error
    except ERRORS as error:
        # With TLS 1.3 the server checks the client's certificate after the client has sent a request.
        if getattr(request, "opened_connection", True) and refuses_client(error.__cause__):
            raise UnsentError("tls_client_certificate") from error
        if isinstance(request, Request) and not request.opened_connection and _ended_before_status(error):
            raise ReusedConnectionError("reset") from error
        raise translate(error) from error
    if response.status == _UNAUTHORIZED and request.proxy is not None and not request.is_ssl():
        response.close()  # without TLS the proxy itself answers
        raise UnsentError("proxy_auth")
    return response


def _ended_before_status(error: Exception) -> bool:
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)  # otherwise it is the part of a response that has arrived
    return isinstance(error, aiohttp.ClientOSError | ConnectionError)
