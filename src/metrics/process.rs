//! The process's own figures from Linux's /proc; elsewhere they are absent.

/// CPU seconds, resident bytes and open files at this moment.
pub struct Usage {
    /// User and system time in seconds.
    pub cpu_seconds: f64,
    /// Resident memory in bytes.
    pub resident_bytes: i64,
    /// Open file descriptors.
    pub open_fds: i64,
}

/// Linux counts process times in hundredths of a second on every architecture that it shows to user space.
const TICKS: f64 = 100.0;

/// Reads them; none where there is no /proc.
pub fn usage() -> Option<Usage> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The command's name may hold spaces and brackets: fields count from the last bracket, the third field (proc(5)).
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = resident.split_whitespace().next()?.parse().ok()?;
    let open_fds = std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as i64);
    Some(Usage { cpu_seconds: (ticks(14)? + ticks(15)?) / TICKS, resident_bytes: kib * 1024, open_fds })
}
