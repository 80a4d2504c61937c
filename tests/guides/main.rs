//! The guides in `docs/guides/`, run: every `sh` block of a page, in order, by one shell, on a real API server with fake nodes and
//! an agent beside it. A page's comment `<!-- needs: TOOL… -->` names what it needs beyond windlass, kubectl, helm and git.

mod page;

use page::{Command as Line, Page};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use xtask::{
    cluster::{Cluster, Nodes, Options},
    sys::{self, Process},
    tools,
};

/// How long one page may take.
const LIMIT: Duration = Duration::from_secs(300);

struct World {
    cluster: Cluster,
    _agent: Process,
    /// Links to the programs.
    bin: PathBuf,
    folder: PathBuf,
}

impl World {
    fn start(pages: &[Page]) -> World {
        let cluster = Cluster::start(Options { nodes: Nodes::Kwok(3), ..Options::default() }).expect("the cluster starts");
        let folder = cluster.dir().join("guides");
        let bin = folder.join("bin");
        std::fs::create_dir_all(&bin).expect("a folder");
        let windlass = Path::new(env!("CARGO_BIN_EXE_windlass"));
        link(&bin, "windlass", windlass);
        let needed = pages.iter().flat_map(|page| page.needs.iter().map(String::as_str));
        for name in ["kubectl", "helm"].into_iter().chain(needed) {
            link(&bin, name, &tools::tool(name).unwrap_or_else(|error| panic!("{error:#}")));
        }
        xtask::agent::install_crd(&cluster, windlass).expect("the CRDs are taken");
        let agent = cluster.supervisor().spawn("agent", windlass, |command| {
            command.args(["agent", "--metrics-addr", "127.0.0.1:0", "--log-format", "text", "--cache-dir"]).arg(folder.join("cache"));
            command.env("KUBECONFIG", cluster.kubeconfig());
        });
        World { _agent: agent.expect("the agent starts"), bin, folder, cluster }
    }

    /// Runs a script as a person at a terminal would: its whole output, and whether all of it went well.
    fn run(&self, name: &str, script: &str) -> (bool, String) {
        let home = self.folder.join(name);
        std::fs::create_dir_all(&home).expect("a folder");
        std::fs::write(home.join(".gitconfig"), "[user]\n\tname = Pat\n\temail = pat@example.com\n[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n")
            .expect("a file");
        // Paths like `manifests/install.yaml` are those of a checkout.
        let manifests = home.join("manifests");
        if !manifests.exists() {
            std::os::unix::fs::symlink(sys::root_dir().join("manifests"), manifests).expect("a link");
        }
        let path = format!("{}:{}", self.bin.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("timeout");
        command.arg(LIMIT.as_secs().to_string()).args(["bash", "-c"]).arg(format!("exec 2>&1\n{script}"));
        command.env("PATH", path).env("HOME", &home).env("KUBECONFIG", self.cluster.kubeconfig()).current_dir(&home);
        command.env("GIT_CONFIG_NOSYSTEM", "1");
        let output = command.output().expect("bash runs");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn log(&self) -> String {
        let text = std::fs::read_to_string(self._agent.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }
}

fn link(bin: &Path, name: &str, program: &Path) {
    let target = bin.join(name);
    if !target.exists() {
        std::os::unix::fs::symlink(program, target).expect("a link");
    }
}

fn pages() -> Vec<Page> {
    let folder = sys::root_dir().join("docs/guides");
    let mut pages: Vec<Page> = std::fs::read_dir(&folder)
        .expect("docs/guides is there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .map(|path| Page::read(&path))
        .collect();
    pages.sort_by(|a, b| a.name.cmp(&b.name));
    let only = std::env::var("GUIDE").unwrap_or_default();
    pages.retain(|page| page.name.contains(&only));
    assert!(!pages.is_empty(), "no guide is named like {only:?}");
    pages
}

/// All pages on one cluster, one beside the other.
#[test]
fn every_command_of_the_guides_works() {
    let pages = pages();
    let world = World::start(&pages);
    let failed: Vec<String> = std::thread::scope(|scope| {
        let world = &world;
        let runs: Vec<_> = pages
            .iter()
            .map(|page| {
                scope.spawn(move || {
                    let (good, output) = world.run(&page.name, &page.script(None));
                    (!good).then(|| format!("{}:\n{output}", page.name))
                })
            })
            .collect();
        runs.into_iter().filter_map(|run| run.join().expect("no panic")).collect()
    });
    assert!(failed.is_empty(), "{}\nthe agent's last lines:\n{}", failed.join("\n\n"), world.log());
}

/// No command's failure is swallowed: with any one of them replaced by `false` (and the others by `true`) the page fails.
#[test]
fn a_page_fails_where_one_command_does() {
    let folder = std::env::temp_dir();
    let mut counted = 0;
    for page in pages() {
        for (at, command) in page.commands.iter().enumerate() {
            let script = page.script(Some(&|number, _: &Line| if number == at { "false" } else { "true" }));
            let output = Command::new("bash").args(["-c", &script]).current_dir(&folder).output().expect("bash runs");
            assert!(!output.status.success(), "{}:{}: nobody would notice that this fails: {}", page.name, command.line, command.text);
            counted += 1;
        }
    }
    assert!(counted > 0, "the guides have commands");
}
