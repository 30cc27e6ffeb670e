//! Roles that a tenant's administrators made.
//!
//! They share a partition with their number, which each making and each removing changes: it never goes over
//! [`MOST_ROLES`], and so one read brings them all.

use super::Store;
use super::accounts::still;
use super::events::outbox;
use super::key::{self, Key};
use super::table::{Outcome, Range, parse};
use super::write::Write;
use crate::event::Event;
use crate::fault::Fault;
use crate::id::TenantId;
use crate::role::{CustomRole, CustomRoleName, KnownRole, Role};
use crate::user::User;

/// How many roles of its own a tenant may have. Of 6 KB each at most, they fit into the 1 MB that a query reads.
pub const MOST_ROLES: u32 = 100;

/// What became of a role that was to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleAddition {
    /// The role exists.
    Added,
    /// The tenant has a role of this name; nothing was written.
    NameTaken,
    /// The tenant has as many roles as it may have; nothing was written.
    TooMany,
    /// Whoever was to make it has another role or state by now; nothing was written.
    ActorChanged,
}

impl Store {
    /// A role that a tenant's administrators made, if there is one.
    pub async fn role(&self, tenant: &TenantId, name: &CustomRoleName) -> Result<Option<CustomRole>, Fault> {
        self.table.get(&Key::role(tenant, name)).await
    }

    /// The role `role`, if a tenant has it. The table is asked only where it is not built in.
    pub async fn known_role(&self, tenant: &TenantId, role: Role) -> Result<Option<KnownRole>, Fault> {
        match &role {
            Role::Custom(name) => Ok(self.role(tenant, name).await?.map(KnownRole::Custom)),
            _ => Ok(Some(KnownRole::BuiltIn(role))),
        }
    }

    /// All roles that a tenant's administrators made, by name.
    pub async fn roles(&self, tenant: &TenantId) -> Result<Vec<CustomRole>, Fault> {
        let range = Range {
            partition: key::roles_of(tenant),
            prefix: Some(key::ROLES.to_owned()),
            ..Range::default()
        };
        let items = self.table.query(range).await?.items.unwrap_or_default();
        items.into_iter().rev().map(parse).collect()
    }

    /// The role exists by the will of `actor`, and `event` is told.
    ///
    /// Guarded by the actor's role and state being those by which it was decided, by the name being free, and by
    /// the number of the tenant's roles.
    pub async fn add_role(
        &self,
        actor: &User,
        role: &CustomRole,
        event: &Event,
    ) -> Result<RoleAddition, Fault> {
        let put = Write::put(Key::role(&role.tenant, &role.name), "role", role)?.unless_exists();
        let count = Write::update(Key::role_count(&role.tenant))
            .add("roles", 1)
            .only_if("attribute_not_exists(#roles) OR #roles < :most")
            .value("most", MOST_ROLES)?;
        Ok(
            match self.table.transact(vec![still(actor.id, &actor.role)?, put, count, outbox(event)?]).await?
            {
                Outcome::Written(()) => RoleAddition::Added,
                Outcome::Refused(refused) => match refused.first().map(|it| it.index) {
                    Some(0) => RoleAddition::ActorChanged,
                    Some(1) => RoleAddition::NameTaken,
                    _ => RoleAddition::TooMany,
                },
            },
        )
    }

    /// The role is as `changed` says, by the will of `actor`, and `event` is told.
    ///
    /// Guarded by the actor's role and state being those by which it was decided, and by the role having the
    /// version that `changed` was made of. `false` if one of that changed since.
    pub async fn change_role(
        &self,
        actor: &User,
        changed: &CustomRole,
        event: &Event,
    ) -> Result<bool, Fault> {
        let write = Write::update(Key::role(&changed.tenant, &changed.name))
            .set("display_name", &changed.display_name)?
            .set("description", &changed.description)?
            .set("permissions", &changed.permissions)?
            .set("updated_at", changed.updated_at)?
            .add("version", 1)
            .only_if("#version = :version")
            .value("version", changed.version)?;
        let outcome = self.table.transact(vec![still(actor.id, &actor.role)?, write, outbox(event)?]).await?;
        Ok(matches!(outcome, Outcome::Written(())))
    }

    /// The role is gone by the will of `actor`, and `event` is told.
    ///
    /// Guarded by the actor's role and state being those by which it was decided, and by the role's version.
    /// `false` if one of that changed since. Whether accounts have it, the caller knows from counters that
    /// follow a moment later: who got it in that moment keeps the name of a role that may do nothing
    /// ([`crate::role::Rights::of`]).
    pub async fn remove_role(&self, actor: &User, role: &CustomRole, event: &Event) -> Result<bool, Fault> {
        let delete = Write::delete(Key::role(&role.tenant, &role.name))
            .only_if("#version = :version")
            .value("version", role.version)?;
        let count =
            Write::update(Key::role_count(&role.tenant)).add("roles", -1).only_if("attribute_exists(#PK)");
        let outcome =
            self.table.transact(vec![still(actor.id, &actor.role)?, delete, count, outbox(event)?]).await?;
        Ok(matches!(outcome, Outcome::Written(())))
    }
}

/// The check that the role of `user` is there, where that is not built in.
pub(super) fn still_exists(user: &User) -> Option<Write> {
    let name = user.role.custom()?;
    Some(Write::check(Key::role(&user.tenant, name)).only_if("attribute_exists(#PK)"))
}
