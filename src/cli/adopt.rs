//! `adopt`: an Environment takes over what runs already under the names of its release, made by helm or by kubectl.

use super::{Global, Outcome, ask::Ask, connection, look};
use crate::{
    agent::planning::{self, What},
    app::{ADOPT, SYNC},
    plan::show::{self, Style},
};
use clap::Args;
use serde_json::json;
use std::{io::IsTerminal as _, process::ExitCode};

/// Take over what runs already under the names of the Environment's release
#[derive(Args, Clone, Debug)]
pub struct Adopt {
    #[command(flatten)]
    ask: Ask,
    /// Only show the plan: what would be taken over, and what would change
    #[arg(long)]
    dry_run: bool,
}

impl Adopt {
    /// Shows the plan (0: nothing stands in the way, 1: something does), or asks for it.
    pub fn run(self, global: &Global) -> Outcome {
        if !self.dry_run {
            let token = jiff::Timestamp::now().to_string();
            return self.ask.send(global, json!({ ADOPT: token, SYNC: token }), true);
        }
        let look = look::Look::at_head(self.ask.name.clone(), self.ask.file.clone(), self.ask.connection.clone());
        connection::block_on(async move {
            let mut found = look.find(global).await?;
            found.app.requests.adopt = Some("--dry-run".into());
            let content = planning::content(&found.shared, &found.app, &found.record, &What::Head).await.map_err(|failure| failure.message)?;
            let plan = planning::plan(&found.shared, &found.app, &found.record, &content).await.map_err(|failure| failure.message)?;
            let style = Style { color: std::io::stdout().is_terminal(), context: 3 };
            super::write_out(show::text(&plan, style).as_bytes())?;
            let refused = plan.refused().count();
            Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        })
    }
}
