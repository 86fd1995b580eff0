# docker build -t shelfspace .    serves a run that lies at /srv/shop; CPU only, no torch
FROM python:3.11-slim AS build
ARG EXTRAS=serve,postgres
RUN python -m venv /opt/shelfspace
COPY pyproject.toml README.md LICENSE /source/
COPY shelfspace /source/shelfspace
RUN /opt/shelfspace/bin/pip install --no-cache-dir "/source[$EXTRAS]"

FROM python:3.11-slim
COPY --from=build /opt/shelfspace /opt/shelfspace
# Nothing is written but the run folder and /tmp.
RUN useradd --uid 10001 --no-create-home shelfspace && install -d -o shelfspace /srv/shop
ENV PATH=/opt/shelfspace/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/ready', timeout=4)"]
ENTRYPOINT ["shelfspace"]
CMD ["serve", "/srv/shop", "--host", "0.0.0.0"]
