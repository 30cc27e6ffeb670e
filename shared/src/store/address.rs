//! An account's address: it is claimed by the credential that lies under it, and so moves with it.

use super::Store;
use super::accounts::UNCLAIMED;
use super::key::Key;
use super::write::Write;
use crate::credential::Credential;
use crate::email::Email;
use crate::fault::Fault;
use crate::user::User;

impl Store {
    /// The writes that claim `email` for `user` and free the address that they have. The password goes along;
    /// what is out at the old address, reset tokens and a lock, does not.
    ///
    /// Guarded by the new address having no account, and by the old one being theirs and having this password.
    pub(super) async fn move_to(&self, email: &Email, user: &User) -> Result<(Write, Write), Fault> {
        let held = Key::credential(&user.email);
        let Credential { account, .. } = self.credential(&user.email).await?;
        let freed = Write::delete(held).only_if("#user_id = :user_id").value("user_id", user.id)?;
        let freed = match account.as_ref().and_then(|account| account.password_hash.as_ref()) {
            Some(hash) => freed.only_if("#password_hash = :hash").value("hash", hash)?,
            None => freed.only_if("attribute_not_exists(#password_hash)"),
        };
        let privacy_key = Some(user.privacy_key.clone());
        let credential = Credential { account, privacy_key, ..Credential::default() };
        let claim = Write::put(Key::credential(email), "credential", &credential)?.only_if(UNCLAIMED);
        Ok((claim, freed))
    }
}
