//! Chart repositories as sources and as places to publish to: HTTP, the distribution registry, an S3 server.

use super::Bench;
use super::http::repository;
use super::server::{Http, Rules, one_at_a_time};
use std::fs;
use std::path::Path;
use windlass::chart::repository::Wanted;
use windlass::sources::{Access, ChartError, Charts, Hidden, Outcome, Repository, Upload};
use xtask::servers;
use xtask::sys::Supervisor;

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}

fn open(address: &str) -> Repository {
    Repository { address: address.into(), access: Access { plain_http: true, ..Access::default() } }
}

fn range(range: &str) -> Wanted {
    Wanted { range: range.into(), prereleases: false }
}

fn upload(version: &str, message: &str) -> Upload {
    let bench = Bench::new();
    bench.chart("shop", "shop", version, "");
    bench.write("shop/values.yaml", &format!("message: {message}\n"));
    assert_eq!(bench.run_on("helm", &["package", "shop"], &[]).code, Some(0));
    let archive = fs::read(bench.path("helm", &format!("shop-{version}.tgz"))).unwrap();
    Upload::new(archive.into(), "2024-01-02T03:04:05Z".into()).unwrap()
}

/// The S3 server's address for `charts/` in its bucket, and what opens it.
fn bucket(server: &servers::Server) -> Repository {
    let (id, secret) = servers::S3_KEYS;
    let access = Access { s3: Some((id.into(), Hidden::new(secret.into()), None)), plain_http: true, ..Access::default() };
    Repository { address: format!("s3://bucket/charts?endpoint=http://{}", server.host()), access }
}

#[test]
fn an_index_is_read_once_and_archives_are_checked_against_it() {
    let folder = tempfile::TempDir::new().unwrap();
    repository(folder.path());
    let server = Http::start(folder.path(), Rules::default());
    let cache = tempfile::TempDir::new().unwrap();
    let charts = Charts::new(cache.path());
    let repo = open(&server.url());
    block(async {
        let found = charts.find(&repo, "shop", &range("~1")).await.unwrap();
        assert_eq!(found.version, "1.1.0");
        let again = charts.find(&repo, "shop", &Wanted { range: String::new(), prereleases: true }).await.unwrap();
        assert_eq!(again.version, "2.0.0-rc.1");
        assert_eq!(server.take_log(), ["GET /index.yaml 200", "GET /index.yaml 304"]);
        let archive = charts.archive(&repo, "shop", &found).await.unwrap();
        charts.archive(&repo, "shop", &found).await.unwrap();
        assert_eq!(server.take_log(), ["GET /shop-1.1.0.tgz 200"], "the second time from the cache");
        assert_eq!(Some(&archive.digest), found.digest.as_ref());
        // Somebody changes an archive under the same name.
        fs::write(folder.path().join("shop-1.0.0.tgz"), fs::read(folder.path().join("child-0.1.0.tgz")).unwrap()).unwrap();
        let found = charts.find(&repo, "shop", &range("1.0.0")).await.unwrap();
        let error = charts.archive(&repo, "shop", &found).await.unwrap_err();
        assert!(matches!(error, ChartError::Digest { .. }), "{error}");
        for (name, version, text) in [("none", "", "the index has no such chart (it has child, shop)"), ("shop", "^7", "none of its versions fits \"^7\"")] {
            let error = charts.find(&repo, name, &range(version)).await.unwrap_err();
            assert_eq!(error.reason(), "ChartNotFound");
            assert!(error.to_string().contains(text), "{error}");
        }
        let error = charts.find(&open(&format!("{}/nowhere", server.url())), "shop", &range("")).await.unwrap_err();
        assert!(error.to_string().contains("there is no index.yaml"), "{error}");
        let error = charts.find(&open(&format!("http://127.0.0.1:{}", crate::free_port())), "shop", &range("")).await.unwrap_err();
        assert_eq!(error.reason(), "ChartRepositoryUnreachable");
    });
}

