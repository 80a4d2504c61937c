//! Container images without a Docker daemon: an OCI archive put together from files, as `ctr images import` reads it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{sys, tools};

/// What goes into an image.
pub struct Image {
    /// Its full name, such as `windlass.dev/sample:1`.
    pub name: String,
    /// Path in the image (without the leading slash), mode, and content.
    pub files: Vec<(String, u32, Vec<u8>)>,
    /// Symbolic links: path and what it points to.
    pub links: Vec<(String, String)>,
    /// What runs.
    pub entrypoint: Vec<String>,
    /// Its arguments, unless the pod says others.
    pub cmd: Vec<String>,
    /// `NAME=VALUE`.
    pub env: Vec<String>,
    /// `UID:GID`; empty for root.
    pub user: String,
    /// Labels of its configuration.
    pub labels: BTreeMap<String, String>,
}

/// What a registry or an archive holds of an image.
struct Parts {
    layer: Vec<u8>,
    config: String,
    manifest: String,
}

/// The agent's image: `windlass:0.1.0` in `manifests/`, which container runtimes read like this.
pub const WINDLASS: &str = "docker.io/library/windlass:0.1.0";

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Where Debian's busybox-static puts its binary.
const BUSYBOX: &str = "/bin/busybox";

/// Where Debian's ca-certificates puts the public authorities, here and in the image.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The tools that the sample application and its tests call, as links to busybox.
const APPLETS: &[&str] = &[
    "sh", "httpd", "sleep", "cat", "echo", "grep", "true", "false", "kill", "date",
];

impl Image {
    /// A small image with a shell and a web server (busybox), and `get`, which fetches from one.
    pub fn busybox(name: &str) -> Result<Self> {
        let binary = fs::read(BUSYBOX).with_context(|| {
            format!("reading {BUSYBOX}: the Debian package busybox-static holds it")
        })?;
        Ok(Self {
            name: name.into(),
            files: vec![
                ("bin/busybox".into(), 0o755, binary),
                ("bin/get".into(), 0o755, static_get()?),
            ],
            links: APPLETS
                .iter()
                .map(|a| (format!("bin/{a}"), "busybox".into()))
                .collect(),
            entrypoint: vec!["/bin/busybox".into()],
            cmd: vec![],
            env: vec!["PATH=/bin".into()],
            user: String::new(),
            labels: BTreeMap::new(),
        })
    }

    /// What holds a pod's namespaces open while its containers come and go.
    pub fn pause(name: &str) -> Result<Self> {
        let mut image = Self::busybox(name)?;
        image.entrypoint = ["/bin/busybox", "sleep", "2147483647"]
            .map(String::from)
            .to_vec();
        Ok(image)
    }

    /// windlass as the `Dockerfile` makes it: the static program, the public certificate authorities, nobody's user, nothing else.
    pub fn windlass(name: &str, binary: &Path) -> Result<Self> {
        let content = fs::read(binary).with_context(|| format!("reading {}", binary.display()))?;
        let mut files = vec![("windlass".into(), 0o755, content)];
        // A machine without them has no use for repositories behind https either.
        if let Ok(authorities) = fs::read(AUTHORITIES) {
            files.push((AUTHORITIES[1..].into(), 0o644, authorities));
        }
        Ok(Self {
            name: name.into(),
            files,
            links: vec![],
            entrypoint: vec!["/windlass".into()],
            cmd: vec!["agent".into()],
            env: vec![format!("SSL_CERT_FILE={AUTHORITIES}")],
            user: "65532:65532".into(),
            labels: BTreeMap::new(),
        })
    }

    /// Writes the archive into a folder; gives its path.
    pub fn write(&self, dir: &Path) -> Result<PathBuf> {
        let path = dir.join(format!("{}.tar", self.name.replace(['/', ':'], "-")));
        let mut archive = tar::Builder::new(File::create(&path)?);
        let parts = self.parts()?;
        put_blob(&mut archive, LAYER, &parts.layer)?;
        put_blob(&mut archive, CONFIG, parts.config.as_bytes())?;
        let mut manifest = put_blob(&mut archive, MANIFEST, parts.manifest.as_bytes())?;
        manifest["annotations"] = json!({
            "io.containerd.image.name": self.name,
            "org.opencontainers.image.ref.name": self.name.rsplit(':').next(),
        });
        let index = json!({"schemaVersion": 2, "manifests": [manifest]});
        put(
            &mut archive,
            "index.json",
            0o644,
            index.to_string().as_bytes(),
        )?;
        put(
            &mut archive,
            "oci-layout",
            0o644,
            br#"{"imageLayoutVersion":"1.0.0"}"#,
        )?;
        archive.into_inner()?;
        Ok(path)
    }

