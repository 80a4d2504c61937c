//! What a policy picks of what a registry has now.

use crate::{
    agent::{Shared, target},
    app::{App, ImagePolicySpec, ImageSpec, RegexOrder},
    images::{Credentials, Details, Options, Order, Policy, policy as policies},
    object::{Gvk, ObjectRef},
    webhooks::Image,
};
use std::collections::BTreeMap;

/// A policy as written, understood.
///
/// # Errors
/// What is wrong with it.
pub fn policy(spec: &ImagePolicySpec) -> Result<Policy, String> {
    if let Some(semver) = &spec.semver {
        return Policy::semver(&semver.range, semver.prereleases);
    }
    if let Some(regex) = &spec.regex {
        let order = match regex.order {
            RegexOrder::Numerical => Order::Numerical,
            RegexOrder::Alphabetical => Order::Alphabetical,
            RegexOrder::Semver => Order::Semver,
        };
        return Ok(Policy::Regex { pattern: policies::pattern(&regex.pattern)?, order, descending: regex.descending });
    }
    if let Some(newest) = &spec.newest {
        return Ok(Policy::Newest { pattern: newest.pattern.as_deref().map(policies::pattern).transpose()? });
    }
    match &spec.digest {
        Some(digest) => Ok(Policy::Digest { tag: digest.tag.clone() }),
        None => Err("no policy: set one of semver, regex, newest, digest".into()),
    }
}

/// The tag that a request (`IMAGE:TAG@TOKEN`) sets for this image.
pub(super) fn requested(request: &str, spec: &ImageSpec) -> Option<String> {
    let (named, _) = request.rsplit_once('@').unwrap_or((request, ""));
    let (named, ours) = (Image::parse(named)?, Image::parse(&spec.image)?);
    named.same_repository(&ours, false).then_some(named.tag).flatten()
}

/// The tag that is wanted, and what its image says of itself.
///
/// # Errors
/// The registry cannot be asked, or has nothing that fits.
pub(super) async fn pick(shared: &Shared, app: &App, spec: &ImageSpec, set: Option<&str>) -> Result<(Image, String, Details), String> {
    let image = Image::parse(&spec.image).filter(|image| image.tag.is_none() && image.digest.is_none());
    let image = image.ok_or_else(|| format!("spec.images: \"{}\" is no image without a tag, such as ghcr.io/shop/web", spec.image))?;
    let policy = policy(&spec.policy).map_err(|why| format!("spec.images: the policy of {}: {why}", spec.image))?;
    let options = options(shared, app, spec).await?;
    let tag = match (set, &policy) {
        (Some(tag), _) => tag.to_owned(),
        (None, Policy::Digest { tag }) => tag.clone(),
        (None, policy) => {
            let aged = |tag: &str| policy.wants_created() && policy.fits(tag);
            let tags = shared.registries.tags(&image, &options, aged).await.map_err(|error| error.to_string())?;
            policy.choose(&tags).map(|tag| tag.name.clone()).map_err(|error| format!("{}: {error}", spec.image))?
        }
    };
    // Whoever told of it, the registry has to have it before it is written.
    let exact = Image { tag: Some(tag.clone()), ..image.clone() };
    let details = shared.registries.details(&exact, &options).await.map_err(|error| error.to_string())?;
    Ok((image, tag, details))
}

/// How the image's registry is reached.
///
/// # Errors
/// The Secret is missing or cannot be used.
pub async fn options(shared: &Shared, app: &App, spec: &ImageSpec) -> Result<Options, String> {
    let credentials = match &spec.secret_ref {
        Some(secret) => {
            let data = self::secret(shared, app, &secret.name, "images[].secretRef").await?;
            Credentials::from_secret(&data).map_err(|why| format!("the Secret {} in images[].secretRef: {why}", secret.name))?
        }
        None => Credentials::default(),
    };
    Ok(Options { credentials, insecure: spec.insecure })
}

/// A Secret's data.
pub async fn secret(shared: &Shared, app: &App, name: &str, field: &str) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let reference = ObjectRef { gvk: Gvk::new("v1", "Secret"), namespace: Some(app.namespace.clone()), name: name.to_owned() };
    let live = shared.inputs.get(&app.id(), &reference).await.map_err(|error| format!("reading {reference}: {error}"))?;
    let live = live.ok_or_else(|| format!("spec.{field} names {reference}, which does not exist"))?;
    Ok(target::secret_data(&live))
}
