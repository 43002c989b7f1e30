"""The stack of docker-compose.yaml: `make up` and `make down` on the host, and helpers inside the containers.

The host side (`python -m local.compose`) needs only Python's standard library and Docker Compose.
"""
