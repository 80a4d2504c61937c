//! `approve`: somebody agrees to the plan that waits. The API server lets only those do so who have the verb `approve` on
//! Environments (`manifests/`: a ValidatingAdmissionPolicy), and it checks that the name written down is theirs.

use super::{Global, Outcome, ask::Ask, connection, environments};
use crate::{
    app::{APPROVE, APPROVED_AT, APPROVED_BY, Environment},
    cluster::Cluster,
};
use clap::Args;
use serde_json::{Value, json};

/// Agree to the plan that waits for approval
#[derive(Args, Clone, Debug)]
pub struct Approve {
    #[command(flatten)]
    ask: Ask,
    /// Digest of the plan, as `windlass plan` shows it; the one that waits where it is not given
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
}

impl Approve {
    /// Agrees, and follows what comes of it.
    pub fn run(self, global: &Global) -> Outcome {
        let at = jiff::Timestamp::now().to_string();
        if self.ask.file.is_some() {
            let digest = self.digest.clone().ok_or("--digest is needed with a file: the agent's log names it")?;
            let by = std::env::var("USER").unwrap_or_default();
            return self.ask.send(global, json!({ APPROVE: digest, APPROVED_BY: by, APPROVED_AT: at }), true);
        }
        let (ask, given) = (self.ask.clone(), self.digest.clone());
        let (digest, by) = connection::block_on_value(async {
            let cluster = ask.connection.connect().await?;
            let reference = environments::reference(&cluster, global, &ask.name.clone().unwrap_or_default());
            let live = cluster.get(&reference).await.map_err(|error| format!("reading {reference}: {error}"))?;
            let env: Environment = serde_json::from_value(live).map_err(|error| format!("reading {reference}: {error}"))?;
            let waits = env.status.and_then(|status| status.approval);
            let digest = match (given, waits) {
                (Some(given), Some(waits)) if given != waits.digest => {
                    return Err(format!("the plan {given} does not wait (any more): {} does, because {}", waits.digest, waits.reason));
                }
                (Some(given), _) => given,
                (None, Some(waits)) => waits.digest,
                (None, None) => return Err(format!("{reference}: no plan waits for approval")),
            };
            Ok((digest, whoami(&cluster).await?))
        })?;
        println!("approving the plan {digest} as {by}");
        self.ask.send(global, json!({ APPROVE: digest, APPROVED_BY: by, APPROVED_AT: at }), true)
    }
}

/// The user as the API server knows it.
async fn whoami(cluster: &Cluster) -> Result<String, String> {
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    let answer: Value = cluster.create(&review).await.map_err(|error| format!("asking the API server who this is: {error}"))?;
    let name = answer["status"]["userInfo"]["username"].as_str();
    name.map(str::to_owned).ok_or_else(|| "the API server does not say who this is".to_owned())
}
