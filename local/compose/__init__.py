"""The stack of docker-compose.yaml: `make up` and `make down` on the host, small helpers inside the containers.

The host side (`python -m local.compose`) needs nothing but Python's standard library and a Compose.
"""
