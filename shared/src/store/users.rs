//! Users: registering, reading, listing and changing them.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::Store;
use super::accounts::{AccountWrites, Taken, account_writes, still};
use super::events::outbox;
use super::key::{self, Index, Key};
use super::roles;
use super::sign_in::still_proven;
use super::table::{Outcome, Range, parse};
use super::write::{Item, Write};
use crate::credential::Credential;
use crate::event::Event;
use crate::fault::Fault;
use crate::id::{TenantId, UserId};
use crate::name::{Username, folded};
use crate::role::Role;
use crate::user::{Status, User};

/// What became of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// The account exists.
    Added,
    /// The address has an account; nothing was written.
    EmailTaken,
    /// The user name is another's; nothing was written.
    UsernameTaken,
    /// What it stood on is gone: another was the first administrator, whoever makes it has another role by now, or
    /// there is no role of this name any more. Nothing was written.
    Overtaken,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Changed {
    /// It is written.
    Done,
    /// The address has another account; nothing was written.
    EmailTaken,
    /// The user name is another's; nothing was written.
    UsernameTaken,
    /// Somebody changed one of the two accounts since they were read; nothing was written.
    Meanwhile,
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

/// A page of users, oldest first.
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

/// How many accounts of a role are read at a time to find one beside another.
const PEERS: usize = 10;

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
        self.add(account_writes(user, credential, event)?, Vec::new()).await
    }

    /// The account exists by the will of `actor`, and its event is told.
    ///
    /// Guarded by the address having no account, the actor having the role and the state by which it was decided
    /// that they may, and the account's role being there, where that is not built in.
    pub async fn register_for(
        &self,
        actor: &User,
        (user, credential): (&User, &Credential),
        event: &Event,
    ) -> Result<Registration, Fault> {
        let also = [still(actor.id, &actor.role)?].into_iter().chain(roles::still_exists(user));
        self.add(account_writes(user, credential, event)?, also.collect()).await
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
        self.add(account_writes(user, credential, event)?, vec![mark.unless_exists()]).await
    }

    async fn add(&self, account: AccountWrites, also: Vec<Write>) -> Result<Registration, Fault> {
        Ok(match self.write_accounts(vec![account], also).await? {
            None => Registration::Added,
            Some(refusals) if !refusals.others.is_empty() => Registration::Overtaken,
            Some(refusals) if refusals.accounts.values().eq([&Taken::Username]) => {
                Registration::UsernameTaken
            }
            Some(_) => Registration::EmailTaken,
        })
    }

    /// A user, if there is one.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, Fault> {
        self.table.get(&Key::user(id)).await
    }

    /// The user is as `changed` says, by the will of `actor`, and `events` are told. A new address or user
    /// name is theirs alone, and the old one is free.
    ///
    /// Guarded by both standing as they were when it was decided that the one may act on the other: the
    /// actor's role and state, the user's version; and by a role that is given being there. Of whoever changes
    /// their own account, the version says all. What the role may do is not asked again: whoever changes a role
    /// changes it for all who have it.
    pub async fn change(
        &self,
        between: (&User, &User),
        changed: &User,
        events: &[Event],
    ) -> Result<Changed, Fault> {
        self.change_if(between, changed, (events, None)).await
    }

    /// The user is as `changed` says, by their own will, which they proved with their password, and `events` are
    /// told. Guarded as [`Self::change`] is, and by the password still being the one that was checked, and by the
    /// count of wrong ones.
    pub async fn change_proven(
        &self,
        (user, seen): (&User, &Credential),
        changed: &User,
        events: &[Event],
    ) -> Result<Changed, Fault> {
        self.change_if((user, user), changed, (events, Some(still_proven(user, seen)?))).await
    }

    async fn change_if(
        &self,
        (actor, user): (&User, &User),
        changed: &User,
        (events, condition): (&[Event], Option<Write>),
    ) -> Result<Changed, Fault> {
        let mut writes = vec![change_of(user, changed)?];
        writes.extend(condition);
        if actor.id != user.id {
            writes.push(still(actor.id, &actor.role)?);
        }
        if changed.role != user.role {
            writes.extend(roles::still_exists(changed));
        }
        let mut claims = BTreeMap::new();
        if user.email != changed.email {
            let (claim, freed) = self.move_to(&changed.email, user).await?;
            claims.insert(writes.len(), Changed::EmailTaken);
            writes.extend([claim, freed]);
        }
        if user.username != changed.username {
            let freed = user.username.as_ref().map(|name| free_username(name, user.id)).transpose()?;
            let taken = changed.username.as_ref().map(|name| claim_username(name, user.id)).transpose()?;
            writes.extend(freed);
            claims.extend(taken.is_some().then_some((writes.len(), Changed::UsernameTaken)));
            writes.extend(taken);
        }
        for event in events {
            writes.push(outbox(event)?);
        }
        Ok(match self.table.transact(writes).await? {
            Outcome::Written(()) => Changed::Done,
            Outcome::Refused(refused) => {
                let taken: Option<Vec<_>> = refused.iter().map(|it| claims.get(&it.index).copied()).collect();
                taken.and_then(|taken| taken.first().copied()).unwrap_or(Changed::Meanwhile)
            }
        })
    }

    /// A page of users, oldest first, so that new users appear after it; the first `skip` are left out. New users may be
    /// seen a moment later.
    pub async fn list_users(
        &self,
        filter: &Filter,
        after: Option<&Place>,
        (skip, limit): (usize, usize),
    ) -> Result<UserPage, Fault> {
        let (index, partition) = key::users_of(&filter.tenant, filter.role.as_ref(), filter.status);
        // One more than asked for tells whether there is a next page.
        let wanted = skip + limit + 1;
        let range = Range {
            index: Some(index),
            after: after.map(|place| place.start(index, &partition)),
            partition,
            ascending: true,
            limit: i32::try_from(wanted).ok(),
            ..Range::default()
        };
        let items = self.table.query_all(range, wanted).await?;
        let places: Vec<Place> = items.iter().filter_map(|item| Place::of(index, item)).collect();
        let more = places.len() >= wanted;
        let page: Vec<Place> = places.into_iter().skip(skip).take(limit).collect();
        let ids: Vec<UserId> = page.iter().map(|place| place.user).collect();
        Ok(UserPage { users: self.users(&ids).await?, next: page.last().cloned().filter(|_| more) })
    }

    /// Another account that may use the same role, if there is one.
    pub async fn peer(&self, user: &User) -> Result<Option<UserId>, Fault> {
        let filter = Filter {
            tenant: user.tenant.clone(),
            role: Some(user.role.clone()),
            status: Some(Status::Active),
        };
        // The index may be a moment old.
        let is_peer = |it: &&User| it.id != user.id && it.role == user.role && it.is_let_in();
        let mut after = None;
        loop {
            let page = self.list_users(&filter, after.as_ref(), (0, PEERS)).await?;
            let peer = page.users.iter().find(is_peer).map(|it| it.id);
            if peer.is_some() || page.next.is_none() {
                return Ok(peer);
            }
            after = page.next;
        }
    }

    /// These users, a hundred at most, in this order; whoever was erased or deleted since an index named them is
    /// left out.
    pub async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, Fault> {
        let keys: Vec<Key> = ids.iter().copied().map(Key::user).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = self.table.batch_get(&keys).await?;
        let users = keys.iter().filter_map(|key| found.remove(key)).map(parse);
        let users: Vec<User> = users.collect::<Result<_, _>>()?;
        Ok(users.into_iter().filter(|user| user.status != Status::Deleted).collect())
    }
}

