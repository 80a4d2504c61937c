//! `lint` and `show` of random charts.

use super::{Case, Random, charts};

/// A chart under `lint`, `show` or `template` without a name.
pub fn lint(random: &mut Random) -> Case {
    let mut case = charts::chart(random);
    let words: &[&str] = match random.below(10) {
        0..=3 => &["lint", "c"],
        4 => &["lint", "c", "--strict"],
        5 => &["lint", "c", "--quiet"],
        6 => &["show", "chart", "c"],
        7 => &["show", "values", "c"],
        8 => &["show", "all", "c"],
        _ => &["lint", "c", "--with-subcharts"],
    };
    case.args = words.iter().map(|word| (*word).to_owned()).collect();
    case
}
