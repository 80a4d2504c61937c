//! What was meant, where a name is nearly another.

/// How many letters may be different, at most.
const MAX_DISTANCE: usize = 2;
/// Names longer than this are not compared.
const MAX_LENGTH: usize = 64;

/// The one of `names` that is nearest to `name`, if it is near at all. Case does not count.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let close = names.filter_map(|other| Some((distance(&lower, &other.to_lowercase())?, other)));
    let (_, best) = close.min()?;
    Some(best)
}

/// Letters to add, take away, change or swap with their neighbour (optimal string alignment), up to the bound.
fn distance(a: &str, b: &str) -> Option<usize> {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > MAX_DISTANCE || a.len().max(b.len()) > MAX_LENGTH {
        return None;
    }
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (rows[i][j] + usize::from(x != y)).min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    let found = rows[a.len()][b.len()];
    // Of a name of three letters, two changed are another name.
    (found <= MAX_DISTANCE.min(a.len() / 3)).then_some(found)
}