#[test]
fn credentials_of_every_kind_open_a_repository() {
    let folder = tempfile::TempDir::new().unwrap();
    repository(folder.path());
    let cache = tempfile::TempDir::new().unwrap();
    let charts = Charts::new(cache.path());
    let bearer = Http::start(folder.path(), Rules { authorization: Some("Bearer token-hush".into()) });
    let basic = Http::start(folder.path(), Rules { authorization: Some(crate::git::server::basic("ann", "hush")) });
    let token = Access { bearer: Some(Hidden::new("token-hush".into())), ..Access::default() };
    let user = Access { username: Some("ann".into()), password: Some(Hidden::new("hush".into())), ..Access::default() };
    block(async {
        for (server, access, good) in [(&bearer, &token, true), (&basic, &user, true), (&bearer, &user, false), (&basic, &Access::default(), false)] {
            let repo = Repository { address: server.url(), access: access.clone() };
            let found = charts.find(&repo, "shop", &range("")).await;
            assert_eq!(found.is_ok(), good, "{found:?}");
            if let Err(error) = found {
                assert_eq!(error.reason(), "ChartRepositoryDenied");
                assert!(!error.to_string().contains("hush"), "{error}");
            }
        }
    });
}

#[test]
fn an_authority_of_ones_own_is_trusted_where_it_is_named() {
    use crate::git::server::{Front, Http as Tls, authority};
    let folder = tempfile::TempDir::new().unwrap();
    repository(folder.path());
    let index: &'static str = fs::read_to_string(folder.path().join("index.yaml")).unwrap().leak();
    let authority = authority("localhost");
    let front = Front { page: Some(index), tls: Some((authority.chain.clone(), authority.key.clone())), ..Front::default() };
    let server = Tls::start(folder.path(), front);
    let cache = tempfile::TempDir::new().unwrap();
    let charts = Charts::new(cache.path());
    let address = format!("https://localhost:{}", server.port);
    block(async {
        let error = charts.find(&open(&address), "shop", &range("")).await.unwrap_err();
        assert_eq!(error.reason(), "ChartRepositoryUnreachable", "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
        let access = Access { ca: Some(authority.root_pem.clone()), ..Access::default() };
        let found = charts.find(&Repository { address, access }, "shop", &range("")).await.unwrap();
        assert_eq!(found.version, "1.1.0");
    });
}

/// What has to hold of every place that charts are published to.
async fn published(charts: &Charts, repo: &Repository) {
    let (one, two, other) = (upload("1.0.0", "one"), upload("1.1.0+b.2", "two"), upload("1.0.0", "other"));
    assert_eq!(charts.publish(repo, &one).await.unwrap(), Outcome::Published);
    assert_eq!(charts.publish(repo, &one).await.unwrap(), Outcome::AlreadyThere);
    assert_eq!(charts.publish(repo, &two).await.unwrap(), Outcome::Published);
    let error = charts.publish(repo, &other).await.unwrap_err();
    assert_eq!(error.reason(), "ChartVersionTaken", "{error}");
    assert!(error.to_string().contains("Raise the version in Chart.yaml"), "{error}");
    let found = charts.find(repo, "shop", &range("~1.0")).await.unwrap();
    assert_eq!((found.version.as_str(), found.digest.as_ref()), ("1.0.0", Some(&one.digest)), "what was there stays");
    let found = charts.find(repo, "shop", &range("")).await.unwrap();
    assert_eq!(found.version, "1.1.0+b.2");
    assert_eq!(*charts.archive(repo, "shop", &found).await.unwrap().bytes, *two.archive);
}

#[test]
fn a_bucket_takes_each_version_once_and_helm_reads_its_index() {
    let supervisor = Supervisor::new("windlass-s3").unwrap();
    let server = servers::s3(&supervisor, "s3", "bucket").unwrap();
    let cache = tempfile::TempDir::new().unwrap();
    let (charts, repo) = (Charts::new(cache.path()), bucket(&server));
    block(published(&charts, &repo));
    // What lies in the bucket is a repository as helm knows it.
    let web = Http::start(&supervisor.dir().join("s3/bucket/charts"), Rules::default());
    let bench = Bench::new();
    let pulled = bench.fine(&["show", "chart", "shop", "--repo", &web.url()]);
    assert!(pulled.out.contains("version: 1.1.0+b.2"), "{}", pulled.out);
    let wrong = Repository { access: Access { s3: Some(("x".into(), Hidden::new("wrong-hush".into()), None)), ..Access::default() }, ..repo };
    let error = block(charts.find(&wrong, "shop", &range(""))).unwrap_err();
    assert!(!error.to_string().contains("wrong-hush"), "{error}");
}

#[test]
fn two_publishers_at_once_lose_nothing() {
    const EACH: usize = 6;
    let supervisor = Supervisor::new("windlass-s3").unwrap();
    let server = servers::s3(&supervisor, "s3", "bucket").unwrap();
    let port = one_at_a_time(server.port);
    let repo = bucket(&server);
    let repo = Repository { address: repo.address.replace(&server.host(), &format!("127.0.0.1:{port}")), ..repo };
    let uploads: Vec<Upload> = (0..2 * EACH).map(|number| upload(&format!("1.{number}.0"), "x")).collect();
    let caches = [tempfile::TempDir::new().unwrap(), tempfile::TempDir::new().unwrap()];
    block(async {
        let publishers = caches.iter().enumerate().map(|(number, cache)| {
            let (charts, repo) = (Charts::new(cache.path()), repo.clone());
            let mine: Vec<Upload> = uploads.iter().skip(number).step_by(2).cloned().collect();
            tokio::spawn(async move {
                for upload in &mine {
                    assert_eq!(charts.publish(&repo, upload).await.unwrap(), Outcome::Published);
                }
            })
        });
        for publisher in publishers.collect::<Vec<_>>() {
            publisher.await.unwrap();
        }
        let charts = Charts::new(caches[0].path());
        for upload in &uploads {
            let found = charts.find(&repo, "shop", &range(&upload.metadata.version)).await.unwrap();
            assert_eq!(found.digest.as_ref(), Some(&upload.digest));
        }
    });
}

#[test]
fn a_registry_takes_each_version_once_and_promotion_keeps_the_digest() {
    let supervisor = Supervisor::new("windlass-oci").unwrap();
    let registry = servers::registry(&supervisor, "registry", None).unwrap();
    let s3 = servers::s3(&supervisor, "s3", "bucket").unwrap();
    let cache = tempfile::TempDir::new().unwrap();
    let charts = Charts::new(cache.path());
    let staging = open(&format!("oci://{}/staging", registry.host()));
    let production = open(&format!("oci://{}/production", registry.host()));
    let bucket = bucket(&s3);
    block(async {
        published(&charts, &staging).await;
        let found = charts.find(&staging, "shop", &range("~1.0")).await.unwrap();
        let archive = charts.archive(&staging, "shop", &found).await.unwrap();
        let upload = Upload::new(archive.bytes, "2024-02-03T04:05:06Z".into()).unwrap();
        for target in [&production, &bucket] {
            charts.publish(target, &upload).await.unwrap();
            let promoted = charts.find(target, "shop", &range("1.0.0")).await.unwrap();
            assert_eq!(promoted.digest, found.digest, "digest for digest");
        }
    });
    // helm pulls what was published.
    let bench = Bench::new();
    let chart = format!("oci://{}/production/shop", registry.host());
    bench.fine(&["pull", &chart, "--version", "1.0.0", "--plain-http"]);
    bench.same_files(".");
}

#[test]
fn addresses_that_lead_nowhere_are_named() {
    let cache = tempfile::TempDir::new().unwrap();
    let charts = Charts::new(Path::new(cache.path()));
    for (address, text) in [
        ("ftp://host/x", "its scheme is none"),
        ("oci://host/UPPER", "invalid repository"),
        ("s3://", "names no bucket"),
        ("s3://b/p?region", "is no setting of it"),
        ("https://user:hush@host.invalid/x", "https://***@host.invalid/x"),
    ] {
        let error = block(charts.find(&open(address), "shop", &range("1.0.0"))).unwrap_err().to_string();
        assert!(error.contains(text) && !error.contains("hush"), "{address}: {error}");
    }
}
