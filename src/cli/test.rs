//! `test`: the deployed release's test hooks, run now, as `helm test` does.

use super::{Global, Outcome, connection::{self, Connection}, environments};
use crate::{
    agent::{self, hooks},
    app::TestStatus,
    cluster::Records,
};
use clap::{Args, ValueEnum};
use std::{path::PathBuf, process::ExitCode};

/// Run the tests of an Environment's deployed release; exit code 1 if one fails
#[derive(Args, Clone, Debug)]
pub struct Test {
    /// Name of the Environment
    #[arg(value_name = "ENVIRONMENT", required_unless_present = "file")]
    name: Option<String>,
    /// A file with the Environment, instead of one in the cluster
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print the end of each test's log
    #[arg(long)]
    logs: bool,
    /// Show what the last tests gave, by whomever they were run, and run none
    #[arg(long)]
    last: bool,
    /// How long each test may take; as the Environment says where it is not given
    #[arg(long, value_parser = humantime::parse_duration)]
    timeout: Option<std::time::Duration>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    connection: Connection,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line for each test.
    #[default]
    Text,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// JUnit's XML, as CI systems read it.
    Junit,
}

impl Test {
    /// Runs it.
    pub fn run(self, global: &Global) -> Outcome {
        connection::block_on(async move {
            let cluster = self.connection.connect().await?;
            let app = environments::app(&cluster, global, self.name.as_deref(), self.file.as_deref()).await?;
            let records = Records::new(cluster.clone(), &app.target_namespace, &app.release);
            if self.last {
                let kept = records.kept_tests().await.map_err(|error| format!("reading the test results: {error}"))?;
                let (number, results) = kept.ok_or_else(|| format!("{} keeps no test results", app.id()))?;
                return self.report(&app.release, number, &results);
            }
            let record = records.load().await.map_err(|error| format!("reading the release records: {error}"))?;
            let number = record.deployed().map(|entry| entry.number);
            let number = number.ok_or_else(|| format!("{} has no deployed release to test", app.id()))?;
            let held = records.get(number).await.map_err(|error| format!("reading release {number}: {error}"))?;
            let held = held.ok_or_else(|| format!("release {number} has gone"))?;
            let cache = super::look::Cache::new(None);
            let shared = agent::shared_once(cluster, cache.folder(), &super::agent::identity()).await.map_err(|error| error.to_string())?;
            let limit = self.timeout.unwrap_or(app.test_timeout);
            let results = hooks::test_with_logs(&shared, &held.release, limit, app.spec.tests.parallel, &mut hooks::Run::default()).await;
            let results = results.map_err(|failure| failure.message)?;
            self.report(&app.release, number, &results)
        })
    }

    fn report(&self, release: &str, number: u64, results: &[(TestStatus, String)]) -> Outcome {
        let failed = results.iter().filter(|(test, _)| test.phase != "Succeeded").count();
        self.print(release, number, results)?;
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn print(&self, release: &str, number: u64, results: &[(TestStatus, String)]) -> Result<(), String> {
        let json = || {
            let rows = results.iter().map(|(test, log)| {
                let log = if self.logs { serde_json::json!(log) } else { serde_json::Value::Null };
                serde_json::json!({ "name": test.name, "phase": test.phase, "message": test.message, "log": log })
            });
            serde_json::Value::Array(rows.collect())
        };
        let text = match self.output {
            Format::Json | Format::Yaml => {
                let output = if matches!(self.output, Format::Json) { environments::Output::Json } else { environments::Output::Yaml };
                environments::print(output, &json());
                return Ok(());
            }
            Format::Junit => junit(release, results),
            Format::Text => self.lines(release, number, results),
        };
        super::write_out(text.as_bytes()).map(drop)
    }

    fn lines(&self, release: &str, number: u64, results: &[(TestStatus, String)]) -> String {
        if results.is_empty() {
            return format!("release {release}.v{number} has no tests\n");
        }
        let mut text = String::new();
        for (test, log) in results {
            text.push_str(&format!("{}: {}\n", test.name, test.phase));
            if !test.message.is_empty() && !self.logs {
                text.push_str(&format!("  {}\n", test.message));
            }
            if self.logs {
                log.lines().for_each(|line| text.push_str(&format!("  {line}\n")));
            }
        }
        text
    }
}

/// The results as a JUnit test suite.
fn junit(release: &str, results: &[(TestStatus, String)]) -> String {
    let failed = results.iter().filter(|(test, _)| test.phase != "Succeeded").count();
    let release = escape(release);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{release}\" tests=\"{}\" failures=\"{failed}\">\n",
        results.len()
    );
    for (test, log) in results {
        text.push_str(&format!("  <testcase classname=\"{release}\" name=\"{}\">\n", escape(&test.name)));
        if test.phase != "Succeeded" {
            text.push_str(&format!("    <failure type=\"{}\" message=\"{}\"/>\n", escape(&test.phase), escape(&test.message)));
        }
        if !log.is_empty() {
            text.push_str(&format!("    <system-out>{}</system-out>\n", escape(log)));
        }
        text.push_str("  </testcase>\n");
    }
    text.push_str("</testsuite>\n");
    text
}

/// For XML's text and attributes; characters that XML 1.0 does not know become U+FFFD.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_to_ci_whatever_its_log_holds() {
        let passed = TestStatus { name: "ping".into(), phase: "Succeeded".into(), message: String::new() };
        let failed = TestStatus { name: "load".into(), phase: "Failed".into(), message: "Job \"load\" failed: <5 & 7>".into() };
        let text = junit("shop", &[(passed, String::new()), (failed, "\u{1b}[31mred\n".into())]);
        assert!(text.contains("tests=\"2\" failures=\"1\""), "{text}");
        assert!(text.contains("message=\"Job &quot;load&quot; failed: &lt;5 &amp; 7&gt;\""), "{text}");
        assert!(text.contains("<system-out>\u{fffd}[31mred\n</system-out>"), "{text}");
    }
}
