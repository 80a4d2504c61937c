# windlass for everyone: one static program on nothing else. `docker build -t windlass .`
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake perl && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Linked against Debian's static glibc; OpenSSL, libgit2 and libssh2 are built from their crates.
ENV RUSTFLAGS="-C target-feature=+crt-static"
RUN cargo build --locked --release --target "$(uname -m)-unknown-linux-gnu" --package windlass --bin windlass \
 && install -D "target/$(uname -m)-unknown-linux-gnu/release/windlass" /image/windlass \
 && mkdir -p /image/tmp /image/var/cache/windlass \
 && chmod 1777 /image/tmp && chown 65532:65532 /image/var/cache/windlass

FROM scratch
COPY --from=build /image/ /
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
# Nobody by number: there is no /etc/passwd here. Run it with a read-only root; /var/cache/windlass and /tmp are volumes.
USER 65532:65532
ENTRYPOINT ["/windlass"]
CMD ["agent"]
