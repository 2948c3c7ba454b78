# The demo shop, and the command line: see docker-compose.elk.yml.

# Minor version and distribution are fixed, their patches are welcome.
FROM python:3.13-slim-bookworm AS build
WORKDIR /source
COPY . .
# The backend comes by the same constraints, which a build in isolation would not look at.
RUN pip install --no-cache-dir --constraint constraints.txt hatchling \
    && pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && python -m venv --without-pip /opt/tracelog \
    && pip --python /opt/tracelog/bin/python install --no-cache-dir --constraint constraints.txt \
        "tracelog-elastic[grpc,sqlalchemy] @ file://$(ls /wheels/*.whl)"

FROM python:3.13-slim-bookworm
ENV PATH=/opt/tracelog/bin:$PATH PYTHONUNBUFFERED=1
# A volume that is mounted at /keys begins with the owner and mode that it has here.
RUN useradd --uid 10001 --create-home tracelog \
    && install --directory --owner=tracelog --group=tracelog --mode=0700 /keys
COPY --from=build /opt/tracelog /opt/tracelog
COPY docker/kibana_password.py /opt/tracelog/
USER 10001
CMD ["tracelog", "--help"]
