//! What helm's parser of flags (pflag) takes and clap does not: `--flag=false`, and global flags that say how to reach a
//! cluster, which the commands that render and package never do.

use clap::{ArgAction, Command};
use std::ffi::OsString;

/// The commands that are helm's by name, flags and output.
const COMMANDS: &[&str] = &["template", "lint", "show", "create", "package", "dependency", "pull", "push"];

/// Helm's global flags with a value that change nothing here.
const WITH_VALUE: &[&str] = &[
    "burst-limit", "color", "colour", "content-cache", "kube-apiserver", "kube-as-group", "kube-as-user", "kube-ca-file",
    "kube-context", "kube-tls-server-name", "kube-token", "kubeconfig", "qps", "registry-config", "repository-cache", "repository-config",
];

/// Helm's global switches that change nothing here.
const SWITCHES: &[&str] = &["kube-insecure-skip-tls-verify"];

/// Whether there may be something that clap does not take. Without that the command's flags are made once, not twice.
pub(super) fn concern(arguments: &[OsString]) -> bool {
    arguments.iter().filter_map(|argument| argument.to_str()?.strip_prefix("--")).any(|flag| {
        let name = flag.split('=').next().unwrap_or_default();
        flag.len() > name.len() || WITH_VALUE.contains(&name) || SWITCHES.contains(&name)
    })
}

/// The arguments as clap takes them, where they begin one of helm's commands; as they are otherwise.
///
/// # Errors
/// pflag's text about a switch's value.
pub(super) fn normalized(arguments: Vec<OsString>, cli: &mut Command) -> Result<Vec<OsString>, String> {
    let Some(place) = command_place(&arguments) else { return Ok(arguments) };
    let mut flags = Flags::default();
    flags.collect(cli);
    let named = arguments[place].to_str().and_then(|name| cli.find_subcommand_mut(name));
    let Some(command) = named.filter(|command| COMMANDS.contains(&command.get_name())) else { return Ok(arguments) };
    // Its flags are made when somebody asks.
    command.build();
    flags.collect_all(command);
    let mut out = arguments[..=place].to_vec();
    let mut rest = arguments[place + 1..].iter();
    while let Some(argument) = rest.next() {
        let long = argument.to_str().and_then(|text| text.strip_prefix("--"));
        let (name, value) = match long {
            Some("") => {
                out.push(argument.clone());
                break;
            }
            Some(text) => text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value))),
            None => {
                out.push(argument.clone());
                // A value that stands apart is none of ours, whatever it looks like.
                if argument.to_str().is_some_and(|text| flags.valued.iter().any(|flag| flag == text)) {
                    out.extend(rest.next().cloned());
                }
                continue;
            }
        };
        if flags.switches.iter().any(|(long, _)| long == name) {
            let on = value.map_or(Ok(true), |value| parse_bool(value, name, &flags))?;
            // The last one counts.
            let flag = OsString::from(format!("--{name}"));
            out.retain(|other| *other != flag);
            out.extend(on.then_some(flag));
        } else if flags.valued.iter().any(|flag| flag.strip_prefix("--") == Some(name)) {
            out.push(argument.clone());
            out.extend(if value.is_none() { rest.next().cloned() } else { None });
        } else if WITH_VALUE.contains(&name) {
            if value.is_none() && rest.next().is_none() {
                return Err(format!("flag needs an argument: --{name}"));
            }
        } else if !SWITCHES.contains(&name) {
            out.push(argument.clone());
        }
    }
    out.extend(rest.cloned());
    Ok(out)
}

/// Where the command's name stands: flags before it are global ones, of which the namespace has a value.
fn command_place(arguments: &[OsString]) -> Option<usize> {
    let mut place = 1;
    loop {
        let argument = arguments.get(place)?.to_str()?;
        match argument {
            "-n" | "--namespace" => place += 2,
            flag if flag.starts_with('-') => place += 1,
            _ => return Some(place),
        }
    }
}

#[derive(Default)]
struct Flags {
    /// Long names of switches with their letters.
    switches: Vec<(String, Option<char>)>,
    /// Flags with a value that may stand apart, `--long` and `-s`.
    valued: Vec<String>,
}

impl Flags {
    fn collect_all(&mut self, command: &Command) {
        self.collect(command);
        command.get_subcommands().for_each(|inner| self.collect_all(inner));
    }

    fn collect(&mut self, command: &Command) {
        for flag in command.get_arguments().filter(|argument| !argument.is_positional()) {
            match flag.get_action() {
                ArgAction::SetTrue => self.switches.extend(flag.get_long().map(|long| (long.to_owned(), flag.get_short()))),
                ArgAction::Set | ArgAction::Append if !flag.is_require_equals_set() => {
                    self.valued.extend(flag.get_long().map(|long| format!("--{long}")));
                    self.valued.extend(flag.get_short().map(|letter| format!("-{letter}")));
                }
                _ => {}
            }
        }
    }
}

/// `strconv.ParseBool`, in pflag's words.
fn parse_bool(value: &str, name: &str, flags: &Flags) -> Result<bool, String> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => {
            let letter = flags.switches.iter().find(|(long, _)| long == name).and_then(|(_, letter)| *letter);
            let shown = letter.map_or_else(|| format!("--{name}"), |letter| format!("-{letter}, --{name}"));
            let quoted = crate::chart::log::quote(value);
            Err(format!("invalid argument {quoted} for \"{shown}\" flag: strconv.ParseBool: parsing {quoted}: invalid syntax"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn normal(text: &str) -> Result<String, String> {
        let arguments = std::iter::once("windlass").chain(text.split(' ')).map(OsString::from).collect();
        let arguments: Vec<OsString> = arguments;
        let out = match concern(&arguments) {
            true => normalized(arguments, &mut super::super::Cli::command())?,
            false => arguments,
        };
        Ok(out[1..].iter().map(|argument| argument.to_str().unwrap()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn switches_take_values_as_pflag_has_it() {
        for (given, wanted) in [
            ("template r c --include-crds=true", "template r c --include-crds"),
            ("template r c --include-crds --include-crds=false", "template r c"),
            ("template r c --include-crds=F --include-crds=1", "template r c --include-crds"),
            ("-n x lint c --strict=false --quiet", "-n x lint c --quiet"),
            ("template r c --set a=b --no-hooks=0", "template r c --set a=b"),
            ("template r c --set --no-hooks=0", "template r c --set --no-hooks=0"),
            ("template r c -f --no-hooks=0", "template r c -f --no-hooks=0"),
            ("template r c -- --no-hooks=0", "template r c -- --no-hooks=0"),
            ("template r c --kube-context k --kubeconfig=/k --qps 3 --debug", "template r c --debug"),
            ("dependency build c --skip-refresh=false", "dependency build c"),
            ("status --kubeconfig /k", "status --kubeconfig /k"),
        ] {
            assert_eq!(normal(given).as_deref(), Ok(wanted), "{given}");
        }
    }

    // helm 4.3.1: `helm template r c -g=x`, `helm lint c --strict=no`
    #[test]
    fn other_values_are_refused_in_pflags_words() {
        for (given, wanted) in [
            ("lint c --strict=no", r#"invalid argument "no" for "--strict" flag: strconv.ParseBool: parsing "no": invalid syntax"#),
            ("template r c --generate-name=x", r#"invalid argument "x" for "-g, --generate-name" flag: strconv.ParseBool: parsing "x": invalid syntax"#),
            ("lint c --kubeconfig", "flag needs an argument: --kubeconfig"),
        ] {
            assert_eq!(normal(given).unwrap_err(), wanted, "{given}");
        }
    }
}
