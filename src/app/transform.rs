//! `spec.postRender` and `spec.strategy`, read into what is applied.

use super::{EnvironmentSpec, SpecError, StrategyType};
use crate::transform::{Budget, ImageChange, Patch, PostRender, Strategy, Target, Written};
use serde_json::Value;

/// What is changed after rendering.
///
/// # Errors
/// The field that cannot be meant.
pub(super) fn post_render(spec: &EnvironmentSpec) -> Result<PostRender, SpecError> {
    let written = &spec.post_render;
    let mut patches = Vec::with_capacity(written.patches.len());
    for (at, patch) in written.patches.iter().enumerate() {
        let wrong = |problem: String| SpecError { field: format!("postRender.patches[{at}]"), problem };
        let target = patch.target.as_ref().map(|target| {
            Target::parse(&Written {
                group: target.group.as_deref(),
                version: target.version.as_deref(),
                kind: target.kind.as_deref(),
                name: target.name.as_deref(),
                namespace: target.namespace.as_deref(),
                labels: target.label_selector.as_deref(),
                annotations: target.annotation_selector.as_deref(),
            })
        });
        let target = target.transpose().map_err(|problem| wrong(format!("target: {problem}")))?;
        patches.push(Patch::parse(&patch.patch, target).map_err(|error| wrong(error.to_string()))?);
    }
    let images = written.images.iter().map(|image| ImageChange {
        name: image.name.clone(),
        new_name: image.new_name.clone(),
        new_tag: image.new_tag.clone(),
        digest: image.digest.clone(),
    });
    Ok(PostRender {
        patches,
        images: images.collect(),
        labels: written.labels.clone(),
        annotations: written.annotations.clone(),
        strategy: strategy(spec)?,
    })
}

fn strategy(spec: &EnvironmentSpec) -> Result<Strategy, SpecError> {
    let Some(written) = &spec.strategy else { return Ok(Strategy::Chart) };
    let surge = budget("strategy.maxSurge", written.max_surge.as_ref())?;
    let unavailable = budget("strategy.maxUnavailable", written.max_unavailable.as_ref())?;
    match written.type_ {
        StrategyType::RollingUpdate => {
            let none = |budget: &Option<Budget>| matches!(budget, Some(Budget::Count(0))) || matches!(budget, Some(Budget::Percent(text)) if text == "0%");
            if none(&surge) && none(&unavailable) {
                return Err(SpecError { field: "strategy".into(), problem: "maxSurge and maxUnavailable cannot both be 0: no Pod could ever be replaced".into() });
            }
            Ok(Strategy::RollingUpdate { max_surge: surge, max_unavailable: unavailable })
        }
        StrategyType::Recreate | StrategyType::BlueGreen if surge.is_some() || unavailable.is_some() => {
            Err(SpecError { field: "strategy".into(), problem: "maxSurge and maxUnavailable are for the type RollingUpdate".into() })
        }
        StrategyType::Recreate => Ok(Strategy::Recreate),
        StrategyType::BlueGreen => Ok(Strategy::BlueGreen { preview: written.preview.clone().unwrap_or_else(|| "-preview".into()) }),
    }
}

fn budget(field: &str, value: Option<&Value>) -> Result<Option<Budget>, SpecError> {
    let wrong = |value: &Value| SpecError { field: field.into(), problem: format!("{value} is neither a number of Pods nor a percentage like \"25%\"") };
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value @ Value::Number(number)) => {
            let count = number.as_u64().and_then(|count| u32::try_from(count).ok());
            count.map(|count| Some(Budget::Count(count))).ok_or_else(|| wrong(value))
        }
        Some(value @ Value::String(text)) => {
            let share = text.strip_suffix('%').and_then(|share| share.parse::<u32>().ok()).filter(|share| *share <= 100);
            share.map(|_| Some(Budget::Percent(text.clone()))).ok_or_else(|| wrong(value))
        }
        Some(other) => Err(wrong(other)),
    }
}
