//! Roles: those that are built in, and those that administrators make: `/admin/roles`.
//!
//! Nobody makes, changes or removes a role that may do what they may not, as it is or as it shall be; so an
//! application's own permissions (`projects:deploy`) are a super administrator's to give. Built-in roles stay as
//! they are. A change takes effect at the next request of everybody who has the role.

pub(crate) mod create_role;
pub(crate) mod delete_role;
pub(crate) mod get_role;
pub(crate) mod list_roles;
pub(crate) mod update_role;

use serde::Serialize;
use shared::App;
use shared::clock::Timestamp;
use shared::event::{Event, EventType};
use shared::http::{Fields, Permitted, Problem};
use shared::name::line;
use shared::role::{AdminAll, CustomRole, KnownRole, Role, permissions};
use shared::tally::{self, Tally};
use utoipa::ToSchema;

/// The longest name of a role for people, in characters.
const LONGEST_DISPLAY_NAME: usize = 50;
/// The longest description, in characters.
const LONGEST_DESCRIPTION: usize = 200;

/// A role.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleInfo {
    #[schema(example = "manager")]
    name: String,
    #[schema(example = "Manager")]
    display_name: String,
    #[schema(example = "Limited management access")]
    description: String,
    #[schema(example = json!(["user:read", "user:update", "reports:read"]))]
    permissions: Vec<String>,
    /// Whether the role is built in: such a role cannot be changed or deleted.
    is_built_in: bool,
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
}

impl From<KnownRole> for RoleInfo {
    fn from(role: KnownRole) -> Self {
        match role {
            KnownRole::BuiltIn(role) => Self {
                name: role.name().to_owned(),
                display_name: role.display_name().unwrap_or_default().to_owned(),
                description: role.description().unwrap_or_default().to_owned(),
                permissions: role.permissions().unwrap_or_default().iter().map(ToString::to_string).collect(),
                is_built_in: true,
                created_at: None,
                updated_at: None,
            },
            KnownRole::Custom(role) => Self {
                name: role.name.into(),
                display_name: role.display_name,
                description: role.description,
                permissions: role.permissions,
                is_built_in: false,
                created_at: Some(role.created_at),
                updated_at: Some(role.updated_at),
            },
        }
    }
}

enum Refusal {
    /// It came with the system.
    BuiltIn,
    /// Accounts have it.
    InUse,
    /// The tenant has none of this name.
    NotFound,
    /// The tenant has one of this name.
    Exists,
    /// The tenant has as many as it may have.
    TooMany,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::BuiltIn => {
                Self::forbidden("BUILT_IN_ROLE", "Built-in roles cannot be changed or deleted")
            }
            Refusal::InUse => {
                Self::conflict("ROLE_IN_USE", "Accounts still have this role; assign them another one first")
            }
            Refusal::NotFound => Self::not_found("ROLE_NOT_FOUND", "Role not found"),
            Refusal::Exists => {
                Self::conflict("ROLE_EXISTS", "A role of this name already exists; choose another name")
            }
            Refusal::TooMany => {
                Self::conflict("TOO_MANY_ROLES", "The limit of 100 roles is reached; delete one first")
            }
        }
    }
}

/// What people are told of a role, and what it may do; what is left out is `None`.
type Described = ((Option<String>, Option<String>), Option<Vec<String>>);

/// What a request says of a role, if all of it is good.
fn described(
    fields: &mut Fields,
    (display_name, description): (Option<&str>, Option<&str>),
    names: Option<Vec<String>>,
) -> Option<Described> {
    let display_name = fields.take_optional("display_name", display_name, |text| {
        line(text, 1..=LONGEST_DISPLAY_NAME).ok_or("must be 1 to 50 characters, on one line")
    });
    let description = fields.take_optional("description", description, |text| {
        line(text, 0..=LONGEST_DESCRIPTION).ok_or("must be at most 200 characters, on one line")
    });
    let permissions = fields.take("permissions", names.map(permissions).transpose());
    display_name.zip(description).zip(permissions)
}

/// The role called `name`, built in or of the caller's tenant.
async fn find(app: &App, caller: &Permitted<AdminAll>, name: &str) -> Result<KnownRole, Problem> {
    let role: Role = name.parse().map_err(|_| Refusal::NotFound)?;
    let found = app.store.known_role(&caller.user.tenant, role).await?;
    Ok(found.ok_or(Refusal::NotFound)?)
}

/// The same, if it is not built in and the caller may do all that it may: then they may change and remove it.
async fn find_own(app: &App, caller: &Permitted<AdminAll>, name: &str) -> Result<CustomRole, Problem> {
    match find(app, caller, name).await? {
        KnownRole::BuiltIn(_) => Err(Refusal::BuiltIn.into()),
        KnownRole::Custom(role) => caller.may_make(&role).map(|()| role),
    }
}

/// Refuses what must not be while accounts have `role`, as `users` counts them.
fn refuse_in_use(users: &Tally, role: &CustomRole) -> Result<(), Refusal> {
    let counter = tally::of_role(&Role::Custom(role.name.clone()), None);
    let accounts = users.get(&counter).copied().unwrap_or_default();
    if accounts > 0 { Err(Refusal::InUse) } else { Ok(()) }
}

/// What happened to `role` at `at`, by the will of the caller.
fn event(event_type: EventType, caller: &Permitted<AdminAll>, role: &CustomRole, at: Timestamp) -> Event {
    Event::new(event_type, &caller.origin, at).by(caller.user.id).within(&role.tenant)
}
