//! Renders one chart again and again, for `cargo xtask bench render`; `tests/oracle/bench` does the same with Helm's engine.
//!
//!     render-bench CHART VALUES|- SECONDS
//!
//! Prints one JSON object: nanoseconds per render (median), how many renders, the process's peak memory in KiB.

use std::path::Path;
use std::time::Instant;
use windlass::chart::capabilities::{Capabilities, KubeVersion};
use windlass::chart::log::Log;
use windlass::cli::{LocalHost, load_chart};
use windlass::render::{Cache, Options, render};
use windlass::value::{Map, Value};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), String> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [chart, values, seconds] = args.as_slice() else {
        return Err("usage: render-bench CHART VALUES|- SECONDS".into());
    };
    let seconds: f64 = seconds.parse().map_err(|error| format!("{seconds}: {error}"))?;
    let mut log = Log::default();
    let chart = load_chart(Path::new(chart), &mut log)?;
    let values = match values.as_str() {
        "-" => Map::new(),
        file => {
            let text = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
            match windlass::yaml::from_yaml(&text).map_err(|error| format!("{file}: {error}"))? {
                Value::Map(map) => map,
                _ => Map::new(),
            }
        }
    };
    let options = Options {
        release_name: "rel".into(),
        namespace: "ns".into(),
        capabilities: Capabilities::offline(KubeVersion::parse("1.34.0").map_err(|error| error.to_string())?, &[]),
        skip_schema_validation: true,
        // As the agent renders: what did not change is not parsed again.
        cache: Cache::new(),
        ..Options::default()
    };
    let (start, mut times) = (Instant::now(), Vec::new());
    while times.len() < 5 || start.elapsed().as_secs_f64() < seconds {
        let began = Instant::now();
        render(&chart, &values, &options, &LocalHost, &mut Log::default()).map_err(|error| error.to_string())?;
        times.push(began.elapsed().as_nanos());
    }
    times.sort_unstable();
    let (median, renders) = (times[times.len() / 2], times.len());
    println!("{{\"ns_per_render\":{median},\"renders\":{renders},\"peak_rss_kb\":{}}}", peak_kilobytes());
    Ok(())
}

/// Linux's high-water mark of resident memory; 0 where there is none.
fn peak_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0)
}
