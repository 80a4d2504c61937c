//! Values in layers: which one set what, and what two sets of them have and lack.

use super::values::merge_into;
use crate::value::{Map, Value};

/// One layer: the chart's own values, a file, a key of a Secret, what stands in the spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// How people call it.
    pub name: String,
    /// What it sets.
    pub values: Map,
    /// Its values are not for everybody's eyes.
    pub secret: bool,
}

/// What one layer says of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The layer.
    pub layer: String,
    /// What it sets; null takes away what lower layers set.
    pub value: Value,
    /// See [`Layer::secret`].
    pub secret: bool,
    /// Whether this is what holds: of a mapping, every layer that adds to it.
    pub holds: bool,
}

/// How deep keys are followed.
const MAX_DEPTH: usize = 500;

/// All layers on each other, the lowest first.
pub fn merged(layers: &[Layer]) -> Map {
    let mut values = Map::new();
    for layer in layers {
        merge_into(&mut values, layer.values.clone());
    }
    values
}

/// A key such as `image.tag` or `hosts.0.name`, with `\.` for a dot within a name.
pub fn path(key: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut chars = key.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => parts.last_mut().expect("it begins with one").extend(chars.next()),
            '.' => parts.push(String::new()),
            c => parts.last_mut().expect("it begins with one").push(c),
        }
    }
    parts
}

fn find<'v>(values: &'v Map, path: &[String]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(values.get(first.as_bytes())?, |value, part| match value {
        Value::Map(map) => map.get(part.as_bytes()),
        Value::List(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// What each layer says of a key, the lowest first.
pub fn explain(layers: &[Layer], key: &str) -> Vec<Said> {
    let path = path(key);
    let mut said: Vec<Said> = Vec::new();
    for layer in layers {
        let Some(value) = find(&layer.values, &path) else {
            // A scalar or list above takes the place of the whole mapping.
            let covered = (1..path.len()).any(|upto| find(&layer.values, &path[..upto]).is_some_and(|value| value.as_map().is_none()));
            if covered {
                said.iter_mut().for_each(|one| one.holds = false);
            }
            continue;
        };
        if value.as_map().is_none() || said.iter().any(|one| one.holds && one.value.as_map().is_none()) {
            said.iter_mut().for_each(|one| one.holds = false);
        }
        said.push(Said { layer: layer.name.clone(), value: value.clone(), secret: layer.secret, holds: true });
    }
    said
}

/// The keys that the first has and the second lacks, as `a.b.c`: of a mapping that lacks as a whole, only its own key.
pub fn lacking(has: &Map, lacks: &Map) -> Vec<String> {
    let mut found = Vec::new();
    compare(has, lacks, "", 0, &mut found);
    found
}

fn compare(has: &Map, lacks: &Map, above: &str, depth: usize, found: &mut Vec<String>) {
    for (key, value) in has.iter().filter(|(_, value)| !value.is_null()) {
        let name = key.to_text().replace('\\', "\\\\").replace('.', "\\.");
        let path = if above.is_empty() { name } else { format!("{above}.{name}") };
        match (value, lacks.get(key)) {
            (_, None | Some(Value::Null)) => found.push(path),
            (Value::Map(has), Some(Value::Map(lacks))) if depth < MAX_DEPTH => compare(has, lacks, &path, depth + 1, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn layer(name: &str, text: &str) -> Layer {
        Layer { name: name.into(), values: yaml::from_yaml_map(text.as_bytes()).unwrap(), secret: false }
    }

    fn holding(layers: &[Layer], key: &str) -> Vec<String> {
        explain(layers, key).into_iter().filter(|said| said.holds).map(|said| said.layer).collect()
    }

    #[test]
    fn the_layer_that_set_a_value_is_told() {
        let layers = [
            layer("chart", "image: {repository: app, tag: v1}\nhosts: [a]\nlog: {level: info}\nport: 80"),
            layer("common", "image: {tag: v2}\nlog: off"),
            layer("production", "image: {pull: Always}\nhosts: [b, c]\nport: null"),
        ];
        assert_eq!(holding(&layers, "image.tag"), ["common"]);
        assert_eq!(holding(&layers, "image.repository"), ["chart"]);
        assert_eq!(holding(&layers, "image"), ["chart", "common", "production"]);
        assert_eq!(holding(&layers, "hosts.1"), ["production"]);
        assert_eq!(holding(&layers, "log.level"), Vec::<String>::new(), "covered by a scalar");
        assert_eq!(explain(&layers, "port").last().unwrap().value, Value::Null);
        assert_eq!(explain(&layers, "nothing"), []);
        assert_eq!(path("a\\.b.c"), ["a.b", "c"]);
    }

    #[test]
    fn keys_that_one_has_and_the_other_lacks_are_told() {
        let (a, b) = (layer("a", "x: {y: 1, z: {q: 1}}\nn: ~\nonly.a: 1\nl: [1]").values, layer("b", "x: {y: 2}\nm: 1\nl: []").values);
        assert_eq!(lacking(&a, &b), ["only\\.a", "x.z"]);
        assert_eq!(lacking(&b, &a), ["m"]);
    }
}
