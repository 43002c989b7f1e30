# One image for all services of docker-compose.yaml: Airflow in the folders of MWAA, and the environment of the Glue jobs.
# The project's code is mounted, so that edits take effect at once.
FROM python:3.12-slim-bookworm

# For machines that use their own package index. Proxies come from Docker's configuration.
ARG PIP_INDEX_URL
ARG UV_DEFAULT_INDEX

# Let uv use SSL_CERT_FILE and similar variables of the base image, like pip.
ENV UV_SYSTEM_CERTS=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

COPY requirements/tools.txt /opt/requirements/
RUN python -m venv /opt/tools && /opt/tools/bin/pip install --quiet -r /opt/requirements/tools.txt

# Compile bytecode here: the services cannot write to the packages and would compile at every start.
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

# Like MWAA. All requirements must be installed already, because MWAA must not download any either.
COPY plugins/constraints.txt plugins/
COPY requirements.txt ./
RUN pip install --quiet --no-index -r requirements.txt

# A named volume gets the owner of the folder at its mount point.
RUN useradd --uid 1000 --home-dir /usr/local/airflow --no-create-home airflow \
    && mkdir -p logs /srv/emulators/s3 && chown -R airflow: /usr/local/airflow /srv/emulators
# The user id is fixed above. Only files of this image resolve the name.
# hadolint ignore=DL3066
USER airflow
