# syntax=docker/dockerfile:1
# Two stages: the first installs the pinned packages, the second holds only what runs.

FROM python:3.12-slim AS build
COPY requirements.txt /requirements.txt
RUN python -m venv /opt/dailies \
    && /opt/dailies/bin/pip install --no-cache-dir --disable-pip-version-check \
       --only-binary=:all: --require-hashes -r /requirements.txt

FROM python:3.12-slim
# Dailies is MIT; the ffmpeg beside it is GPL, and the fonts are under the OFL: see NOTICE.
LABEL org.opencontainers.image.title="Dailies" \
      org.opencontainers.image.description="A Discord bot for teams that make video with LTX-2" \
      org.opencontainers.image.licenses="MIT AND GPL-3.0-or-later AND OFL-1.1 AND LGPL-3.0-only"
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin dailies \
    && install -d -o dailies -g dailies -m 0700 /data /backups
COPY --from=build /opt/dailies /opt/dailies
WORKDIR /app
COPY LICENSE NOTICE README.md ./
COPY bot bot
COPY cogs cogs
COPY storage storage
COPY playground playground
ENV PATH=/opt/dailies/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DAILIES_DATA=/data \
    DAILIES_WEB_PORT=8766 \
    DAILIES_CALLBACK_HOST=0.0.0.0 \
    DAILIES_PLAYGROUND_HOST=0.0.0.0
USER dailies
VOLUME /data
# /backups is for `python -m bot backup /backups`; what is mounted there must be of the user 10001.
# 8765: the page of `playground`. 8767: providers' callbacks, where PUBLIC_URL is set.
# /healthz, /readyz, /livez and /metrics, on port 8766, are for this container alone.
EXPOSE 8765 8767
STOPSIGNAL SIGTERM
# Liveness: whoever restarts unhealthy containers must not do so because Discord is down.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-m", "bot", "health", "--live"]
# Exec form: the bot itself is process 1 and gets the SIGTERM of `docker stop`.
ENTRYPOINT ["python", "-m", "bot"]
CMD ["run"]
