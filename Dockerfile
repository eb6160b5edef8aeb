# syntax=docker/dockerfile:1
# The image of skoledok: the program and the certificate authorities on a plain Debian, run by a user without rights.
#
#   docker build -t skoledok --build-arg VERSION=0.1.0 --build-arg REVISION="$(git rev-parse HEAD)" .
#
# Where there is no Docker engine, deploy/build-image builds the same file with buildah. deploy/README.md tells the rest.
#
# Behind a proxy that signs with an authority of its own, give the bundle that has it as a secret, which stays out of
# the image: --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt

# Both stages stand on the same Debian, so that the program finds the libc that it was linked with.
ARG BASE=debian:12-slim

FROM ${BASE} AS build
# The newest that the tests have been run with; `rust-version` in Cargo.toml is the oldest that does.
ARG RUST=1.95.0
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential ca-certificates curl \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
# /opt/rust is empty here. deploy/build-image mounts a toolchain there where rustup's server is out of reach.
ENV RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo \
    PATH=/opt/rust/bin:/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
RUN --mount=type=secret,id=ca,target=/run/ca.crt \
    if [ -s /run/ca.crt ]; then export CURL_CA_BUNDLE=/run/ca.crt SSL_CERT_FILE=/run/ca.crt; fi; \
    if ! command -v cargo >/dev/null; then \
      curl --proto '=https' --tlsv1.2 -sSf -o /tmp/rustup-init https://sh.rustup.rs \
      && sh /tmp/rustup-init -y --no-modify-path --profile minimal --default-toolchain "${RUST}" \
      && rm /tmp/rustup-init; \
    fi \
 && rustc --version | grep -F "rustc ${RUST} "
WORKDIR /build
COPY . .
# What has been fetched and compiled is kept beside the image for the next build, so the program has to leave by a copy.
RUN --mount=type=secret,id=ca,target=/run/ca.crt \
    --mount=type=cache,id=skoledok-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=skoledok-target,target=/build/target \
    if [ -s /run/ca.crt ]; then export CARGO_HTTP_CAINFO=/run/ca.crt; fi; \
    cargo build --locked --profile dist --bin skoledok \
 && install -D -m 0755 target/dist/skoledok /out/skoledok \
 && strip /out/skoledok

FROM ${BASE}
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG SOURCE=
ARG DEBIAN_FRONTEND=noninteractive
LABEL org.opencontainers.image.title="skoledok" \
      org.opencontainers.image.description="School documents as archivable, accessible PDF: JSON in, PDF/A-2a + PDF/UA-1 out" \
      org.opencontainers.image.licenses="EUPL-1.2" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
# Certificate authorities for Redis and PostgreSQL with TLS. The folder is for the SQLite file, and the only one that
# the program may write to. The user has a number and no name, which lets Kubernetes see that it is not root.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/log/* \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/skoledok
COPY --from=build /out/skoledok /usr/local/bin/skoledok
USER 10001:10001
WORKDIR /var/lib/skoledok
VOLUME /var/lib/skoledok
EXPOSE 8080
STOPSIGNAL SIGTERM
# At the start each render process makes every sample; the service listens before that is done.
HEALTHCHECK --interval=15s --timeout=3s --start-period=30s --retries=3 CMD ["/usr/local/bin/skoledok", "health"]
ENTRYPOINT ["/usr/local/bin/skoledok"]
CMD ["serve"]
