//! Claims and volumes.

use super::{
    Health,
    read::{Reader, because},
};

/// Claims: bound or not.
pub(super) fn claim(read: &Reader<'_>) -> Health {
    match read.text("/status/phase").unwrap_or("Pending") {
        "Bound" => Health::healthy(format!("it is bound to {}", read.text("/spec/volumeName").unwrap_or("a volume"))),
        "Lost" => Health::failed(true, "ClaimLost", "its volume is gone"),
        phase => {
            let class = read.text("/spec/storageClassName").map(|class| format!(" by class {class}")).unwrap_or_default();
            Health::progressing("NotBound", format!("it is not bound{class} yet ({phase})"))
        }
    }
}

/// Volumes.
pub(super) fn volume(read: &Reader<'_>) -> Health {
    match read.text("/status/phase").unwrap_or_default() {
        "Failed" => {
            let words = because(read.text("/status/message").unwrap_or_default());
            Health::failed(false, "VolumeFailed", format!("it could not be reclaimed{words}"))
        }
        "" | "Pending" => Health::progressing("VolumePending", "it is not available yet"),
        phase => Health::healthy(format!("it is {}", phase.to_lowercase())),
    }
}
