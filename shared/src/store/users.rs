//! Users: registering, reading, listing and changing them.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::Store;
use super::events::outbox;
use super::key::{self, Key};
use super::table::{Outcome, Range, parse};
use super::write::{Item, Write};
use crate::credential::Credential;
use crate::event::Event;
use crate::fault::Fault;
use crate::id::{TenantId, UserId};
use crate::name::PersonName;
use crate::role::Role;
use crate::user::{Status, User};

/// How many keys of an index are read at once.
const KEYS_PER_QUERY: usize = 500;

/// Where in the transaction of a registration the mark of the first administrator stands.
const FIRST_MARK: usize = 3;

/// What became of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// The account exists.
    Added,
    /// The address has an account; nothing was written.
    EmailTaken,
    /// There was a first administrator before; nothing was written.
    NotTheFirst,
}

/// The names to have; one that is not given stays.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Given name.
    pub first: Option<PersonName>,
    /// Family name.
    pub last: Option<PersonName>,
}

/// Which of a tenant's users to list.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Whose.
    pub tenant: TenantId,
    /// Only of this role.
    pub role: Option<Role>,
    /// Only in this state.
    pub status: Option<Status>,
}

/// A page of users, newest first.
#[derive(Debug, Default)]
pub struct UserPage {
    /// The users.
    pub users: Vec<User>,
    /// Where the next page begins, if there is one: the last user's place in the index.
    pub next: Option<Place>,
}

/// A place in a list of users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Whose place it is.
    pub user: UserId,
    /// Their sort key.
    pub sort: String,
}

impl Store {
    /// The account exists, and its event is told.
    ///
    /// Guarded by the address having no account: of many that register an address at once, one does.
    pub async fn register(
        &self,
        user: &User,
        credential: &Credential,
        event: &Event,
    ) -> Result<Registration, Fault> {
        self.add(user, credential, vec![outbox(event)?]).await
    }

    /// The account exists and is the system's first administrator: there can be one only.
    pub async fn register_first(
        &self,
        user: &User,
        credential: &Credential,
        event: &Event,
    ) -> Result<Registration, Fault> {
        let mark =
            Write::put(Key::first_administrator(), "mark", &serde_json::json!({ "user_id": user.id }))?;
        self.add(user, credential, vec![outbox(event)?, mark.unless_exists()]).await
    }

    async fn add(
        &self,
        user: &User,
        credential: &Credential,
        also: Vec<Write>,
    ) -> Result<Registration, Fault> {
        let sort = key::by_creation(user.created_at, user.id);
        let write = Write::put(Key::user(user.id), "user", user)?
            .with(key::BY_CREATION.pk, key::users_of(&user.tenant))?
            .with(key::BY_CREATION.sk, &sort)?
            .with(key::BY_ROLE.pk, key::users_of_role(&user.tenant, user.role))?
            .with(key::BY_ROLE.sk, &sort)?
            .unless_exists();
        let claim = Write::put(Key::credential(&user.email), "credential", credential)?
            .only_if("attribute_not_exists(#user_id)");
        let mut writes = vec![claim, write];
        writes.extend(also);
        Ok(match self.table.transact(writes).await? {
            Outcome::Written(()) => Registration::Added,
            Outcome::Refused(refused) if refused.iter().any(|it| it.index == FIRST_MARK) => {
                Registration::NotTheFirst
            }
            Outcome::Refused(_) => Registration::EmailTaken,
        })
    }