    /// Pushes it to a registry that wants no login, over plain HTTP, as the distribution specification has it; gives its digest.
    pub fn push(&self, host: &str, repository: &str, tag: &str) -> Result<String> {
        let parts = self.parts()?;
        let client: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
        let top = format!("http://{host}/v2/{repository}");
        for blob in [&parts.layer[..], parts.config.as_bytes()] {
            let begun = client.post(format!("{top}/blobs/uploads/")).send_empty().context("beginning an upload")?;
            let place = begun.headers().get("location").and_then(|place| place.to_str().ok()).context("the registry names no place for the upload")?;
            let place = if place.starts_with('/') { format!("http://{host}{place}") } else { place.to_owned() };
            let more = if place.contains('?') { '&' } else { '?' };
            client.put(format!("{place}{more}digest={}", digest(blob))).send(blob).context("uploading a blob")?;
        }
        let put = client.put(format!("{top}/manifests/{tag}")).content_type(MANIFEST);
        put.send(parts.manifest.as_bytes()).with_context(|| format!("pushing {host}/{repository}:{tag}"))?;
        Ok(digest(parts.manifest.as_bytes()))
    }

    fn parts(&self) -> Result<Parts> {
        let layer = self.layer()?;
        let config = json!({
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "os": "linux",
            "config": {
                "Entrypoint": self.entrypoint, "Cmd": self.cmd, "User": self.user, "Env": self.env, "WorkingDir": "/", "Labels": self.labels,
            },
            // Not compressed: the digest of the content is that of the blob.
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        })
        .to_string();
        let (about_config, about_layer) = (descriptor(CONFIG, config.as_bytes()), descriptor(LAYER, &layer));
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": about_config, "layers": [about_layer]}).to_string();
        Ok(Parts { layer, config, manifest })
    }

    fn layer(&self) -> Result<Vec<u8>> {
        let mut layer = tar::Builder::new(Vec::new());
        for (path, mode, content) in &self.files {
            put(&mut layer, path, *mode, content)?;
        }
        for (path, target) in &self.links {
            let mut header = header(0o777, 0);
            header.set_entry_type(tar::EntryType::Symlink);
            layer.append_link(&mut header, path, target)?;
        }
        // Read-only at run time; what needs a writable one mounts a volume over it.
        let mut tmp = header(0o1777, 0);
        tmp.set_entry_type(tar::EntryType::Directory);
        layer.append_data(&mut tmp, "tmp/", std::io::empty())?;
        Ok(layer.into_inner()?)
    }
}

/// Compiles `tests/tools/get` to a static program, once for each version of its text.
fn static_get() -> Result<Vec<u8>> {
    let source = sys::tests_dir().join("tools/get/main.rs");
    let digest = Sha256::digest(fs::read(&source)?);
    let path = tools::cache_dir()?.join(format!(
        "get-{:02x}{:02x}{:02x}{:02x}",
        digest[0], digest[1], digest[2], digest[3]
    ));
    if !path.exists() {
        let partial = path.with_extension(std::process::id().to_string());
        let mut rustc = Command::new("rustc");
        rustc.args([
            "--edition",
            "2024",
            "-C",
            "target-feature=+crt-static",
            "-C",
            "opt-level=s",
            "-C",
            "strip=symbols",
        ]);
        sys::run(rustc.arg("-o").arg(&partial).arg(&source))?;
        fs::rename(&partial, &path)?;
    }
    Ok(fs::read(path)?)
}

fn header(mode: u32, size: usize) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(size as u64);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn put<W: std::io::Write>(
    archive: &mut tar::Builder<W>,
    path: &str,
    mode: u32,
    content: &[u8],
) -> Result<()> {
    Ok(archive.append_data(&mut header(mode, content.len()), path, content)?)
}

/// Gives the descriptor of the blob.
fn put_blob<W: std::io::Write>(
    archive: &mut tar::Builder<W>,
    kind: &str,
    content: &[u8],
) -> Result<Value> {
    put(archive, &format!("blobs/{}", digest(content).replace(':', "/")), 0o644, content)?;
    Ok(descriptor(kind, content))
}

fn descriptor(kind: &str, content: &[u8]) -> Value {
    json!({"mediaType": kind, "digest": digest(content), "size": content.len()})
}

/// `sha256:HEX`
pub fn digest(content: &[u8]) -> String {
    let hex: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
