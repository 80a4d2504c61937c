//! How much memory a thread holds and how long it works, so that rendering a hostile chart ends with an error instead of the
//! process.
//!
//! The process's allocator (mimalloc) is wrapped: each allocation and release adds to a number of its thread. Rendering
//! happens on one thread, so the difference since it began is what it holds. The engine asks at its steps; a single step is
//! bounded by the engine itself.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// What one render may hold where nobody sets it: twenty times what the largest charts that are known take.
pub const DEFAULT_RENDER_MEMORY: u64 = 512 << 20;

/// How long one render may take where nobody sets it: a thousand times what large charts take.
pub const DEFAULT_RENDER_TIME: Duration = Duration::from_secs(60);

static MILLIS: AtomicU64 = AtomicU64::new(DEFAULT_RENDER_TIME.as_millis() as u64);
static CEILING: AtomicU64 = AtomicU64::new(DEFAULT_RENDER_MEMORY);

thread_local! {
    // Constant and without a destructor: the allocator may touch it at any time of the thread's life.
    static HELD: Cell<i64> = const { Cell::new(0) };
}

/// mimalloc, with what each thread holds counted. The binary's global allocator.
pub struct Counting;

fn count(bytes: i64) {
    HELD.with(|held| held.set(held.get().wrapping_add(bytes)));
}

// SAFETY: every call is passed on to mimalloc as it is; counting touches a number of the thread's own and allocates nothing.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        unsafe { mimalloc::MiMalloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        unsafe { mimalloc::MiMalloc.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        unsafe { mimalloc::MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as i64 - layout.size() as i64);
        unsafe { mimalloc::MiMalloc.realloc(pointer, layout, size) }
    }
}

/// What mimalloc gives back, and when: the numbers of its options (`mi_option_t` in `mimalloc.h`, version 3).
mod option {
    use std::ffi::{c_int, c_long};

    /// Milliseconds until freed pages go back to the system; 1000 where nobody sets it.
    pub const PURGE_DELAY: c_int = 15;
    /// How many pages without a free place a thread keeps of each size, in case one becomes free; 2 where nobody sets it.
    pub const PAGE_FULL_RETAIN: c_int = 36;

    #[allow(unsafe_code)]
    unsafe extern "C" {
        pub fn mi_option_set(option: c_int, value: c_long);
        #[cfg(test)]
        pub fn mi_option_get(option: c_int) -> c_long;
    }
}

/// What is freed goes back to the system soon: for a process that stays, where most of the time nothing happens.
pub fn give_back_soon() {
    // SAFETY: both are options that mimalloc has; setting one stores a number.
    #[allow(unsafe_code)]
    unsafe {
        option::mi_option_set(option::PURGE_DELAY, 10);
        option::mi_option_set(option::PAGE_FULL_RETAIN, 0);
    }
}

/// The program's own code goes back to the system as far as it is in memory, and comes again from its file where it is reached: what
/// only the start of a process needed is then held no longer. Nothing happens where the system tells no mappings.
pub fn give_back_code() {
    #[cfg(target_os = "linux")]
    for (begin, end) in code(&std::fs::read_to_string("/proc/self/maps").unwrap_or_default(), std::env::current_exe().ok().as_deref()) {
        // SAFETY: the mapping is one of this process, of a file, and was never writable: its pages come back as they are.
        #[allow(unsafe_code)]
        unsafe {
            libc::madvise(begin as *mut libc::c_void, end - begin, libc::MADV_DONTNEED);
        }
    }
}

/// Where the program's code is mapped, from the lines of `/proc/PID/maps`: `begin-end r-xp offset device inode path`.
#[cfg(target_os = "linux")]
fn code(maps: &str, program: Option<&std::path::Path>) -> Vec<(usize, usize)> {
    let mapping = |line: &str| {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next()?, words.next()?);
        let path = words.nth(3)?;
        let (begin, end) = range.split_once('-')?;
        let address = |text: &str| usize::from_str_radix(text, 16).ok();
        (rights == "r-xp" && program == Some(std::path::Path::new(path))).then_some((address(begin)?, address(end)?))
    };
    maps.lines().filter_map(mapping).collect()
}

