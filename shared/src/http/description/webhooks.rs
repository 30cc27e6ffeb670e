//! The `webhooks` of the OpenAPI document: for each type of event the request that receivers get, and what they may
//! answer.
//!
//! All of it is made of what sends them: the table of event types, the payload, and the structs of the details. An
//! example is made of those of the members, and so is as its schema says.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Array, Components, Object, Schema};
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, HeaderBuilder, ObjectBuilder, Paths, Ref, RefOr, Required, Response,
    ResponseBuilder, Type,
};
use utoipa::{PartialSchema, ToSchema};

use crate::event::{EventType, Parties, Presence};
use crate::id::{EventId, UserId};
use crate::webhook::{Data, Payload};

/// Schemas and their names.
type Schemas = Vec<(String, RefOr<Schema>)>;

/// Under which the webhooks stand among the operations.
const TAG: &str = "events";

/// The headers of a message: their names, what they hold, and an example.
const HEADERS: [(&str, &str, &str); 3] = [
    (
        "webhook-id",
        "The delivery's id: the same in each attempt and each replay, so that a receiver can detect duplicates.",
        "msg_550e8400e29b41d4a716446655440000",
    ),
    (
        "webhook-timestamp",
        "When this attempt was made, in seconds since the epoch. Refuse one that is more than five minutes off.",
        "1795255567",
    ),
    (
        "webhook-signature",
        "`v1,` and the base64 of the HMAC-SHA-256 of `<webhook-id>.<webhook-timestamp>.<body>` under the secret. For 24 \
         hours after the secret was replaced there are two, separated by a space: accept either.",
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ),
];

/// What a receiver may answer, and the name of what it leads to.
const ANSWERS: [(&str, &str); 5] = [
    ("2XX", "WebhookTaken"),
    ("410", "WebhookGone"),
    ("429", BUSY),
    ("503", BUSY),
    ("default", "WebhookFailed"),
];
const BUSY: &str = "WebhookBusy";

/// What answers lead to.
const CONSEQUENCES: [(&str, &str); 4] = [
    ("WebhookTaken", "Delivered. Answer within 15 seconds, and do any work afterwards"),
    ("WebhookGone", "No more messages are wanted: the webhook is disabled"),
    (BUSY, "The message is sent again, not before `Retry-After`"),
    (
        "WebhookFailed",
        "The message is sent again, up to nine times within four days. Redirects are not followed",
    ),
];

/// What the webhooks have in common.
pub(super) fn tag() -> Tag {
    TagBuilder::new()
        .name(TAG)
        .description(Some(
            "What is sent to webhooks (`POST /api/v1/webhooks`), following [Standard Webhooks](https://www.standardwebhooks.com). \
             Verify a message by its headers and its raw body. Messages may arrive twice and in any order.\n\n\
             Members may be added, which raises `version`: ignore those that you do not know. Existing members keep their \
             names and meanings; a change that would break that becomes a new type of event.",
        ))
        .build()
}

/// The webhooks, and the schemas that they refer to.
pub(super) fn paths() -> (Paths, Schemas) {
    let mut schemas =
        vec![(UserId::name().into(), UserId::schema()), (EventId::name().into(), EventId::schema())];
    let mut paths = Paths::new();
    for event_type in EventType::ALL.iter().copied() {
        schemas.extend(event_type.referred_schemas());
        let item = PathItem::new(HttpMethod::Post, operation(event_type, &schemas));
        paths.paths.insert(event_type.name().to_owned(), item);
    }
    (paths, schemas)
}

/// `components`, with what all webhooks refer to.
pub(super) fn shared_by_all(mut components: Components) -> ComponentsBuilder {
    for (name, description, example) in HEADERS {
        components.parameters.insert(name.to_owned(), RefOr::T(header(name, description, example)));
    }
    for (name, description) in CONSEQUENCES {
        components.responses.insert(name.to_owned(), RefOr::T(consequence(name, description)));
    }
    components.into()
}

