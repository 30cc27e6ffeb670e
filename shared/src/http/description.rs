//! What the OpenAPI document says of every operation: the refusals that all of them share, how one signs in, and
//! how a POST may be repeated. An endpoint's own attribute says only what is its own. Beside the operations stand
//! the webhooks, one for each type of event.

mod webhooks;

use std::collections::BTreeSet;

use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Content, ContentBuilder, InfoBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder, Tag,
    Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::family::Family;
use super::idempotency;
use super::problem::{AccountsErrorBody, ErrorBody};

/// Completes the description of the whole API.
pub fn describe(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("usher")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "A complete user-management system that scales to zero. `/v1` is an alias of `/api/v1`, and a \
             trailing slash makes no difference. Every response carries `X-Request-ID`.",
        ))
        .build();
    let mut schemas = Vec::new();
    for (name, schema) in
        [(ErrorBody::name(), ErrorBody::schema()), (AccountsErrorBody::name(), AccountsErrorBody::schema())]
    {
        schemas.push((name.into_owned(), schema));
    }
    ErrorBody::schemas(&mut schemas);
    AccountsErrorBody::schemas(&mut schemas);
    let bearer = |format: &str, description: &str| {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format(format);
        SecurityScheme::Http(scheme.description(Some(description)).build())
    };
    let (webhooks, referred) = webhooks::paths();
    api.webhooks = Some(webhooks);
    schemas.extend(referred);
    api.tags = Some(tags(&mut api));
    let mut components = webhooks::shared_by_all(api.components.take().unwrap_or_default());
    for (name, schema) in schemas {
        components = components.schema(name, schema);
    }
    api.components = Some(
        components
            .security_scheme("access_token", bearer("JWT", "The `access_token` from a login"))
            .security_scheme("refresh_token", bearer("JWT", "The `refresh_token` from a login"))
            .build(),
    );
    for (path, item) in &mut api.paths.paths {
        if let Some(post) = item.post.as_mut().filter(|_| idempotency::takes_key(path)) {
            post.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
        }
        for operation in operations(item) {
            add_refusals(path, operation);
        }
    }
    api
}

/// The tags in the order in which pages show them: those of the operations, and then that of the webhooks.
fn tags(api: &mut OpenApi) -> Vec<Tag> {
    let operations = api.paths.paths.values_mut().flat_map(operations);
    let names: BTreeSet<_> = operations.flat_map(|it| it.tags.clone().unwrap_or_default()).collect();
    names.into_iter().map(Tag::new).chain([webhooks::tag()]).collect()
}

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The header of every POST that may be repeated.
fn idempotency_key() -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let schema = text.min_length(Some(1)).max_length(Some(idempotency::LONGEST_KEY));
    ParameterBuilder::new()
        .name(IDEMPOTENCY_KEY)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Makes it safe to repeat the request for a day: it is processed once, and each repetition gets the \
             first response, with `Idempotency-Replayed: true`. 422 `IDEMPOTENCY_KEY_REUSED`: the key was used \
             for another request. 409 `REQUEST_IN_PROGRESS`: the first request is still running.",
        ))
        .schema(Some(schema))
        .build()
}

fn is_idempotency_key(parameter: &RefOr<Parameter>) -> bool {
    matches!(parameter, RefOr::T(it) if it.name == IDEMPOTENCY_KEY)
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// Adds the refusals that follow from what the operation takes, and the body to all of them.
fn add_refusals(path: &str, operation: &mut Operation) {
    let health = operation.tags.iter().flatten().any(|tag| tag == "health");
    let mut refusals = Vec::new();
    if operation.request_body.is_some() {
        refusals.extend([
            ("400", "Malformed JSON, or invalid values; the details name each field"),
            ("413", "The body is larger than 1 MB"),
            ("415", "The body is not JSON"),
            ("422", "Fields are missing or have the wrong type; the details name each"),
        ]);
    } else if operation.parameters.as_ref().is_some_and(|it| !it.is_empty()) {
        refusals.push(("400", "Invalid values; the details name each field"));
    }
    if operation.security.is_some() && !health {
        refusals.extend([
            ("401", "The token is missing, invalid or expired"),
            ("403", "The caller may not do this"),
        ]);
    }
    if operation.security.is_some() && (path.contains('{') || operation.request_body.is_some()) {
        refusals.extend([
            ("404", "Not found, or not visible to the caller"),
            ("409", "The resource was changed in the meantime"),
        ]);
    }
    if operation.parameters.iter().flatten().any(is_idempotency_key) {
        refusals.extend([
            ("409", "The first request with this `Idempotency-Key` is still running"),
            ("413", "The body is larger than 1 MB"),
            ("422", "The `Idempotency-Key` was used for another request"),
        ]);
    }
    let is_if_match = |it: &RefOr<Parameter>| matches!(it, RefOr::T(it) if it.name == "If-Match");
    if operation.parameters.iter().flatten().any(is_if_match) {
        refusals.push(("412", "The resource no longer matches `If-Match`"));
    }
    refusals.extend([("500", "Internal error"), ("503", "The service is busy; try again in a moment")]);
    for (status, description) in refusals {
        let there = operation.responses.responses.entry(status.to_owned());
        there.or_insert_with(|| RefOr::T(ResponseBuilder::new().description(description).build()));
    }
    let refused = |status: &str| status.starts_with(['4', '5']);
    for (_, response) in operation.responses.responses.iter_mut().filter(|(status, _)| refused(status)) {
        if let RefOr::T(response) = response
            && response.content.is_empty()
        {
            response.content.insert("application/json".to_owned(), RefOr::T(refusal(path)));
        }
    }
}

/// The body of a refusal at `path`.
fn refusal(path: &str) -> Content {
    let schema = match Family::of(path) {
        Family::Standard => ErrorBody::name(),
        Family::Accounts => AccountsErrorBody::name(),
    };
    ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build()
}
