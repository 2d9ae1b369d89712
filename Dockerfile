# Two stages: the first builds page and package, the second has neither compiler nor Node. Runs as nobody, root read-only.
FROM debian:12-slim AS build
RUN apt-get update -q && apt-get install -y -q --no-install-recommends python3 python3-venv make ca-certificates bash
WORKDIR /src
COPY . .
RUN make install

FROM debian:12-slim
RUN apt-get update -q && apt-get install -y -q --no-install-recommends python3 ca-certificates fonts-dejavu-core && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/sluicegate /opt/sluicegate
USER 65534:65534
VOLUME /srv/sluicegate
ENTRYPOINT ["/opt/sluicegate/bin/sluicegate"]
CMD ["serve", "/srv/sluicegate"]