impl Place {
    /// The place as the start key of `partition` of `index`.
    pub(super) fn start(&self, index: Index, partition: &str) -> Item {
        let mut key = Key::user(self.user).attributes();
        key.insert(index.pk.to_owned(), AttributeValue::S(partition.to_owned()));
        key.insert(index.sk.to_owned(), AttributeValue::S(self.sort.clone()));
        key
    }

    pub(super) fn of(index: Index, item: &Item) -> Option<Self> {
        Some(Self { user: user_of(item)?, sort: text(item, index.sk)?.to_owned() })
    }
}

/// An attribute's text.
pub(super) fn text<'a>(item: &'a Item, attribute: &str) -> Option<&'a str> {
    item.get(attribute)?.as_s().ok().map(String::as_str)
}

/// Whose an item of an index is.
pub(super) fn user_of(item: &Item) -> Option<UserId> {
    text(item, "PK")?.strip_prefix("USER#")?.parse().ok()
}

/// The attributes that put `user` into the lists and let searches find them; once they are deleted, among those only
/// who are to be erased. What has no value is to be removed.
pub(super) fn listing(user: &User) -> Vec<(&'static str, Option<String>)> {
    let listed = user.status != Status::Deleted;
    let place = |role, status| Some(key::users_of(&user.tenant, role, status).1).filter(|_| listed);
    let name = |name: &str| Some(folded(name)).filter(|name| listed && !name.is_empty());
    let (role, status) = (Some(&user.role), Some(user.status));
    let deleted = Some(key::deleted_of(&user.tenant)).filter(|_| !listed);
    let since = if listed { user.created_at } else { user.deleted_at.unwrap_or(user.updated_at) };
    vec![
        (key::BY_CREATION.pk, place(None, None).or(deleted)),
        (key::BY_ROLE.pk, place(role, None)),
        (key::BY_STATUS.pk, place(None, status)),
        (key::BY_ROLE_AND_STATUS.pk, place(role, status)),
        (key::BY_CREATION.sk, Some(key::by_creation(since, user.id))),
        (key::BY_FIRST_NAME.sk, name(&user.first_name)),
        (key::BY_LAST_NAME.sk, name(&user.last_name)),
    ]
}

/// The write that takes a user name for `user`, if it is free.
pub(super) fn claim_username(name: &Username, user: UserId) -> Result<Write, Fault> {
    Ok(Write::put(Key::username(name), "username", &serde_json::json!({ "user_id": user }))?.unless_exists())
}

/// The write that frees a user name of `user`.
fn free_username(name: &Username, user: UserId) -> Result<Write, Fault> {
    Write::delete(Key::username(name)).only_if("#user_id = :user_id").value("user_id", user)
}

/// The write that makes `changed` of `user`, whose version it asks for. Who is deleted leaves the lists.
fn change_of(user: &User, changed: &User) -> Result<Write, Fault> {
    let mut write = Write::update(Key::user(user.id))
        .set("email", &changed.email)?
        .set("pending_email", &changed.pending_email)?
        .set("verified_at", changed.verified_at)?
        .set("first_name", &changed.first_name)?
        .set("last_name", &changed.last_name)?
        .set("username", &changed.username)?
        .set("phone", &changed.phone)?
        .set("metadata", Some(&changed.metadata).filter(|it| !it.is_empty()))?
        .set("must_change_password", changed.must_change_password)?
        .set("role", &changed.role)?
        .set("status", changed.status)?
        .set("approval", changed.approval)?
        .set("rejection", &changed.rejection)?
        .set("deleted_at", changed.deleted_at)?
        .set("generation", changed.generation)?
        .set("updated_at", changed.updated_at)?
        .add("version", 1)
        .only_if("#version = :version")
        .value("version", user.version)?;
    for (name, value) in listing(changed) {
        write = write.set(name, value)?;
    }
    Ok(write)
}
