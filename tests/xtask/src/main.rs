//! `cargo xtask`: see `cargo xtask help`.

mod bench_render;
mod bench_scale;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::cluster::{Cluster, Nodes, Options};
use xtask::demo::Demo;
use xtask::images::Image;
use xtask::{parts, tools};

/// The project's own tools.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check everything, or the parts named.
    Test {
        /// Which parts; all of them when none is named.
        parts: Vec<String>,
        /// Print the parts and what they check.
        #[arg(long)]
        list: bool,
        /// Every case of the parts that else run a spread of them (faults, load).
        #[arg(long)]
        all: bool,
    },
    /// Build the tools of others that tests run (from pinned Go modules, into the cache) and print their paths.
    Tools {
        /// All of a test cluster's when none is named.
        names: Vec<String>,
    },
    /// Show the main job on a cluster of its own: deploy, test, roll back, repair.
    Demo {
        /// Fake nodes, even as root.
        #[arg(long)]
        kwok: bool,
        /// End after the last step; exit code 0 only if each was seen.
        #[arg(long)]
        check: bool,
    },
    /// Ask the real tools anew for what tests expect: the generators in tests/oracle.
    Oracle {
        /// Which of them.
        names: Vec<String>,
        /// Compare random cases with Go and helm instead: template, helm, yaml.
        #[arg(long)]
        compare: bool,
        /// Show how much of Go's text/template the random templates reach.
        #[arg(long, conflicts_with = "compare")]
        coverage: bool,
    },
    /// Feed readers with garbage that looks right, for longer than tests do.
    Fuzz {
        /// Which target of tests/it/fuzz; all of them in turn when none is named.
        target: Option<String>,
        /// How many seconds each target gets.
        #[arg(long, default_value_t = 120)]
        time: u64,
    },
    /// Measure.
    #[command(subcommand)]
    Bench(Bench),
    /// Build the agent's image as an OCI archive, without a Docker daemon, and print its path.
    Image {
        /// The image's name.
        #[arg(long, default_value = xtask::images::WINDLASS)]
        name: String,
        /// The folder that the archive is put into; the cache's when none is named.
        #[arg(long)]
        output: Option<std::path::PathBuf>,
    },
    /// A Kubernetes cluster to play with.
    #[command(subcommand)]
    Cluster(ClusterTask),
}

#[derive(Subcommand)]
enum Bench {
    /// Rendering against helm, process against process and in process.
    Render(bench_render::RenderBench),
    /// A hundred Environments: time, CPU seconds, memory, requests, against a bare client.
    Scale(bench_scale::ScaleBench),
    /// Many Environments of ten objects each: everything changes in one commit.
    Load(bench_scale::LoadBench),
}

#[derive(Subcommand)]
enum ClusterTask {
    /// Start one, print its KUBECONFIG, and keep it until ^C.
    Up {
        /// Fake nodes (this is the default).
        #[arg(long, conflicts_with = "node")]
        kwok: bool,
        /// How many fake nodes.
        #[arg(long, default_value_t = 3)]
        nodes: u32,
        /// This machine as a real node (needs root).
        #[arg(long)]
        node: bool,
        /// Log requests, to audit.log in the cluster's folder.
        #[arg(long)]
        audit: bool,
    },
}

fn main() -> ExitCode {
    match perform(Args::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<()> {
    match task {
        Task::Test { list: true, .. } => {
            for part in parts::PARTS {
                println!("{:10} {}", part.name, part.about);
            }
        }
        Task::Test { parts: names, all, .. } => parts::run(&names, all)?,
        Task::Oracle { coverage: true, .. } => xtask::oracle::coverage()?,
        Task::Oracle { names, compare: true, .. } => xtask::oracle::compare(&names)?,
        Task::Oracle { names, .. } => xtask::oracle::generate(&names)?,
        Task::Tools { names } => {
            let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
            if names.is_empty() {
                names.extend(tools::CONTROL_PLANE);
            }
            for path in tools::tools(&names)? {
                println!("{}", path.display());
            }
        }
        Task::Fuzz { target, time } => {
            xtask::fuzz::run(target.as_deref(), std::time::Duration::from_secs(time))?;
        }
        Task::Demo { kwok, check } => xtask::demo::run(&Demo { kwok, check, recreate: false, trace: None })?,
        Task::Bench(Bench::Render(bench)) => bench_render::run(&bench)?,
        Task::Bench(Bench::Scale(bench)) => bench_scale::run(&bench)?,
        Task::Bench(Bench::Load(bench)) => bench_scale::load(bench)?,
        Task::Image { name, output } => {
            let image = Image::windlass(&name, &xtask::agent::static_binary()?)?;
            let folder = match output {
                Some(folder) => folder,
                None => tools::cache_dir()?,
            };
            std::fs::create_dir_all(&folder)?;
            println!("{}", image.write(&folder)?.display());
        }
        Task::Cluster(ClusterTask::Up {
            kwok: _,
            nodes,
            node,
            audit,
        }) => {
            let nodes = if node {
                Nodes::Real
            } else {
                Nodes::Kwok(nodes)
            };
            up(Options {
                nodes,
                audit,
                ..Options::default()
            })?;
        }
    }
    Ok(())
}

fn up(options: Options) -> Result<()> {
    let cluster = Cluster::start(options)?;
    println!("export KUBECONFIG={}", cluster.kubeconfig().display());
    println!(
        "# logs: {}; kubectl: {}",
        cluster.dir().display(),
        tools::tool("kubectl")?.display()
    );
    println!("# ^C ends it");
    // ^C or a signal takes this process, and the watchdog sees to the rest.
    loop {
        std::thread::park();
    }
}
