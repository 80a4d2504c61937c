//! The real distribution registry on a free port, and a small pusher of images.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::{IMAGE_LAYER_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use tempfile::TempDir;

/// What an image is made of.
#[derive(Clone, Default)]
pub struct Made {
    pub created: String,
    pub labels: BTreeMap<String, String>,
}

/// A running registry; it ends with this value.
pub struct Registry {
    pub port: u16,
    login: Option<(String, String)>,
    _dir: TempDir,
    child: Child,
}

impl Registry {
    /// Starts it with more lines of configuration.
    pub fn start(more: &str) -> Registry {
        Self::begin(more, None)
    }

    /// One that wants user and password.
    #[allow(dead_code)] // the tests of the registry client alone need it
    pub fn locked(user: &str, password: &str) -> Registry {
        Self::begin("", Some((user, password)))
    }

    fn begin(more: &str, login: Option<(&str, &str)>) -> Registry {
        let program = xtask::tools::tool("registry").expect("the registry is built from its Go module");
        let dir = TempDir::new().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut config = format!(
            "version: 0.1\nlog:\n  accesslog:\n    disabled: true\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:{port}\n{more}",
            dir.path().join("data").display()
        );
        if let Some((user, password)) = login {
            let hash = bcrypt::hash(password, 4).unwrap().replace("$2b$", "$2y$");
            std::fs::write(dir.path().join("htpasswd"), format!("{user}:{hash}\n")).unwrap();
            config.push_str(&format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", dir.path().join("htpasswd").display()));
        }
        let file = dir.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let child = Command::new(program).arg("serve").arg(&file).env("OTEL_TRACES_EXPORTER", "none").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let registry = Registry { port, login: login.map(|(user, password)| (user.to_owned(), password.to_owned())), _dir: dir, child };
        for _ in 0..1200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return registry;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the registry did not start on port {port}");
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn auth(&self) -> RegistryAuth {
        match &self.login {
            Some((user, password)) => RegistryAuth::Basic(user.clone(), password.clone()),
            None => RegistryAuth::Anonymous,
        }
    }

    pub fn client(&self) -> Client {
        windlass::images::use_ring();
        Client::new(ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() })
    }

    pub fn reference(&self, repository: &str, tag: &str) -> Reference {
        Reference::with_tag(self.host(), repository.to_owned(), tag.to_owned())
    }

    /// Pushes an image of one small layer; its digest.
    pub async fn push(&self, repository: &str, tag: &str, made: &Made) -> String {
        let created = if made.created.is_empty() { "2025-01-01T00:00:00Z" } else { &made.created };
        let config = serde_json::json!({
            "created": created, "architecture": "amd64", "os": "linux", "config": { "Labels": made.labels },
            "rootfs": { "type": "layers", "diff_ids": [] },
        });
        let layer = ImageLayer::new(format!("{repository}:{tag}").into_bytes(), IMAGE_LAYER_MEDIA_TYPE.into(), None);
        let config = Config::oci_v1(config.to_string().into_bytes(), None);
        let mut manifest = OciImageManifest::build(std::slice::from_ref(&layer), &config, None);
        manifest.media_type = Some(OCI_IMAGE_MEDIA_TYPE.into());
        let (client, reference, auth) = (self.client(), self.reference(repository, tag), self.auth());
        client.push(&reference, &[layer], config, &auth, Some(manifest)).await.expect("the image is pushed");
        client.fetch_manifest_digest(&reference, &auth).await.expect("the image is there")
    }
}

impl Registry {
    /// Puts an artifact beside an image that refers to it, as signers and scanners do; and, as the distribution registry has no API for it,
    /// into the index under the tag that the OCI's specification has for this.
    #[allow(dead_code)] // the end-to-end tests alone need it
    pub async fn attach(&self, repository: &str, digest: &str, kind: &str) {
        let (client, auth) = (self.client(), self.auth());
        let subject = Reference::with_digest(self.host(), repository.to_owned(), digest.to_owned());
        let size = client.pull_manifest_raw(&subject, &auth, &[OCI_IMAGE_MEDIA_TYPE]).await.expect("the image is there").0.len();
        let layer = ImageLayer::new(b"{}".to_vec(), kind.to_owned(), None);
        let config = Config::new(b"{}".to_vec(), "application/vnd.oci.empty.v1+json".into(), None);
        let mut manifest = serde_json::to_value(OciImageManifest::build(std::slice::from_ref(&layer), &config, None)).unwrap();
        manifest["mediaType"] = OCI_IMAGE_MEDIA_TYPE.into();
        manifest["artifactType"] = kind.into();
        manifest["subject"] = serde_json::json!({ "mediaType": OCI_IMAGE_MEDIA_TYPE, "digest": digest, "size": size });
        let manifest: OciImageManifest = serde_json::from_value(manifest).unwrap();
        let artifact = self.reference(repository, "attached");
        client.push(&artifact, &[layer], config, &auth, Some(manifest)).await.expect("the artifact is pushed");
        let (bytes, digest_of) = client.pull_manifest_raw(&artifact, &auth, &[OCI_IMAGE_MEDIA_TYPE]).await.expect("it is there");
        let entry = serde_json::json!({ "mediaType": OCI_IMAGE_MEDIA_TYPE, "digest": digest_of, "size": bytes.len(), "artifactType": kind });
        let index = serde_json::json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry] });
        let index = serde_json::from_value(index).unwrap();
        client.push_manifest_list(&self.reference(repository, &digest.replace(':', "-")), &auth, index).await.expect("the index is pushed");
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
