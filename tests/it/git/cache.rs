//! What happens to the cache when processes die, disks lie and repositories are large.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use windlass::sources::{CacheLimits, GitCache, History, SourceError, Want};

use super::http::repo_of;
use super::repos::{Origin, git};
use super::server::{Front, Http};
use super::{cache, nobody, spec};

/// Runs in a process of its own, started by the tests below: fetches, then says how much memory it took.
#[test]
#[ignore = "a helper process"]
fn child() {
    let (url, dir) = (std::env::var("CHILD_URL").unwrap(), std::env::var("CHILD_DIR").unwrap());
    cache(Path::new(&dir)).snapshot(&spec(&url), &nobody(), &Want::default()).unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
}

fn start_child(url: &str, dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "git::cache::child", "--ignored", "--nocapture"])
        .env("CHILD_URL", url)
        .env("CHILD_DIR", dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Bytes that nothing compresses.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(len / 8)
    .flatten()
    .collect()
}

#[test]
fn a_fetch_that_was_killed_is_swept_and_done_again() {
    let (origin, dir) = (Origin::with_chart("app"), TempDir::new().unwrap());
    origin.write_bytes("noise", &noise(4 << 20, 1));
    origin.commit("large");
    let slow = Http::start(origin.root.path(), Front { slow: Some(Duration::from_millis(30)), ..Front::default() });
    let url = slow.url("app");
    let mut killed = start_child(&url, dir.path());
    let half_written = || -> Vec<PathBuf> {
        let packs = std::fs::read_dir(dir.path()).into_iter().flatten().flatten().map(|e| e.path().join("repo.git/objects/pack"));
        packs.flat_map(|dir| std::fs::read_dir(dir).into_iter().flatten().flatten()).map(|e| e.path()).collect()
    };
    while half_written().is_empty() {
        assert!(killed.try_wait().unwrap().is_none(), "the fetch ended before it could be killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(half_written().iter().any(|path| path.extension().is_none()), "{:?}", half_written());
    std::fs::write(repo_of(dir.path()).join("HEAD.lock"), "").unwrap();
    std::fs::create_dir_all(repo_of(dir.path()).join("refs/windlass/heads")).unwrap();
    std::fs::write(repo_of(dir.path()).join("refs/windlass/heads/main.lock"), "").unwrap();

    let snapshot = cache(dir.path()).snapshot(&spec(&url), &nobody(), &Want::default()).unwrap();
    assert_eq!(snapshot.files.len(), 2);
    assert!(half_written().iter().all(|path| path.extension().is_some()), "{:?}", half_written());
}

#[test]
fn a_damaged_cache_is_made_anew() {
    let origin = Origin::with_chart("app");
    let server = Http::start(origin.root.path(), Front::default());
    let damages: [(&str, fn(&Path)); 7] = [
        ("an empty pack", |repo| each_pack(repo, "pack", |path| std::fs::write(path, "").unwrap())),
        ("a garbled pack", |repo| each_pack(repo, "pack", |path| {
            let mut bytes = std::fs::read(path).unwrap();
            let len = bytes.len();
            bytes[12..len - 20].fill(0x5a);
            std::fs::write(path, bytes).unwrap();
        })),
        ("no packs", |repo| std::fs::remove_dir_all(repo.join("objects/pack")).unwrap()),
        ("an empty index", |repo| each_pack(repo, "idx", |path| std::fs::write(path, "").unwrap())),
        ("no HEAD", |repo| std::fs::remove_file(repo.join("HEAD")).unwrap()),
        ("an empty HEAD", |repo| std::fs::write(repo.join("HEAD"), "").unwrap()),
        ("a bad ref", |repo| std::fs::write(repo.join("refs/windlass/heads/main"), "zzzz").unwrap()),
    ];
    for (name, damage) in damages {
        let dir = TempDir::new().unwrap();
        let spec = spec(&server.url("app"));
        let before = cache(dir.path()).snapshot(&spec, &nobody(), &Want::default()).unwrap();
        damage(&repo_of(dir.path()));
        let after = cache(dir.path()).snapshot(&spec, &nobody(), &Want::default());
        let after = after.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(after.files, before.files, "{name}");
        origin.commit(name);
        let next = cache(dir.path()).snapshot(&spec, &nobody(), &Want { commit: None, previous: Some(before.commit.id) }).unwrap();
        assert_eq!(next.history, History::Advanced, "{name}");
    }
}

fn each_pack(repo: &Path, extension: &str, work: impl Fn(&Path)) {
    let mut seen = 0;
    for entry in std::fs::read_dir(repo.join("objects/pack")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == extension) {
            // git writes them read-only, which does not stop root.
            let _ = std::fs::remove_file(path.with_extension("unused"));
            let mut rights = std::fs::metadata(&path).unwrap().permissions();
            std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o644);
            std::fs::set_permissions(&path, rights).unwrap();
            work(&path);
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[test]
fn many_pushes_do_not_fill_the_cache_with_packs() {
    let (origin, dir) = (Origin::with_chart("app"), TempDir::new().unwrap());
    let (cache, spec) = (cache(dir.path()), spec(&origin.file_url()));
    let mut previous = None;
    for n in 0..70 {
        origin.write("chart/n", &n.to_string());
        origin.commit("n");
        let snapshot = cache.snapshot(&spec, &nobody(), &Want { commit: None, previous }).unwrap();
        assert!(!snapshot.rewritten);
        previous = Some(snapshot.commit.id);
    }
    let packs = std::fs::read_dir(repo_of(dir.path()).join("objects/pack")).unwrap().count();
    assert!(packs < 140, "{packs} files");
}

#[test]
fn unused_repositories_are_removed() {
    let (one, two, dir) = (Origin::with_chart("one"), Origin::with_chart("two"), TempDir::new().unwrap());
    let cache = cache(dir.path());
    for origin in [&one, &two] {
        cache.snapshot(&spec(&origin.file_url()), &nobody(), &Want::default()).unwrap();
    }
    let count = || std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(count(), 2);
    cache.retain([one.file_url().as_str()]);
    assert_eq!(count(), 1);
    cache.snapshot(&spec(&two.file_url()), &nobody(), &Want::default()).unwrap();
}

#[test]
fn a_repository_over_the_size_is_refused_while_it_is_fetched() {
    let (origin, dir) = (Origin::with_chart("app"), TempDir::new().unwrap());
    origin.write_bytes("noise", &noise(6 << 20, 2));
    origin.commit("large");
    let server = Http::start(origin.root.path(), Front::default());
    let cache = GitCache::new(dir.path(), CacheLimits { max_repository: 2 << 20, ..super::limits() });
    let error = cache.snapshot(&spec(&server.url("app")), &nobody(), &Want::default()).unwrap_err();
    assert!(matches!(error, SourceError::TooLarge { .. }), "{error:?}");
    assert!(error.to_string().contains("2 MiB"), "{error}");
}

#[test]
fn a_transfer_that_takes_too_long_is_given_up() {
    let (origin, dir) = (Origin::with_chart("app"), TempDir::new().unwrap());
    origin.write_bytes("noise", &noise(8 << 20, 3));
    origin.commit("large");
    let server = Http::start(origin.root.path(), Front { slow: Some(Duration::from_millis(50)), ..Front::default() });
    let cache = GitCache::new(dir.path(), CacheLimits { fetch_timeout: Duration::from_secs(1), ..super::limits() });
    let error = cache.snapshot(&spec(&server.url("app")), &nobody(), &Want::default()).unwrap_err();
    assert!(matches!(error, SourceError::TimedOut { .. }), "{error:?}");
}

/// `WINDLASS_TEST_REPOSITORY_MB=1024` for the full size.
#[test]
fn a_large_repository_is_fetched_in_bounded_memory() {
    let megabytes: usize = std::env::var("WINDLASS_TEST_REPOSITORY_MB").ok().and_then(|mb| mb.parse().ok()).unwrap_or(128);
    let (origin, dir) = (Origin::with_chart("app"), TempDir::new().unwrap());
    for repository in [origin.work(), origin.bare()] {
        git(&repository, &["config", "core.compression", "0"]);
        git(&repository, &["config", "pack.window", "0"]);
    }
    for n in 0..megabytes / 8 {
        origin.write_bytes(&format!("media/{n}"), &noise(8 << 20, n as u64 + 9));
    }
    origin.commit("large");
    let server = Http::start(origin.root.path(), Front::default());
    let output = start_child(&server.url("app"), dir.path()).wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let peak: usize = text.split("VmHWM:").nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    println!("{megabytes} MiB fetched, peak {} MiB", peak / 1024);
    assert!(peak / 1024 < 128, "{megabytes} MiB took {} MiB of memory", peak / 1024);
}
