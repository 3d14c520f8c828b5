# The metrics service, and the one-shot commands that render configuration.
# PYTHON_IMAGE is given by docker-compose.yml, which holds all pins.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}

WORKDIR /app
COPY requirements.txt .
# A virtual environment works alike in upstream's image and in one made of Debian's packages.
RUN python3 -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt

COPY services services
COPY tools tools
COPY docs/runbooks docs/runbooks
COPY src/dreamos_metrics/version.py src/dreamos_metrics/version.py
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1
# The root file system is read-only at run time, so bytecode is written now.
RUN python -m compileall -q services tools

USER 10001:10001
EXPOSE 8000
ENTRYPOINT ["python", "-m", "tools.start_metrics_server"]
