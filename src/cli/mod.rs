//! The commands, a file each; this table names them.
//!
//! Flags, texts and exit codes of the engine's commands are Helm's, so that scripts need only the other name.

#[cfg(feature = "agent")]
mod adopt;
#[cfg(feature = "agent")]
mod agent;
#[cfg(feature = "agent")]
mod approve;
#[cfg(feature = "agent")]
mod ask;
mod chart_source;
#[cfg(feature = "agent")]
mod connection;
#[cfg(feature = "agent")]
pub mod crd;
#[cfg(feature = "agent")]
mod environments;
#[cfg(feature = "agent")]
mod dev;
mod create;
mod dependency;
mod goerror;
mod helm_flags;
mod host;
#[cfg(feature = "agent")]
mod image;
mod lint;
#[cfg(feature = "agent")]
mod look;
#[cfg(feature = "agent")]
mod promote;
mod package;
#[cfg(feature = "agent")]
mod publish;
#[cfg(feature = "agent")]
mod pull;
#[cfg(feature = "agent")]
mod push;
mod remote;
mod show;
mod template;
#[cfg(feature = "agent")]
mod test;
mod validate;
mod values;
mod value_flags;

pub use chart_source::load as load_chart;
pub use host::LocalHost;

use clap::{Args, Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// What every command knows: the flags that stand before or after any of them.
#[derive(Args, Clone, Debug, Default)]
pub struct Global {
    /// Namespace scope for this request
    #[arg(short, long, global = true, value_name = "string")]
    pub namespace: Option<String>,
    /// Enable verbose output
    #[arg(long, global = true)]
    pub debug: bool,
}

impl Global {
    /// The namespace: the flag, else `HELM_NAMESPACE`, else `default`.
    pub fn namespace(&self) -> String {
        let from_environment = || std::env::var("HELM_NAMESPACE").ok().filter(|name| !name.is_empty());
        self.namespace.clone().or_else(from_environment).unwrap_or_else(|| "default".to_owned())
    }
}

/// Hauls a cluster to what git says: real Helm releases, without Helm.
#[derive(Parser, Debug)]
#[command(name = "windlass", version, disable_help_subcommand = true, args_override_self = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

// Deferred: the flags of the one command that was called are made, not those of all; a third of a small chart's time.
#[derive(Subcommand, Debug)]
#[command(defer = true)]
#[allow(clippy::large_enum_variant)] // a process makes one of it
enum Command {
    /// Locally render templates
    #[command(args_override_self = true)]
    Template(template::Template),
    /// Examine a chart for possible issues
    #[command(args_override_self = true)]
    Lint(lint::Lint),
    /// Check objects against the API server's schemas: unknown fields, wrong types, missing fields; exit code 1 on findings
    Validate(Box<validate::Validate>),
    /// Show the values of an Environment or chart, which layer set one, or what two Environments have and lack
    Values(Box<values::Values>),
    /// Show information of a chart
    Show(show::Show),
    /// Create a new chart with the given name
    Create(create::Create),
    /// Package a chart directory into a chart archive
    #[command(args_override_self = true)]
    Package(package::Package),
    /// Manage a chart's dependencies
    #[command(visible_aliases = ["dep", "dependencies"])]
    Dependency(dependency::Dependency),
    /// Download a chart from a repository and (optionally) unpack it in local directory
    #[cfg(feature = "agent")]
    #[command(args_override_self = true, visible_alias = "fetch")]
    Pull(pull::Pull),
    /// Push a chart to remote
    #[cfg(feature = "agent")]
    #[command(args_override_self = true)]
    Push(push::Push),
    /// Follow Environments and bring the cluster to what git says
    #[cfg(feature = "agent")]
    Agent(agent::Agent),
    /// Print the CustomResourceDefinitions
    #[cfg(feature = "agent")]
    Crd(crd::Crd),
    /// Look at the branch now and bring the cluster to it; in Manual mode, apply what is planned
    #[cfg(feature = "agent")]
    Sync(ask::Ask),
    /// Bring what is good in an Environment to the next branch
    #[cfg(feature = "agent")]
    Promote(promote::Promote),
    /// Agree to the plan that waits for approval
    #[cfg(feature = "agent")]
    Approve(approve::Approve),
    /// Show what the branch's head, another revision or a folder would change; exit code 2 if anything
    #[cfg(feature = "agent")]
    #[command(visible_alias = "plan")]
    Diff(look::Diff),
    /// Print what the branch's head, another revision or a folder renders to for an Environment
    #[cfg(feature = "agent")]
    Render(look::Render),
    /// Run the tests of an Environment's deployed release; exit code 1 if one fails
    #[cfg(feature = "agent")]
    Test(test::Test),
    /// Publish an Environment's chart to the chart repository that its spec names
    #[cfg(feature = "agent")]
    Publish(publish::Publish),
    /// Try a revision again that failed before
    #[cfg(feature = "agent")]
    Retry(ask::Ask),
    /// Go back to an earlier release and hold it
    #[cfg(feature = "agent")]
    Rollback(ask::Rollback),
    /// Take over what runs already under the names of an Environment's release
    #[cfg(feature = "agent")]
    Adopt(adopt::Adopt),
    /// Change nothing until resumed
    #[cfg(feature = "agent")]
    Suspend(ask::Ask),
    /// Go on: end a suspension, and let go of a release held by hand
    #[cfg(feature = "agent")]
    Resume(ask::Ask),
    /// Show Environments: what runs, whether it is ready, and why not
    #[cfg(feature = "agent")]
    Status(environments::Status),
    /// Show an Environment's releases
    #[cfg(feature = "agent")]
    History(environments::History),
    /// Follow a chart's folder: at each save show what would change, and bring a namespace to it
    #[cfg(feature = "agent")]
    Dev(dev::DevCommand),
    /// Write an image's tag to an Environment's branch
    #[cfg(feature = "agent")]
    Image(image::ImageCommand),
    /// Show the images that run: digest, age, build, platforms, and what a policy wants instead
    #[cfg(feature = "agent")]
    Images(image::Images),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = match arguments() {
        Ok(arguments) => Cli::parse_from(arguments),
        Err(message) => {
            eprintln!("Error: {message}");
            return ExitCode::FAILURE;
        }
    };
    bound_rendering();
    let result = match cli.command {
        Command::Template(command) => command.run(&cli.global),
        Command::Lint(command) => command.run(&cli.global),
        Command::Validate(command) => command.run(&cli.global),
        Command::Values(command) => command.run(&cli.global),
        Command::Show(command) => command.run(),
        Command::Create(command) => command.run(),
        Command::Package(command) => command.run(&cli.global),
        Command::Dependency(command) => command.run(&cli.global),
        #[cfg(feature = "agent")]
        Command::Pull(command) => command.run(),
        #[cfg(feature = "agent")]
        Command::Push(command) => command.run(),
        #[cfg(feature = "agent")]
        Command::Agent(command) => command.run(&cli.global),
        #[cfg(feature = "agent")]
        Command::Crd(command) => command.run(&cli.global),
        #[cfg(feature = "agent")]
        Command::Sync(command) => command.run(ask::What::Sync, &cli.global),
        #[cfg(feature = "agent")]
        Command::Promote(command) => command.run(&cli.global),
        #[cfg(feature = "agent")]
        Command::Approve(command) => command.run(&cli.global),
        #[cfg(feature = "agent")]
        Command::Diff(command) => command.run(&cli.global),
        #[cfg(feature = "agent")]
        Command::Render(command) => command.run(&cli.global),
        #[cfg(feature = "agent")]
        Command::Test(command) => command.run(&cli.global),
        #[cfg(feature = "agent")]
        Command::Publish(command) => command.run(&cli.global),
        #[cfg(feature = "agent")]
        Command::Retry(command) => command.run(ask::What::Retry, &cli.global),
        #[cfg(feature = "agent")]
        Command::Rollback(command) => command.run(&cli.global),
        #[cfg(feature = "agent")]
        Command::Adopt(command) => command.run(&cli.global),
        #[cfg(feature = "agent")]
        Command::Suspend(command) => command.run(ask::What::Suspend, &cli.global),
        #[cfg(feature = "agent")]
        Command::Resume(command) => command.run(ask::What::Resume, &cli.global),
        #[cfg(feature = "agent")]
        Command::Status(command) => command.run(&cli.global),
        #[cfg(feature = "agent")]
        Command::History(command) => command.run(&cli.global),
        #[cfg(feature = "agent")]
        Command::Dev(command) => command.run(&cli.global),
        #[cfg(feature = "agent")]
        Command::Image(command) => command.run(&cli.global),
        #[cfg(feature = "agent")]
        Command::Images(command) => command.run(&cli.global),
    };
    match result {
        Ok(code) => code,
        Err(message) => {
            eprintln!("Error: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The process's arguments, with what helm's own parser takes put as clap takes it.
fn arguments() -> Result<Vec<std::ffi::OsString>, String> {
    let arguments: Vec<_> = std::env::args_os().collect();
    match helm_flags::concern(&arguments) {
        true => helm_flags::normalized(arguments, &mut <Cli as clap::CommandFactory>::command()),
        false => Ok(arguments),
    }
}

/// Bounds from the environment, for commands that have no flags for them because helm has none.
fn bound_rendering() {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    if let Some(bytes) = variable("WINDLASS_RENDER_MEMORY").and_then(|text| crate::memory::parse_bytes(&text).ok()) {
        crate::memory::set_render_memory(bytes);
    }
    let seconds = |text: String| text.trim_end_matches('s').parse().ok();
    if let Some(seconds) = variable("WINDLASS_RENDER_TIMEOUT").and_then(seconds) {
        crate::memory::set_render_time(std::time::Duration::from_secs(seconds));
    }
}

/// What a command ends with: an exit code, or the text after `Error: `.
pub type Outcome = Result<ExitCode, String>;

/// Prints the notices as Helm's log does, on stderr.
fn print_notices(log: &crate::chart::Log) {
    for notice in &log.notices {
        eprintln!("{notice}");
    }
}

/// Writes to stdout; a reader that stops reading is no error.
fn write_out(text: &[u8]) -> Outcome {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(format!("cannot write the output: {error}")),
        _ => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    /// clap looks for flags that stand in each other's way only in builds for debugging, and only once a command is used.
    #[test]
    fn no_two_flags_of_a_command_have_the_same_name() {
        <super::Cli as clap::CommandFactory>::command().debug_assert();
    }
}
