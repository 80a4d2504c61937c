//! libgit2's process-wide settings. It offers no others: without them a silent server would be waited for without end.

use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use super::CacheLimits;

static ONCE: Once = Once::new();

/// How much of pack files is mapped into memory at once (libgit2's default is 8 GiB on 64 bits).
const MAPPED_LIMIT: usize = 256 * 1024 * 1024;
const WINDOW: usize = 16 * 1024 * 1024;
/// Objects that libgit2 keeps after reading them; a snapshot reads each once.
const OBJECT_CACHE: isize = 16 * 1024 * 1024;

/// Applies timeouts, memory bounds and a home directory; the first caller's hold for the process.
#[allow(unsafe_code)]
pub fn apply(limits: &CacheLimits, cache: &Path) {
    ONCE.call_once(|| {
        // SAFETY: these write plain C globals without a lock. Every use of libgit2 in this process goes through a
        // `GitCache`, whose constructor calls this first, and `Once` makes all other constructors wait until it is done.
        let done = unsafe {
            [
                git2::opts::set_server_connect_timeout_in_milliseconds(millis(limits.connect_timeout)),
                git2::opts::set_server_timeout_in_milliseconds(millis(limits.stall_timeout)),
                git2::opts::set_mwindow_size(WINDOW),
                git2::opts::set_mwindow_mapped_limit(MAPPED_LIMIT),
                git2::opts::set_cache_max_size(OBJECT_CACHE),
            ]
        };
        // After the others, which initialise libgit2.
        super::hints::set_home(cache);
        for error in done.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "a setting of libgit2 was refused");
        }
    });
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
