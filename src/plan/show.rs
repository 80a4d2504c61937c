//! A plan for people and programs: terminal text, markdown for pull requests, JSON. Secrets are masked in all of them.

use super::{Action, Change, Plan, diff, mask};
use serde_json::{Value, json};

/// How text is laid out.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// ANSI colours.
    pub color: bool,
    /// Lines of context around each hunk.
    pub context: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self { color: false, context: 3 }
    }
}

/// The sign, the word and the colour of an action: one table for every way of showing it.
fn face(action: &Action) -> (&'static str, &'static str, &'static str) {
    match action {
        Action::Create => ("+", "create", "\x1b[32m"),
        Action::Update => ("~", "change", "\x1b[33m"),
        Action::Unchanged => (" ", "leave as it is", ""),
        Action::Prune => ("-", "delete", "\x1b[31m"),
        Action::Keep { .. } => ("=", "keep", ""),
        Action::Replace { .. } => ("±", "replace", "\x1b[31m"),
        Action::Refused { .. } => ("!", "refused", "\x1b[1;31m"),
    }
}

/// `2 to create, 1 to change, 4 unchanged`.
pub fn summary(plan: &Plan) -> String {
    let counts = plan.counts();
    let parts: Vec<String> = [
        (counts.refused, "refused"),
        (counts.created, "to create"),
        (counts.changed, "to change"),
        (counts.replaced, "to replace"),
        (counts.pruned, "to delete"),
        (counts.kept, "kept"),
        (counts.unchanged, "unchanged"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if parts.is_empty() { "nothing to do".into() } else { parts.join(", ") }
}

/// For a terminal: a diff per object, then the summary.
pub fn text(plan: &Plan, style: Style) -> String {
    let paint = |color: &str, text: &str| {
        if style.color && !color.is_empty() { format!("{color}{text}\x1b[0m") } else { text.to_owned() }
    };
    let mut out = String::new();
    for change in plan.changes.iter().filter(|change| shown(change)) {
        let (sign, word, color) = face(&change.action);
        let from = change.source.as_ref().map(|path| format!("  ({path})")).unwrap_or_default();
        out.push_str(&paint(color, &format!("{sign} {}: {word}{from}", change.reference)));
        out.push('\n');
        for note in notes(change) {
            out.push_str(&format!("  {note}\n"));
        }
        for line in diff::unified(change, style.context).lines() {
            out.push_str(&paint(line_color(line), line));
            out.push('\n');
        }
        out.push('\n');
    }
    for reason in &plan.guard.reasons {
        out.push_str(&paint("\x1b[1;33m", &format!("waits for approval: {reason}")));
        out.push('\n');
    }
    out.push_str(&summary(plan));
    out.push('\n');
    out
}

fn line_color(line: &str) -> &'static str {
    match line.as_bytes().first() {
        _ if line.starts_with("--- ") || line.starts_with("+++ ") => "\x1b[1m",
        Some(b'+') => "\x1b[32m",
        Some(b'-') => "\x1b[31m",
        Some(b'@') => "\x1b[36m",
        _ => "",
    }
}

fn shown(change: &Change) -> bool {
    !matches!(change.action, Action::Unchanged)
}

fn notes(change: &Change) -> Vec<String> {
    let hypothetical = change.hypothetical.iter().map(|why| format!("planned from the rendered text alone: {why}"));
    // Messages come from webhooks and from objects: they must not steer the terminal.
    let plain = |text: String| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    hypothetical.chain(change.reasons.iter().cloned()).map(plain).collect()
}

/// For a comment on a pull request, within `limit` bytes (forges cap comments; what is left out is said).
pub fn markdown(plan: &Plan, title: &str, limit: usize) -> String {
    /// What the last line may take.
    const RESERVE: usize = 100;
    let mut out = format!("### {}\n\n{}\n", escape(title), summary(plan));
    for reason in &plan.guard.reasons {
        out.push_str(&format!("\n> **Waits for approval:** {}\n", escape(reason)));
    }
    let changes: Vec<&Change> = plan.changes.iter().filter(|change| shown(change)).collect();
    for (at, change) in changes.iter().enumerate() {
        let part = details(change, true);
        let room = limit.saturating_sub(out.len() + RESERVE);
        let part = if part.len() <= room { part } else { details(change, false) };
        if part.len() > room {
            out.push_str(&format!("\n… and {} more objects, left out because this comment may not be longer.\n", changes.len() - at));
            break;
        }
        out.push_str(&part);
    }
    out
}

fn details(change: &Change, whole: bool) -> String {
    let (sign, word, _) = face(&change.action);
    let mut out = format!("\n<details><summary><code>{sign}</code> {}: {word}</summary>\n\n", escape(&change.reference.to_string()));
    for note in notes(change) {
        out.push_str(&format!("- {}\n", escape(&note)));
    }
    let diff = diff::unified(change, 3);
    if !diff.is_empty() && whole {
        // The fence must be longer than any run of backticks inside.
        let longest = diff.split(|c| c != '`').map(str::len).max().unwrap_or_default();
        let fence = "`".repeat(longest.max(2) + 1);
        out.push_str(&format!("\n{fence}diff\n{diff}{fence}\n"));
    } else if !diff.is_empty() {
        out.push_str(&format!("\n{} lines of difference, left out because this comment may not be longer.\n", diff.lines().count()));
    }
    out.push_str("\n</details>\n");
    out
}

/// Texts from the cluster and from git stay texts in markdown and its HTML.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '*' | '_' | '`' | '[' | ']' | '\\' | '|' => out.extend(['\\', c]),
            // A mention would call people to the comment.
            '@' => out.push_str("@\u{200b}"),
            '\n' | '\r' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// For programs; `before`, `after` and `diff` are masked.
pub fn json(plan: &Plan) -> Value {
    let changes: Vec<Value> = plan
        .changes
        .iter()
        .map(|change| {
            let (before, after) = mask::pair(change.before.as_ref(), change.after.as_ref());
            json!({
                "object": change.reference,
                "action": change.action,
                "before": before,
                "after": after,
                "diff": diff::unified(change, 3),
                "hypothetical": change.hypothetical,
                "reasons": change.reasons,
                "source": change.source,
            })
        })
        .collect();
    json!({
        "digest": plan.digest,
        "empty": plan.is_empty(),
        "summary": summary(plan),
        "counts": plan.counts(),
        "guard": plan.guard,
        "needsApproval": plan.guard.needs_approval(),
        "changes": changes,
    })
}
