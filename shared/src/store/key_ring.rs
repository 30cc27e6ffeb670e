//! The key ring in the table: a partition of its own.

use super::Store;
use super::key::{KEY_RING, Key};
use super::table::{Outcome, Range, parse};
use super::write::Write;
use crate::fault::Fault;
use crate::keys::{StoredRing, StoredRootKey, StoredSigningKey};

impl Store {
    /// All keys, if there are any yet.
    pub(crate) async fn key_ring(&self) -> Result<Option<StoredRing>, Fault> {
        let root_key = Key::root_key();
        let mut root: Option<StoredRootKey> = None;
        let mut signing: Vec<StoredSigningKey> = Vec::new();
        let range = Range { partition: KEY_RING.to_owned(), ..Range::default() };
        for item in self.table.query(range).await?.items.unwrap_or_default() {
            if Key::of(&item).as_ref() == Some(&root_key) {
                root = Some(parse(item)?);
            } else {
                signing.push(parse(item)?);
            }
        }
        Ok(root.map(|root| StoredRing { root, signing }))
    }

    /// Puts the first keys in place, unless somebody else just did.
    pub(crate) async fn create_key_ring(
        &self,
        root: &StoredRootKey,
        signing: &StoredSigningKey,
    ) -> Result<(), Fault> {
        let root = Write::put(Key::root_key(), "key", root)?.unless_exists();
        let signing = Write::put(Key::signing_key(&signing.public.kid), "key", signing)?;
        match self.table.transact(vec![root, signing]).await? {
            Outcome::Written(()) | Outcome::Refused(_) => Ok(()),
        }
    }
}
