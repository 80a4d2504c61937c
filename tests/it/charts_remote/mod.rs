//! helm's commands that package and fetch charts: the same calls to windlass and to helm v4.3.1, on real servers. Exit code,
//! output, errors and what they leave on disk must be equal.

mod dependency;
mod http;
mod oci;
mod package;
mod server;
mod sources;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Two work folders alike, one for helm and one for windlass.
pub struct Bench {
    dir: tempfile::TempDir,
}

/// How a call ended.
#[derive(Debug, PartialEq)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

const SIDES: [&str; 2] = ["helm", "windlass"];

impl Bench {
    pub fn new() -> Bench {
        let bench = Bench { dir: tempfile::TempDir::new().unwrap() };
        for side in SIDES {
            fs::create_dir_all(bench.side(side).join("home")).unwrap();
            fs::create_dir_all(bench.side(side).join("work")).unwrap();
        }
        bench
    }

    fn side(&self, side: &str) -> PathBuf {
        self.dir.path().join(side)
    }

    /// Writes a file into both work folders.
    pub fn write(&self, path: &str, text: &str) {
        for side in SIDES {
            let file = self.side(side).join("work").join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, text).unwrap();
            // The same time on both sides, as archives carry it.
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_700_000_000_700);
            fs::File::options().append(true).open(&file).unwrap().set_modified(time).unwrap();
        }
    }

    /// A small chart in both work folders.
    pub fn chart(&self, folder: &str, name: &str, version: &str, more: &str) {
        self.write(&format!("{folder}/Chart.yaml"), &format!("apiVersion: v2\nname: {name}\nversion: {version}\ndescription: About <{name}> & more\n{more}"));
        self.write(&format!("{folder}/values.yaml"), &format!("# of {name}\nmessage: hello\n"));
        self.write(&format!("{folder}/README.md"), &format!("# {name}\n"));
        self.write(&format!("{folder}/templates/config.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-{{ .Chart.Name }}\ndata:\n  message: {{ .Values.message }}\n  version: {{ .Chart.Version | quote }}\n");
    }

    pub fn run_on(&self, side: &str, args: &[&str], environment: &[(&str, &str)]) -> Ended {
        let program = match side {
            "helm" => xtask::tools::tool("helm").unwrap(),
            _ => PathBuf::from(env!("CARGO_BIN_EXE_windlass")),
        };
        let top = self.side(side);
        let mut command = Command::new(program);
        command.args(args).current_dir(top.join("work")).env("HOME", top.join("home")).env("TZ", "UTC");
        for name in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HELM_NAMESPACE", "DOCKER_CONFIG", "SOURCE_DATE_EPOCH", "KUBECONFIG"] {
            command.env_remove(name);
        }
        let output = command.envs(environment.iter().copied()).output().unwrap();
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(top.to_str().unwrap(), "TOP");
        Ended { code: output.status.code(), out: shown(&output.stdout), err: shown(&output.stderr) }
    }

    /// Runs the same on both sides; they must end alike. What came is given back.
    pub fn both(&self, args: &[&str]) -> Ended {
        self.both_with(args, &[])
    }

    pub fn both_with(&self, args: &[&str], environment: &[(&str, &str)]) -> Ended {
        let helm = self.run_on("helm", args, environment);
        let ours = self.run_on("windlass", args, environment);
        assert_eq!(ours, helm, "{args:?}: ours on the left, helm's on the right");
        helm
    }

    /// Runs on both sides and wants success.
    pub fn fine(&self, args: &[&str]) -> Ended {
        let ended = self.both(args);
        assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.err);
        ended
    }

    /// Runs on both sides and wants failure.
    pub fn refused(&self, args: &[&str]) -> Ended {
        let ended = self.both(args);
        assert_ne!(ended.code, Some(0), "{args:?}: {}", ended.out);
        ended
    }

    /// What lies below a folder of both sides must be alike: archives by their tar bytes, the time in a lock left out.
    pub fn same_files(&self, folder: &str) {
        let [helm, ours] = SIDES.map(|side| tree(&self.side(side).join("work").join(folder)));
        assert!(!helm.is_empty(), "{folder} is there");
        assert_eq!(ours.keys().collect::<Vec<_>>(), helm.keys().collect::<Vec<_>>());
        for (path, bytes) in &helm {
            let (ours, helm) = (&ours[path], bytes);
            let same = ours == helm;
            assert!(same, "{path}: ours\n{}\nhelm's\n{}", String::from_utf8_lossy(ours), String::from_utf8_lossy(helm));
        }
    }

    pub fn path(&self, side: &str, path: &str) -> PathBuf {
        self.side(side).join("work").join(path)
    }
}

fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            let bytes = fs::read(&path).unwrap();
            let bytes = match name.rsplit('.').next() {
                Some("tgz") => unzipped(&bytes),
                Some("lock") => String::from_utf8_lossy(&bytes).lines().filter(|line| !line.starts_with("generated:")).collect::<Vec<_>>().join("\n").into_bytes(),
                _ => bytes,
            };
            found.insert(name, bytes);
        }
    }
    found
}

/// The tar bytes, with Helm's marks of the gzip header before them; subcharts in the order of their names, for helm's own order is
/// that of a Go map (`LoadFiles` in `pkg/chart/v2/loader/load.go`).
fn unzipped(bytes: &[u8]) -> Vec<u8> {
    use std::io::Read;
    let mut decoder = flate2::read::GzDecoder::new(bytes);
    let mut tar = Vec::new();
    decoder.read_to_end(&mut tar).unwrap();
    let header = decoder.header().unwrap();
    let mut all = format!("{:?} {:?} {} ", header.extra(), header.comment(), header.operating_system()).into_bytes();
    let mut entries = entries(&tar);
    entries.sort_by_key(|(subchart, _)| *subchart);
    entries.iter().for_each(|(_, bytes)| all.extend_from_slice(bytes));
    all
}

/// The entries of a tar, header and all, each with the name of the subchart that it is of; the blocks at its end are the last one.
fn entries(tar: &[u8]) -> Vec<(Option<&str>, &[u8])> {
    const BLOCK: usize = 512;
    const NAME: std::ops::Range<usize> = 0..100;
    const SIZE: std::ops::Range<usize> = 124..136;
    let text = |bytes: std::ops::Range<usize>, at: usize| {
        std::str::from_utf8(&tar[at + bytes.start..at + bytes.end]).expect("headers here are text").trim_matches(['\0', ' '])
    };
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tar.len() && tar[at] != 0 {
        let size = usize::from_str_radix(text(SIZE, at), 8).expect("a size is octal");
        let mut parts = text(NAME, at).split('/').skip(1);
        let subchart = parts.next().filter(|part| *part == "charts").and_then(|_| parts.next());
        let next = at + BLOCK + size.next_multiple_of(BLOCK);
        found.push((subchart, &tar[at..next]));
        at = next;
    }
    // The end stays the end: no subchart's name comes after this.
    found.push((Some("\u{10FFFF}"), &tar[at..]));
    found
}
