//! Faults: what an agent does when it is killed, when it is stopped and wakes, when the API server is busy, lies or goes away.
//!
//! They have a control plane and agents of their own, and run alone: `cargo xtask test faults`. What CI runs is a spread;
//! `cargo xtask test faults --all` runs every case (`WINDLASS_FAULTS=all`).

mod denied;
mod fencing;
mod hooks;
mod idle;
mod kills;
mod mixture;
mod outage;
mod pressure;
mod watches;
mod world;

/// Whether every case is run, not only a spread of them.
fn all() -> bool {
    std::env::var_os("WINDLASS_FAULTS").is_some_and(|value| value == "all")
}

/// A small generator for reproducible faults (splitmix64): the seed is printed, and `WINDLASS_SEED` sets it.
struct Random(u64);

impl Random {
    fn seeded(name: &str) -> Random {
        let given = std::env::var("WINDLASS_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from(std::process::id()));
        println!("{name}: seed {seed}");
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
