//! Recursion over documents as deep as Go allows them.

/// Stack that must be left before a recursive step; below that a new segment is allocated.
const RED_ZONE: usize = 128 * 1024;
/// Size of a new segment.
const SEGMENT: usize = 2 * 1024 * 1024;

/// Runs one step of a recursion, on a new stack segment where the present one is nearly used up.
pub(super) fn deeper<R>(step: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(RED_ZONE, SEGMENT, step)
}