/// Sets what one render may hold, in bytes, for the whole process.
pub fn set_render_memory(bytes: u64) {
    CEILING.store(bytes, Ordering::Relaxed);
}

/// Sets how long one render may take, for the whole process.
pub fn set_render_time(time: Duration) {
    MILLIS.store(time.as_millis() as u64, Ordering::Relaxed);
}

/// A quantity of bytes as Kubernetes writes it: `512Mi`, `1G`, `1000000`.
///
/// # Errors
/// How to write it.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit: u64 = match &text[digits.len()..] {
        "" => 1,
        "k" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => return Err("write it as 512Mi, 2Gi or a number of bytes".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "write it as 512Mi, 2Gi or a number of bytes".to_owned())?;
    number.checked_mul(unit).filter(|bytes| *bytes >= 1 << 20).ok_or_else(|| "at least 1Mi is needed".to_owned())
}

/// What a piece of work holds and how long it takes, from its beginning on, on its thread.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    base: i64,
    ceiling: u64,
    began: Instant,
    time: Duration,
}

impl Meter {
    /// Begins to measure.
    pub fn start() -> Meter {
        let time = Duration::from_millis(MILLIS.load(Ordering::Relaxed));
        Meter { base: HELD.with(Cell::get), ceiling: CEILING.load(Ordering::Relaxed), began: Instant::now(), time }
    }

    /// Bytes held since the beginning, what was freed taken off; 0 where the process has another allocator.
    pub fn held(&self) -> u64 {
        u64::try_from(HELD.with(Cell::get).wrapping_sub(self.base)).unwrap_or(0)
    }

    /// Why the work has to end.
    pub fn exceeded(&self) -> Option<String> {
        if self.began.elapsed() > self.time {
            let time = self.time.as_secs_f64();
            return Some(format!("rendering takes longer than {time} s (--render-timeout of the agent, WINDLASS_RENDER_TIMEOUT of commands)"));
        }
        let ceiling = self.ceiling;
        (self.held() > ceiling).then(|| format!("rendering holds more than {} MiB of memory (--render-memory of the agent, WINDLASS_RENDER_MEMORY of commands)", ceiling >> 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn code_is_given_back_and_comes_again() {
        let resident = || -> u64 {
            let smaps = std::fs::read_to_string("/proc/self/smaps").expect("Linux tells them");
            let program = std::env::current_exe().expect("a path");
            let of_code = smaps.split("VmFlags:").filter(|mapping| mapping.lines().any(|line| !code(line, Some(&program)).is_empty()));
            of_code.filter_map(|mapping| mapping.lines().find_map(|line| line.strip_prefix("Rss:"))).map(|rss| rss.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")).sum()
        };
        let before = resident();
        give_back_code();
        let after = resident();
        assert!(before > 0 && after < before, "{before} kB before, {after} kB after");
        assert_eq!(parse_bytes("2Mi"), Ok(2 << 20), "code runs as before");
        let maps = "00200000-0089f000 r--p 00000000 fe:00 1 /bin/windlass\n0089f000-01d5e000 r-xp 0069e000 fe:00 1 /bin/windlass\n\
                    7f00-7f01 r-xp 00000000 fe:00 2 /lib/other.so\n7f02-7f03 r-xp 00000000 00:00 0 [vdso]\n";
        assert_eq!(code(maps, Some(std::path::Path::new("/bin/windlass"))), [(0x0089_f000, 0x01d5_e000)]);
    }

    #[test]
    #[allow(unsafe_code)]
    fn options_stand_where_mimalloc_has_them() {
        // SAFETY: reading an option reads a number.
        let get = |number| unsafe { option::mi_option_get(number) };
        assert_eq!((get(option::PURGE_DELAY), get(option::PAGE_FULL_RETAIN)), (1000, 2), "its defaults, by which they are known");
        give_back_soon();
        assert_eq!((get(option::PURGE_DELAY), get(option::PAGE_FULL_RETAIN)), (10, 0));
    }
}
