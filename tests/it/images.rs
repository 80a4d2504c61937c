//! The registry client against the real distribution registry.

use std::collections::BTreeMap;

use oci_client::manifest::{ImageIndexEntry, OciImageIndex, OciManifest};
use windlass::images::{Credentials, Options, Policy, Registries, RegistryError, policy};
use windlass::webhooks::Image;

use crate::registry::{Made, Registry};

fn image(registry: &Registry, name: &str) -> Image {
    Image::parse(&format!("{}/{name}", registry.host())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_policies_and_details() {
    let registry = Registry::start("");
    let label = |build: &str| BTreeMap::from([("org.opencontainers.image.revision".to_owned(), build.to_owned())]);
    for (tag, created) in [("1.4.1", "2025-01-03T00:00:00Z"), ("1.4.10", "2025-01-02T00:00:00Z"), ("1.5.0-rc.1", "2025-01-04T00:00:00Z"), ("latest", "2025-01-01T00:00:00Z")] {
        registry.push("shop/web", tag, &Made { created: created.into(), labels: label(tag) }).await;
    }
    let (registries, options, web) = (Registries::default(), Options::default(), image(&registry, "shop/web"));
    let policy = Policy::semver("~1.4", false).unwrap();
    let tags = registries.tags(&web, &options, |_| false).await.unwrap();
    assert_eq!(tags.len(), 4);
    assert_eq!(policy.choose(&tags).unwrap().name, "1.4.10");
    let newest = Policy::Newest { pattern: Some(policy::pattern(r"1\.4\..*").unwrap()) };
    let aged = registries.tags(&web, &options, |tag| newest.fits(tag)).await.unwrap();
    assert_eq!(newest.choose(&aged).unwrap().name, "1.4.1", "by its age, not by its name");
    let exact = Image { tag: Some("1.4.10".into()), ..web.clone() };
    let details = registries.details(&exact, &options).await.unwrap();
    assert_eq!(details.labels["org.opencontainers.image.revision"], "1.4.10");
    assert_eq!((details.created.as_str(), details.platforms.as_slice()), ("2025-01-02T00:00:00Z", &["linux/amd64".to_owned()][..]));
    assert_eq!(details.digest, registries.digest(&exact, &options).await.unwrap());
    // A tag that moves is seen: nothing is kept but by digest.
    registry.push("shop/web", "1.4.10", &Made { created: String::new(), labels: label("moved") }).await;
    assert_eq!(registries.details(&exact, &options).await.unwrap().labels["org.opencontainers.image.revision"], "moved");
    let missing = Image { tag: Some("9.9".into()), ..web };
    let error = registries.digest(&missing, &options).await.unwrap_err();
    assert!(matches!(error, RegistryError::Missing(_)), "{error:?}");
    assert_eq!(error.to_string(), format!("{0} has no {0}/shop/web:9.9", registry.host()));
    let error = registries.tags(&image(&registry, "no/such"), &options, |_| false).await.unwrap_err();
    assert!(matches!(error, RegistryError::Missing(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_tags_is_read() {
    let registry = Registry::start("");
    registry.push("many", "0.0.0", &Made::default()).await;
    let (client, auth) = (registry.client(), registry.auth());
    let (manifest, _) = client.pull_manifest(&registry.reference("many", "0.0.0"), &auth).await.unwrap();
    for number in 1..=1005 {
        client.push_manifest(&registry.reference("many", &format!("0.0.{number}")), &manifest).await.unwrap();
    }
    let tags = Registries::default().tags(&image(&registry, "many"), &Options::default(), |_| false).await.unwrap();
    assert_eq!(tags.len(), 1006);
    assert_eq!(Policy::semver(">=0", false).unwrap().choose(&tags).unwrap().name, "0.0.1005");
}

#[tokio::test(flavor = "multi_thread")]
async fn platforms_and_referrers() {
    let registry = Registry::start("");
    let digest = registry.push("multi", "one", &Made::default()).await;
    let (client, auth) = (registry.client(), registry.auth());
    let (_, size) = client.pull_manifest_raw(&registry.reference("multi", "one"), &auth, &["application/vnd.oci.image.manifest.v1+json"]).await.map(|(bytes, _)| ((), bytes.len())).unwrap();
    let entry = |architecture: &str| -> ImageIndexEntry {
        serde_json::from_value(serde_json::json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size,
            "platform": { "os": "linux", "architecture": architecture },
        })).unwrap()
    };
    let index: OciImageIndex = serde_json::from_value(serde_json::json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [entry("amd64"), entry("arm64")],
    })).unwrap();
    client.push_manifest(&registry.reference("multi", "both"), &OciManifest::ImageIndex(index)).await.unwrap();
    let (registries, options) = (Registries::default(), Options::default());
    let both = Image { tag: Some("both".into()), ..image(&registry, "multi") };
    let details = registries.details(&both, &options).await.unwrap();
    assert_eq!(details.platforms, ["linux/amd64", "linux/arm64"]);
    assert_eq!(details.created, "2025-01-01T00:00:00Z");
    // The registry has no referrers API: a signature stands under a tag made of the digest.
    let signature: OciImageIndex = serde_json::from_value(serde_json::json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": size, "artifactType": "application/vnd.example.sbom" }],
    })).unwrap();
    client.push_manifest(&registry.reference("multi", &digest.replace(':', "-")), &OciManifest::ImageIndex(signature)).await.unwrap();
    let one = Image { tag: Some("one".into()), ..image(&registry, "multi") };
    let found = registries.referrers(&one, &digest, &options).await.unwrap();
    assert_eq!(found.iter().map(|one| one.kind.as_str()).collect::<Vec<_>>(), ["application/vnd.example.sbom"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_open_a_locked_registry() {
    let registry = Registry::locked("ci", "hush-hush");
    registry.push("shop/web", "1.0.0", &Made::default()).await;
    let web = Image { tag: Some("1.0.0".into()), ..image(&registry, "shop/web") };
    let registries = Registries::default();
    let with = |user: &str, password: &str| {
        use base64::Engine as _;
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let json = serde_json::json!({ "auths": { registry.host(): { "auth": auth } } }).to_string();
        let data = BTreeMap::from([(".dockerconfigjson".to_owned(), json.into_bytes())]);
        Options { credentials: Credentials::from_secret(&data).unwrap(), insecure: false }
    };
    let good = with("ci", "hush-hush");
    assert_eq!(registries.tags(&web, &good, |_| false).await.unwrap().len(), 1);
    registries.details(&web, &good).await.unwrap();
    for (options, who) in [(Options::default(), "an anonymous caller"), (with("ci", "wrong-pass"), "user \"ci\"")] {
        let error = registries.digest(&web, &options).await.unwrap_err();
        assert!(matches!(error, RegistryError::Denied { .. }), "{error:?}");
        assert!(error.to_string().contains(who) && !error.to_string().contains("wrong-pass"), "{error}");
    }
    let nobody = Image { host: Some(format!("127.0.0.1:{}", crate::free_port())), ..web };
    let error = registries.digest(&nobody, &Options::default()).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error:?}");
}
