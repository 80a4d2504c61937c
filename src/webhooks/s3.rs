//! Bucket events: as MinIO posts them, and as AWS sends them by SNS.

use super::{Driver, Event, Keys, MAX_BODY, Refused, Request, Settings, Told, list, names, sns, text};
use serde_json::Value;

pub(super) const DRIVER: Driver = Driver {
    name: "s3",
    title: "S3 buckets (MinIO; AWS by SNS)",
    proof: "MinIO: `Authorization: Bearer TOKEN`; SNS: its signature, by a certificate of amazonaws.com",
    replay: "SNS: `MessageId`, and no message older than an hour; MinIO: the records' request ids",
    tells: "objects written to a bucket (a chart repository's index, for example)",
    setup: "MinIO: `notify_webhook` with the address as endpoint and the token as auth_token; AWS: the bucket's notifications to an SNS topic with the \
            address as HTTPS subscription, which is confirmed by itself",
    source: "https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html and \
             https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html",
    max_body: MAX_BODY,
    prove,
    read,
};

fn prove(request: &Request<'_>, keys: &Keys, settings: &Settings) -> Result<(), Refused> {
    if request.header("x-amz-sns-message-type").is_none() {
        return keys.token(request, "authorization", "the header Authorization");
    }
    sns::prove(&request.json()?, settings.certificate.as_ref(), request.now)
}

fn read(request: &Request<'_>, _: &Settings) -> Result<Told, Refused> {
    let body = request.json()?;
    if request.header("x-amz-sns-message-type").is_none() {
        return records(&body);
    }
    let delivery = Some(text(&body, "/MessageId").to_owned());
    let told = match text(&body, "/Type") {
        "SubscriptionConfirmation" => {
            let confirm = text(&body, "/SubscribeURL");
            if !sns::trusted_host(confirm) {
                return Err(Refused::Malformed("its SubscribeURL is not one of amazonaws.com".into()));
            }
            Told { confirm: Some(confirm.to_owned()), ..Told::nothing("the subscription is confirmed") }
        }
        "Notification" => {
            let inner: Value = serde_json::from_str(text(&body, "/Message")).map_err(|error| Refused::Malformed(format!("its Message is not JSON: {error}")))?;
            if inner["Event"] == "s3:TestEvent" { Told::nothing("a test") } else { records(&inner)? }
        }
        _ => Told::nothing("not a notification"),
    };
    Ok(Told { delivery, ..told })
}

fn records(body: &Value) -> Result<Told, Refused> {
    let Some(records) = body["Records"].as_array() else {
        return Err(Refused::Malformed("no list \"Records\" in it".into()));
    };
    let written = records.iter().filter(|record| text(record, "/eventName").contains("ObjectCreated"));
    let events: Vec<Event> = written.filter_map(object).collect();
    let ids: Vec<&str> = list(body, "/Records").iter().map(|record| text(record, "/responseElements/x-amz-request-id")).filter(|id| !id.is_empty()).collect();
    let delivery = (!ids.is_empty()).then(|| ids.join(" "));
    let note = if events.is_empty() { "no object was written" } else { "" };
    Ok(Told { events, delivery, note, confirm: None })
}

fn object(record: &Value) -> Option<Event> {
    let (bucket, key) = (text(record, "/s3/bucket/name"), text(record, "/s3/object/key"));
    let key = String::from_utf8(names::percent_decode(key.as_bytes())).ok()?;
    (!bucket.is_empty() && !key.is_empty()).then(|| Event::Object { bucket: bucket.to_owned(), key })
}
