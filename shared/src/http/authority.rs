//! On whom a caller may act. What they cannot see is not there for them; what they can see, they may act on
//! only where it ranks below them.
//!
//! These are decisions on what was read; the write asks again that both accounts still stand so
//! ([`crate::store::Store::change`]).

use super::caller::Permitted;
use super::problem::{Fields, Problem};
use crate::app::App;
use crate::id::TenantId;
use crate::role::{CustomRole, KnownRole, Role, UnknownRole};
use crate::store::Store;
use crate::user::{Status, User};

/// The code of a refusal because something changed between our reading and our writing.
pub(super) const CHANGED_MEANWHILE: &str = "CHANGED_MEANWHILE";

impl<P> Permitted<P> {
    /// The account that `text` names, if it is one that the caller can see: of their own tenant, or of any for a
    /// super administrator.
    pub async fn find(&self, app: &App, text: &str) -> Result<User, Problem> {
        let not_found = || Problem::user_not_found(text);
        let user = app.store.user(text.parse().map_err(|_| not_found())?).await?;
        let is_seen = |user: &User| {
            let same_tenant = user.tenant == self.user.tenant || self.user.role == Role::SuperAdmin;
            user.status != Status::Deleted && same_tenant
        };
        user.filter(is_seen).ok_or_else(not_found)
    }

    /// Whether `text` names the caller's own account.
    pub fn is(&self, text: &str) -> bool {
        text.parse() == Ok(self.user.id)
    }

    /// Whether the caller may act on `user`: nobody acts on themselves here, and only on those below them.
    pub fn may_act_on(&self, user: &User) -> Result<(), Problem> {
        if self.user.id == user.id {
            return Err(Problem::own_account());
        }
        if !self.user.role.outranks(&user.role) {
            let message = "You can only act on accounts whose role ranks below yours";
            return Err(Problem::forbidden("INSUFFICIENT_PERMISSIONS", message));
        }
        Ok(())
    }

    /// Whether the caller may give somebody this role: one below their own, and of those that administrators
    /// made, one that may do nothing that they may not.
    pub fn may_grant(&self, role: &KnownRole) -> Result<(), Problem> {
        match role {
            KnownRole::Custom(custom) => self.may_make(custom),
            KnownRole::BuiltIn(role) => self.ranks_above(role),
        }
    }

    /// Whether the caller may make a role what it is here, or unmake it: who has it is below them, and may do
    /// nothing that they may not.
    pub fn may_make(&self, custom: &CustomRole) -> Result<(), Problem> {
        self.ranks_above(&Role::Custom(custom.name.clone()))?;
        match custom.permissions.iter().find(|permission| !self.rights.holds(permission)) {
            None => Ok(()),
            Some(permission) => {
                let message = format!("This role includes {permission}, a permission you do not have");
                Err(Problem::forbidden("INSUFFICIENT_PERMISSIONS", message))
            }
        }
    }

    fn ranks_above(&self, role: &Role) -> Result<(), Problem> {
        if self.user.role.outranks(role) {
            return Ok(());
        }
        let message = "You can only assign or create roles that rank below your own";
        Err(Problem::forbidden("INSUFFICIENT_PERMISSIONS", message))
    }
}

impl Fields {
    /// The role that the field `role` names, if the tenant has it and the field is there. The table is asked only
    /// where it is not built in.
    pub async fn take_role(
        &mut self,
        store: &Store,
        tenant: &TenantId,
        name: Option<&str>,
    ) -> Result<Option<Option<KnownRole>>, Problem> {
        let Some(name) = name else { return Ok(Some(None)) };
        let known = match name.parse() {
            Ok(role) => store.known_role(tenant, role).await?,
            Err(UnknownRole) => None,
        };
        Ok(self.take("role", known.ok_or(UnknownRole)).map(Some))
    }
}

impl Problem {
    /// 403: this is for another administrator to decide.
    pub(super) fn own_account() -> Self {
        let message = "You cannot change your own role, status or approval; ask another administrator";
        Self::forbidden("OWN_ACCOUNT", message)
    }

    /// 409: an account or a role changed between our reading and our writing.
    pub fn changed_meanwhile() -> Self {
        let message = "This was changed by someone else in the meantime; reload it and try again";
        Self::conflict(CHANGED_MEANWHILE, message)
    }
}
