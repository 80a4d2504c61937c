//! New records from what was rendered, as `pkg/action/{install,upgrade,rollback,uninstall}.go` make them.

use super::{Chart, Hook, Info, Release, Status, Time, describe};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What rendering gives to a record.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The chart as helm stores it.
    pub chart: Chart,
    /// The user's values.
    pub config: Map<String, Value>,
    /// The rendered objects.
    pub manifest: String,
    /// The hooks.
    pub hooks: Vec<Hook>,
    /// The rendered NOTES.txt.
    pub notes: String,
    /// The user's labels for the record.
    pub labels: BTreeMap<String, String>,
}

/// The record that opens a first install.
pub fn install(name: &str, namespace: &str, rendered: Rendered, now: Timestamp) -> Release {
    let at = Some(Time::from(now));
    let info = Info {
        first_deployed: at.clone(),
        last_deployed: at,
        status: Status::PendingInstall,
        description: describe::INSTALL_UNDERWAY.into(),
        notes: rendered.notes.clone(),
        ..Info::default()
    };
    release(name, namespace, 1, info, rendered)
}

/// The record that opens an upgrade: numbered after `last`, with the first deployment's time of `current`.
pub fn upgrade(current: &Release, last: u32, rendered: Rendered, now: Timestamp) -> Release {
    let info = Info {
        first_deployed: current.info.first_deployed.clone(),
        last_deployed: Some(Time::from(now)),
        status: Status::PendingUpgrade,
        description: describe::PREPARING_UPGRADE.into(),
        notes: rendered.notes.clone(),
        ..Info::default()
    };
    release(&current.name, &current.namespace, last + 1, info, rendered)
}

/// The record that opens a rollback to `target`: numbered after `last`.
pub fn rollback(target: &Release, last: &Release, now: Timestamp) -> Release {
    Release {
        info: Info {
            first_deployed: last.info.first_deployed.clone(),
            last_deployed: Some(Time::from(now)),
            status: Status::PendingRollback,
            description: describe::rollback_to(target.version),
            rollback_revision: target.version,
            notes: target.info.notes.clone(),
            ..Info::default()
        },
        version: last.version + 1,
        apply_method: "ssa".into(),
        ..target.clone()
    }
}

fn release(name: &str, namespace: &str, version: u32, info: Info, rendered: Rendered) -> Release {
    Release {
        name: name.into(),
        namespace: namespace.into(),
        version,
        info,
        chart: Some(rendered.chart),
        config: rendered.config,
        manifest: rendered.manifest,
        hooks: rendered.hooks,
        apply_method: "ssa".into(),
        labels: rendered.labels,
    }
}

impl Release {
    /// It is live.
    pub fn deployed(&mut self) {
        self.info.description = match self.info.status {
            Status::PendingInstall => describe::INSTALL_COMPLETE.into(),
            Status::PendingRollback => std::mem::take(&mut self.info.description),
            _ => describe::UPGRADE_COMPLETE.into(),
        };
        self.info.status = Status::Deployed;
    }

    /// It failed.
    pub fn failed(&mut self, error: &str) {
        self.info.description = match self.info.status {
            Status::PendingInstall => describe::install_failed(&self.name, error),
            Status::PendingRollback => describe::rollback_failed(&self.name, error),
            _ => describe::upgrade_failed(&self.name, error),
        };
        self.info.status = Status::Failed;
    }

    /// A newer one is live; the description stays, as helm leaves it.
    pub fn superseded(&mut self) {
        self.info.status = Status::Superseded;
    }

    /// It is being removed.
    pub fn uninstalling(&mut self, now: Timestamp) {
        self.info.status = Status::Uninstalling;
        self.info.deleted = Some(Time::from(now));
        self.info.description = describe::DELETION_IN_PROGRESS.into();
    }

    /// It was removed.
    pub fn uninstalled(&mut self) {
        self.info.status = Status::Uninstalled;
        self.info.description = describe::UNINSTALL_COMPLETE.into();
    }
}
