# One image for every service of docker-compose.yaml: Airflow laid out as on MWAA, and beside it the Glue jobs'
# environment. The project's code is mounted, so that an edit is live.
FROM python:3.12-slim-bookworm

# For a machine that reaches packages only through an index of its own; proxies come from Docker's own configuration.
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX

# SSL_CERT_FILE and the like of the base image hold for uv, as they do for pip.
ENV UV_SYSTEM_CERTS=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

COPY requirements/tools.txt /opt/requirements/
RUN python -m venv /opt/tools && /opt/tools/bin/pip install --quiet -r /opt/requirements/tools.txt

# Bytecode is compiled here: the services may not write beside the packages, and would compile at every start.
COPY requirements/glue.txt /opt/requirements/
RUN python -m venv --without-pip /opt/glue \
    && /opt/tools/bin/uv pip install --quiet --no-cache --compile-bytecode --require-hashes \
        --python /opt/glue/bin/python -r /opt/requirements/glue.txt
COPY local/spark/java.py /opt/setup/local/spark/
RUN PYTHONPATH=/opt/setup /opt/glue/bin/python -m local.spark.java

COPY requirements/airflow.txt /opt/requirements/
RUN python -m venv /opt/airflow \
    && /opt/tools/bin/uv pip install --quiet --no-cache --compile-bytecode --require-hashes \
        --python /opt/airflow/bin/python -r /opt/requirements/airflow.txt

ENV AIRFLOW_HOME=/usr/local/airflow \
    LOCAL_GLUE_PYTHON=/opt/glue/bin/python \
    PATH=/opt/airflow/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /usr/local/airflow

# As MWAA does with requirements.txt. Everything must be there already: on MWAA nothing is to be downloaded either.
COPY plugins/constraints.txt plugins/
COPY requirements.txt ./
RUN pip install --quiet --no-index -r requirements.txt

# Named volumes take over the owner of the folder that they cover.
RUN useradd --uid 1000 --home-dir /usr/local/airflow --no-create-home airflow \
    && mkdir -p logs /srv/emulators/s3 && chown -R airflow: /usr/local/airflow /srv/emulators
# Its number is fixed above, and the name is what a person reads; nothing but this image's own files resolves it.
# hadolint ignore=DL3066
USER airflow
