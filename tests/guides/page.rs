//! A guide as commands.

use std::path::Path;

/// One command of a page, with its here-document and continued lines.
pub struct Command {
    /// Where it begins.
    pub line: usize,
    /// As written.
    pub text: String,
}

/// A page of `docs/guides/`.
pub struct Page {
    /// Its file's name without `.md`.
    pub name: String,
    /// Tools that it needs beyond windlass, kubectl, helm and git.
    pub needs: Vec<String>,
    /// What its `sh` blocks say, in order.
    pub commands: Vec<Command>,
}

impl Page {
    /// Reads a page.
    pub fn read(path: &Path) -> Page {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let needs = text.lines().find_map(|line| line.strip_prefix("<!-- needs:")?.strip_suffix("-->"));
        let needs = needs.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        Page { name, needs, commands: commands(&text) }
    }

    /// The page as one script that ends at the first command that fails. `replace` stands another command in for each.
    pub fn script(&self, replace: Option<&dyn Fn(usize, &Command) -> &'static str>) -> String {
        let mut script = String::from("set -euo pipefail\n");
        for (at, command) in self.commands.iter().enumerate() {
            let text = replace.map_or(command.text.as_str(), |replace| replace(at, command));
            script.push_str(&format!("echo '>>> line {}'\n{text}\n", command.line));
        }
        script
    }
}

fn commands(text: &str) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let mut inside = false;
    // What ends the here-document that is being read.
    let mut until: Option<String> = None;
    let mut continued = false;
    for (at, line) in text.lines().enumerate() {
        if until.is_none() && line.trim_start().starts_with("```") {
            inside = !inside && line.trim() == "```sh";
            continue;
        }
        if !inside {
            continue;
        }
        if until.is_some() || continued {
            let last = commands.last_mut().expect("it goes on with a command");
            last.text.push('\n');
            last.text.push_str(line);
        } else if !line.trim().is_empty() && !line.starts_with('#') {
            commands.push(Command { line: at + 1, text: line.to_owned() });
        } else {
            continue;
        }
        match &until {
            Some(end) if line == end => until = None,
            Some(_) => {}
            None => {
                continued = line.ends_with('\\');
                until = here_document(line);
            }
        }
    }
    commands
}

/// The word that ends a here-document which the line begins.
fn here_document(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("<<")?;
    let word: String = rest.trim_start_matches(['-', '\'', '"']).chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    (!word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_with_their_here_documents() {
        let text = "# A\n\n```sh\n# said\ncat > f <<'EOF'\na: 1\n\nb: 2\nEOF\nls \\\n  -l\n```\n\n```yaml\nno: command\n```\n```sh\ntrue\n```\n";
        let found = commands(text);
        let shown: Vec<(usize, &str)> = found.iter().map(|c| (c.line, c.text.as_str())).collect();
        assert_eq!(shown, [(5, "cat > f <<'EOF'\na: 1\n\nb: 2\nEOF"), (10, "ls \\\n  -l"), (18, "true")]);
    }
}
