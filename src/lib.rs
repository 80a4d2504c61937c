//! windlass hauls a cluster to what git says: the map of the crate, in reading order.

pub mod value; // plain data, as YAML and JSON carry it
pub mod yaml; // YAML, JSON and TOML as Go's libraries read and write them
pub mod template; // Go's text/template and the functions that Helm adds
pub mod chart; // a chart's files, metadata, dependencies, values and schema
pub mod render; // chart and values to hooks and manifests, as `helm template` orders them
pub mod object; // Kubernetes objects by name: identity, order, ownership, digests
pub mod check; // is it what a cluster takes: every object against the schema of its kind
pub mod transform; // patches, images, labels and strategies on what was rendered
pub mod plan; // desired against live: what would change, shown to people
pub mod health; // is it healthy, by kind, with a reason
pub mod release; // Helm's release records and what stands beside them
#[cfg(feature = "agent")]
pub mod app; // what the user wrote, validated
pub mod memory; // what a render may hold: the allocator counts
pub mod decide; // what to do next: pure, total, no await
#[cfg(feature = "agent")]
pub mod webhooks; // what senders of webhooks tell, proved: a driver each
#[cfg(feature = "agent")]
pub mod images; // what registries have, what a policy picks of it
#[cfg(feature = "agent")]
pub mod secrets; // files that sops encrypted, opened in memory; secrets taken out of sentences
#[cfg(feature = "agent")]
pub mod sources; // a branch of a repository to a snapshot of files
#[cfg(feature = "agent")]
pub mod cluster; // the API server: objects, watches, records, events
#[cfg(feature = "agent")]
pub mod metrics; // what Prometheus sees
#[cfg(feature = "agent")]
pub mod web; // the agent's own HTTP port
#[cfg(feature = "agent")]
pub mod agent; // the loop that drives each environment
pub mod cli; // the commands, a file each
