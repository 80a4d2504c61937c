//! Any JSON, mapped by CEL expressions of the Receiver: for registries and CI that have no driver of their own.

use super::{Address, Driver, Event, Image, Keys, Refused, Request, Settings, Told};
use cel::{Context, Program, Value as Cel};

pub(super) const DRIVER: Driver = Driver {
    name: "generic",
    title: "any JSON, by CEL",
    proof: "the token in the address, and with `generic.signatureHeader` the HMAC-SHA256 of the body, with `generic.tokenHeader` the token",
    replay: "the expression `generic.delivery`",
    tells: "pushes and images, as the expressions of `spec.generic` say",
    setup: "`spec.generic` of the Receiver: expressions over `body` (the JSON) and `headers` (names in lower case)",
    source: "https://github.com/google/cel-spec",
    max_body: 256 << 10,
    prove,
    read,
};

/// How a body is read: each a CEL expression over `body` and `headers`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping {
    /// Anything but `true` tells nothing.
    pub when: Option<String>,
    /// The repository's address: text or a list.
    pub repository: Option<String>,
    /// The branch, with or without `refs/heads/`.
    pub branch: Option<String>,
    /// The image: `host/repository`, a tag and a digest may follow; text or a list.
    pub image: Option<String>,
    /// The tag, where `image` has none.
    pub tag: Option<String>,
    /// The sender's name for this delivery.
    pub delivery: Option<String>,
    /// The header with the HMAC-SHA256 of the body in hexadecimal.
    pub signature_header: Option<String>,
    /// The header with the token.
    pub token_header: Option<String>,
}

/// The longest expression, in bytes.
const MAX_EXPRESSION: usize = 2048;

impl Mapping {
    /// Whether each expression can be read.
    ///
    /// # Errors
    /// The field and what is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        let all = [
            ("when", &self.when),
            ("repository", &self.repository),
            ("branch", &self.branch),
            ("image", &self.image),
            ("tag", &self.tag),
            ("delivery", &self.delivery),
        ];
        for (field, text) in all.into_iter().filter_map(|(field, text)| Some((field, text.as_ref()?))) {
            compile(text).map_err(|why| format!("spec.generic.{field}: {why}"))?;
        }
        if self.repository.is_some() != self.branch.is_some() {
            return Err("spec.generic: repository and branch go together".into());
        }
        if self.repository.is_none() && self.image.is_none() {
            return Err("spec.generic: say where a push (repository, branch) or an image (image) stands in the body".into());
        }
        Ok(())
    }
}

fn compile(text: &str) -> Result<Program, String> {
    if text.len() > MAX_EXPRESSION {
        return Err(format!("longer than {MAX_EXPRESSION} bytes"));
    }
    Program::compile(text).map_err(|error| format!("\"{text}\" is not CEL: {error}"))
}

fn prove(request: &Request<'_>, keys: &Keys, settings: &Settings) -> Result<(), Refused> {
    let Some(mapping) = &settings.mapping else { return Ok(()) };
    if let Some(header) = &mapping.signature_header {
        keys.hmac(request, &header.to_lowercase(), "the header spec.generic.signatureHeader")?;
    }
    if let Some(header) = &mapping.token_header {
        keys.token(request, &header.to_lowercase(), "the header spec.generic.tokenHeader")?;
    }
    Ok(())
}

fn read(request: &Request<'_>, settings: &Settings) -> Result<Told, Refused> {
    let Some(mapping) = &settings.mapping else { return Err(Refused::Malformed("the Receiver has no spec.generic".into())) };
    let headers: std::collections::BTreeMap<&str, &str> = request.headers.iter().rev().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut context = Context::default();
    let known = context.add_variable("body", request.json()?).and_then(|_| context.add_variable("headers", headers));
    known.map_err(|error| Refused::Malformed(format!("the body cannot be handed to CEL: {error}")))?;
    let ask = |text: &Option<String>| -> Result<Option<Cel>, Refused> {
        let Some(text) = text else { return Ok(None) };
        let program = compile(text).map_err(Refused::Malformed)?;
        program.execute(&context).map(Some).map_err(|error| Refused::Malformed(format!("\"{text}\": {error}")))
    };
    let delivery = ask(&mapping.delivery)?.and_then(|value| texts(&value).into_iter().next());
    if !matches!(ask(&mapping.when)?, None | Some(Cel::Bool(true))) {
        return Ok(Told { delivery, ..Told::nothing("spec.generic.when is not true of it") });
    }
    let mut events = Vec::new();
    if let (Some(repository), Some(branch)) = (ask(&mapping.repository)?, ask(&mapping.branch)?) {
        let repository = Address::all(texts(&repository).iter().map(String::as_str));
        let branches = texts(&branch).into_iter().filter(|branch| !branch.is_empty());
        let branches = branches.map(|branch| branch.strip_prefix("refs/heads/").map(str::to_owned).unwrap_or(branch));
        if !repository.is_empty() {
            events.extend(branches.map(|branch| Event::Push { repository: repository.clone(), branch }));
        }
    }
    if let Some(image) = ask(&mapping.image)? {
        let tag = ask(&mapping.tag)?.and_then(|value| texts(&value).into_iter().next()).filter(|tag| !tag.is_empty());
        let images = texts(&image);
        let images = images.iter().filter(|text| !text.is_empty()).filter_map(|text| Image::parse(text));
        events.extend(images.map(|image| Event::Image(Image { tag: image.tag.clone().or_else(|| tag.clone()), ..image })));
    }
    let note = if events.is_empty() { "the expressions found nothing in it" } else { "" };
    Ok(Told { events, delivery, note, confirm: None })
}

/// One text, or a list of them.
fn texts(value: &Cel) -> Vec<String> {
    match value {
        Cel::String(text) => vec![text.to_string()],
        Cel::Int(number) => vec![number.to_string()],
        Cel::UInt(number) => vec![number.to_string()],
        Cel::List(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