    /// A user, if there is one.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, Fault> {
        self.table.get(&Key::user(id)).await
    }

    /// The user has these names, by their own will, and `event` is told; `false` if they are gone. A name that
    /// is not given stays, whatever it is by now.
    pub async fn rename(&self, user: UserId, names: &Names, event: &Event) -> Result<bool, Fault> {
        let mut write = Write::update(Key::user(user))
            .set("updated_at", event.at)?
            .add("version", 1)
            .only_if("attribute_exists(#PK)");
        for (attribute, name) in [("first_name", &names.first), ("last_name", &names.last)] {
            if let Some(name) = name {
                write = write.set(attribute, name)?;
            }
        }
        Ok(matches!(self.table.transact(vec![write, outbox(event)?]).await?, Outcome::Written(())))
    }

    /// The user is as `changed` says, by the will of `actor`, and `events` are told.
    ///
    /// Guarded by both standing as they were when it was decided that the one may act on the other: the
    /// actor's role and state, the user's version. `false` if either changed since.
    pub async fn change(
        &self,
        (actor, user): (&User, &User),
        changed: &User,
        events: &[Event],
    ) -> Result<bool, Fault> {
        let still = Write::check(Key::user(actor.id))
            .only_if("#role = :role AND #status = :status")
            .value("role", actor.role)?
            .value("status", Status::Active)?;
        let mut writes = vec![still, change_of(user, changed)?];
        for event in events {
            writes.push(outbox(event)?);
        }
        Ok(matches!(self.table.transact(writes).await?, Outcome::Written(())))
    }

    /// A page of users, newest first: `skip` of them are passed over. New users may be seen a moment later.
    pub async fn list_users(
        &self,
        filter: &Filter,
        after: Option<&Place>,
        (skip, limit): (usize, usize),
    ) -> Result<UserPage, Fault> {
        let mut places: Vec<Place> = Vec::new();
        let mut after = after.map(|place| filter.start(place));
        // One more than asked for tells whether there is a next page.
        let wanted = skip + limit + 1;
        loop {
            // A filter leaves out some of what is read, nobody knows how much.
            let missing = if filter.status.is_some() { KEYS_PER_QUERY } else { wanted - places.len() };
            let range = filter.range(after.take(), missing.min(KEYS_PER_QUERY));
            let output = self.table.query(range).await?;
            places.extend(output.items.unwrap_or_default().iter().filter_map(|item| filter.place(item)));
            after = output.last_evaluated_key;
            if after.is_none() || places.len() >= wanted {
                break;
            }
        }
        let more = places.len() >= wanted;
        let page: Vec<Place> = places.into_iter().skip(skip).take(limit).collect();
        let keys: Vec<Key> = page.iter().map(|place| Key::user(place.user)).collect();
        if keys.is_empty() {
            return Ok(UserPage::default());
        }
        let mut found = self.table.batch_get(&keys).await?;
        // Whoever was erased since the index was read is left out.
        let users = keys.iter().filter_map(|key| found.remove(key)).map(parse).collect::<Result<_, _>>()?;
        Ok(UserPage { users, next: page.last().cloned().filter(|_| more) })
    }
}

impl Filter {
    fn index(&self) -> (key::Index, String) {
        match self.role {
            Some(role) => (key::BY_ROLE, key::users_of_role(&self.tenant, role)),
            None => (key::BY_CREATION, key::users_of(&self.tenant)),
        }
    }

    fn range(&self, after: Option<Item>, limit: usize) -> Range {
        let (index, partition) = self.index();
        Range {
            index: Some(index),
            partition,
            after,
            limit: i32::try_from(limit).ok(),
            only: self.status.map(|status| ("status", status.name())),
            ..Range::default()
        }
    }

    /// The place as the index's start key.
    fn start(&self, place: &Place) -> Item {
        let (index, partition) = self.index();
        let mut key = Key::user(place.user).attributes();
        key.insert(index.pk.to_owned(), AttributeValue::S(partition));
        key.insert(index.sk.to_owned(), AttributeValue::S(place.sort.clone()));
        key
    }

    fn place(&self, item: &Item) -> Option<Place> {
        let text = |name: &str| item.get(name)?.as_s().ok().cloned();
        let user = text("PK")?.strip_prefix("USER#")?.parse().ok()?;
        Some(Place { user, sort: text(self.index().0.sk)? })
    }
}

/// The write that makes `changed` of `user`, whose version it asks for. Who is deleted leaves the lists.
fn change_of(user: &User, changed: &User) -> Result<Write, Fault> {
    let mut write = Write::update(Key::user(user.id))
        .set("first_name", &changed.first_name)?
        .set("last_name", &changed.last_name)?
        .set("role", changed.role)?
        .set("status", changed.status)?
        .set("approval", changed.approval)?
        .set("rejection", &changed.rejection)?
        .set("deleted_at", changed.deleted_at)?
        .set("generation", changed.generation)?
        .set("updated_at", changed.updated_at)?
        .add("version", 1)
        .only_if("#version = :version")
        .value("version", user.version)?;
    if changed.status == Status::Deleted {
        for index in [key::BY_CREATION, key::BY_ROLE] {
            write = write.remove(index.pk).remove(index.sk);
        }
    } else {
        write = write.set(key::BY_ROLE.pk, key::users_of_role(&user.tenant, changed.role))?;
    }
    Ok(write)
}