fn header(name: &str, description: &str, example: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .example(Some(example.into()))
        .build()
}

fn consequence(name: &str, description: &str) -> Response {
    let response = ResponseBuilder::new().description(description);
    if name != BUSY {
        return response.build();
    }
    let header = HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some("Seconds, or a date (RFC 9110, 10.2.3); at most a day is honoured"));
    response.header("Retry-After", header.build()).build()
}

/// The request that tells events of this type.
fn operation(event_type: EventType, schemas: &[(String, RefOr<Schema>)]) -> Operation {
    let content = ContentBuilder::new()
        .schema(Some(payload(event_type)))
        .example(Some(example(event_type, schemas)))
        .build();
    let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
    let mut operation = OperationBuilder::new()
        .tag(TAG)
        .operation_id(Some(format!("webhook_{}", event_type.name().replace('.', "_"))))
        .summary(Some(event_type.name()))
        .description(Some(format!("{}\n\n{}", event_type.meaning(), event_type.occasion())))
        .request_body(Some(body.build()));
    for (name, ..) in HEADERS {
        operation = operation.parameter_ref(Ref::new(format!("#/components/parameters/{name}")));
    }
    for (status, name) in ANSWERS {
        operation = operation.response(status, Ref::from_response_name(name));
    }
    operation.build()
}

/// The payload's schema, narrowed to events of this type.
fn payload(event_type: EventType) -> Object {
    let (mut payload, mut data) = (object(Payload::schema()), object(Data::schema()));
    let parties = event_type.parties();
    for (name, presence) in [("actor", parties.actor()), ("subject", parties.subject())] {
        match presence {
            Presence::Always => data.required.push(name.to_owned()),
            Presence::Sometimes => {}
            Presence::Never => {
                data.properties.remove(name);
            }
        }
    }
    let details = object(event_type.details_schema());
    if details.properties.is_empty() {
        data.properties.remove("details");
    } else {
        if !details.required.is_empty() {
            data.required.push("details".to_owned());
        }
        data.properties.insert("details".to_owned(), details.into());
    }
    let name = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([event_type.name()]));
    payload.properties.insert("type".to_owned(), name.into());
    payload.properties.insert("data".to_owned(), data.into());
    payload
}

/// The schema of a struct.
fn object(schema: RefOr<Schema>) -> Object {
    match schema {
        RefOr::T(Schema::Object(object)) => object,
        _ => Object::default(),
    }
}

/// An example of the payload of events of this type.
fn example(event_type: EventType, schemas: &[(String, RefOr<Schema>)]) -> Value {
    let schemas = schemas.iter().map(|(name, schema)| (name.as_str(), schema)).collect();
    let mut example = example_of(&Schema::Object(payload(event_type)).into(), &schemas);
    if event_type.parties() == Parties::ActorAndSubject {
        example["data"]["actor"] = json!("usr_6f1c2b0e3d4a4b5c8d6e7f8091a2b3c4");
    }
    example
}

/// An example of a schema: its own, its first value, or one that is made of those of its members.
fn example_of(schema: &RefOr<Schema>, schemas: &BTreeMap<&str, &RefOr<Schema>>) -> Value {
    let object = match schema {
        RefOr::Ref(reference) => {
            let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
            return schemas.get(name).map_or(Value::Null, |schema| example_of(schema, schemas));
        }
        RefOr::T(Schema::Array(Array { example, .. })) => return example.clone().unwrap_or_default(),
        RefOr::T(Schema::Object(object)) => object,
        RefOr::T(_) => return Value::Null,
    };
    let own = object.example.clone().or_else(|| object.enum_values.as_ref()?.first().cloned());
    own.unwrap_or_else(|| {
        let members =
            object.properties.iter().map(|(name, schema)| (name.clone(), example_of(schema, schemas)));
        members.collect::<Map<_, _>>().into()
    })
}
