//! Hashing with Argon2id, and verifying, in bounded time and memory.
//!
//! A verification costs at least an Argon2id hash, whether there is a hash to compare with or not and however
//! cheap that one is. However many people log in at once, only so many hashes are computed and only so many
//! callers wait: the others are [`Busy`] at once.

use std::fmt;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::Block;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::Password;
use super::argon2::Argon2Hash;
use super::imported::Imported;
use crate::fault::Fault;

/// A password's hash: ours, a PHC string `$argon2id$v=19$m=19456,t=2,p=1$…$…`, or one that another system made,
/// as that spells it. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes over a hash made elsewhere with Argon2, bcrypt, scrypt or PBKDF2, in one of the spellings of
    /// `docs/importing.md`. `None` for any other, and for one that takes absurd work to verify.
    pub fn imported(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        Recipe::read(&text).is_some().then_some(Self(text))
    }

    /// Whether it was made otherwise than hashes are made now, so that the next correct password should be
    /// hashed anew.
    pub fn needs_rehash(&self) -> bool {
        Recipe::read(&self.0).is_none_or(|recipe| !recipe.is_current())
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// As many hashes are being computed and waited for as this process takes on: to be answered with 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being hashed")]
pub struct Busy;

impl From<Busy> for Fault {
    fn from(busy: Busy) -> Self {
        Self::temporary("hashing a password", busy)
    }
}

/// Computes and verifies hashes, off the threads that serve requests. Cheap to clone; all clones share one bound.
#[derive(Clone)]
pub struct Passwords {
    /// A permit for each caller, computing or waiting.
    callers: Arc<Semaphore>,
    /// A permit for each hash being computed.
    computing: Arc<Semaphore>,
    /// The memory of hashes past, for hashes to come: the system would have to find and zero 19 MiB for each.
    spare: Arc<Mutex<Vec<Vec<Block>>>>,
}

impl Passwords {
    /// Computes at most `parallel` hashes at once (one a core), while at most `queue` more callers wait.
    pub fn new(parallel: NonZeroUsize, queue: usize) -> Self {
        let parallel = parallel.get();
        Self {
            callers: Arc::new(Semaphore::new(parallel.saturating_add(queue).min(Semaphore::MAX_PERMITS))),
            computing: Arc::new(Semaphore::new(parallel)),
            spare: Arc::default(),
        }
    }

    /// Hashes a password for storing, with a salt of its own.
    ///
    /// # Errors
    /// If too many callers wait.
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, Busy> {
        self.compute(move |memory| PasswordHash(Argon2Hash::make(&password, memory).to_string())).await
    }

    /// Whether this is the password that was hashed, in its normal form or as it was typed. Without a hash, or
    /// with one that cannot be verified, the answer is no. It comes after at least the work that a current hash
    /// takes, the answer being yes or no.
    ///
    /// # Errors
    /// If too many callers wait.
    pub async fn verify(&self, password: Password, hash: Option<&PasswordHash>) -> Result<bool, Busy> {
        let recipe = hash.and_then(|hash| Recipe::read(&hash.0));
        self.compute(move |memory| {
            let mut is_right = false;
            // All forms are tried, whichever is right: how many there are is the caller's doing.
            for form in password.forms() {
                is_right |= recipe.as_ref().is_some_and(|recipe| recipe.yields_expected(form, memory));
                if recipe.as_ref().is_none_or(Recipe::is_cheap) {
                    black_box(Argon2Hash::decoy().yields_expected(form, memory));
                }
            }
            is_right
        })
        .await
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let caller = Arc::clone(&self.callers).try_acquire_owned().map_err(|_| Busy)?;
        let turn = Arc::clone(&self.computing).acquire_owned().await.map_err(|_| Busy)?;
        let spare = Arc::clone(&self.spare);
        let task = spawn_blocking(move || {
            // Held until the work is done, even where nobody waits for it any more.
            let _permits = (caller, turn);
            let mut memory = lock(&spare).pop().unwrap_or_default();
            let result = work(&mut memory);
            lock(&spare).push(memory);
            result
        });
        // A task that is neither done nor panicked was cancelled: the process is going down.
        task.await.map_err(|failure| failure.try_into_panic().map_or(Busy, |panic| resume_unwind(panic)))
    }
}

/// What is spare stays usable whatever became of who used it last.
fn lock(spare: &Mutex<Vec<Vec<Block>>>) -> MutexGuard<'_, Vec<Vec<Block>>> {
    spare.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a hash was made, and what came out.
enum Recipe {
    /// By us, or elsewhere with the same function.
    Argon2(Argon2Hash),
    /// With another function.
    Imported(Imported),
}

impl Recipe {
    fn read(text: &str) -> Option<Self> {
        let argon2 = Argon2Hash::read(text).map(Self::Argon2);
        argon2.or_else(|| Imported::read(text).map(Self::Imported))
    }

    fn is_current(&self) -> bool {
        matches!(self, Self::Argon2(hash) if hash.is_current())
    }

    /// Whether verifying may take less than verifying a current hash does.
    fn is_cheap(&self) -> bool {
        match self {
            Self::Argon2(hash) => hash.is_cheap(),
            Self::Imported(_) => true,
        }
    }

    fn yields_expected(&self, form: &[u8], memory: &mut Vec<Block>) -> bool {
        match self {
            Self::Argon2(hash) => hash.yields_expected(form, memory),
            Self::Imported(hash) => hash.yields_expected(form),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::mpsc;

    use futures::poll;

    use super::super::Secret;
    use super::super::argon2::CURRENT;
    use super::*;

    /// Made with the reference implementation.
    const CURRENT_HASH: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw$n/e28PbVJBjaknuZalsTDEIaCu2zDgqeoUqJ6nfae8M";
    const OTHER_HASHES: [&str; 3] = [
        "$argon2i$v=19$m=1024,t=3,p=4$ZWlnaHQgYnk$pZBG0DqJ44z/No/LTcbWdQ",
        "$argon2d$v=16$m=64,t=1,p=1$ZWlnaHQgYnk$Txp4AB7OOx4d/l8XF3Qk7KNeBdOQp/bvhNY5Gixftis",
        "$argon2d$m=64,t=1,p=1$ZWlnaHQgYnk$Txp4AB7OOx4d/l8XF3Qk7KNeBdOQp/bvhNY5Gixftis",
    ];
    /// Made with Django and with Python's `bcrypt`.
    const ELSEWHERE: [&str; 2] = [
        "argon2$argon2id$v=19$m=64,t=1,p=2$UTdNTG8yZmpLeHlxeUdjTEZMTlRBWA$1nffJM/SVWZGvbA4lHMTMLrC6TrcSK511ol1yLFQQ+Q",
        "$2b$04$wvt4oum6rivozO8GTKMT6.Mdxgn7VHsJRbHBTYtC8QRUS4Stuc0jG",
    ];
    /// The first of them as a PHC string, its base64 padded.
    const PADDED: &str = "$argon2id$v=19$m=64,t=1,p=2$UTdNTG8yZmpLeHlxeUdjTEZMTlRBWA==$1nffJM/SVWZGvbA4lHMTMLrC6TrcSK511ol1yLFQQ+Q=";
    const ITS_PASSWORD: &str = "Amélie 7 whales";

    fn password(text: &str) -> Password {
        Password::presented(&Secret::new(text)).unwrap()
    }

    fn passwords(queue: usize) -> Passwords {
        Passwords::new(NonZeroUsize::MIN, queue)
    }

    #[tokio::test]
    async fn a_hash_verifies_its_password_and_no_other() {
        let passwords = passwords(0);
        let hash = passwords.hash(password("whales\0 7")).await.unwrap();
        assert!(passwords.verify(password("whales\0 7"), Some(&hash)).await.unwrap());
        for other in ["whales", "whales\0 8", "Whales\0 7", "whales\0 7 "] {
            assert!(!passwords.verify(password(other), Some(&hash)).await.unwrap(), "{other:?}");
        }
    }

    #[tokio::test]
    async fn a_hash_is_a_phc_string_with_a_salt_of_its_own() {
        let passwords = passwords(0);
        let one = passwords.hash(password("same")).await.unwrap();
        let other = passwords.hash(password("same")).await.unwrap();
        assert_ne!(one, other);
        assert!(one.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", one.0);
        assert_eq!(one.0.len(), CURRENT_HASH.len());
        assert!(!one.needs_rehash());
    }

    #[tokio::test]
    async fn hashes_made_elsewhere_verify() {
        for phc in OTHER_HASHES.iter().chain(&ELSEWHERE).chain([&PADDED, &CURRENT_HASH]) {
            let hash = PasswordHash::imported(*phc).unwrap();
            assert!(passwords(0).verify(password(ITS_PASSWORD), Some(&hash)).await.unwrap(), "{phc}");
            assert!(!passwords(0).verify(password("Another"), Some(&hash)).await.unwrap(), "{phc}");
        }
    }

    #[test]
    fn only_a_current_hash_needs_no_rehash() {
        assert!(!PasswordHash(CURRENT_HASH.to_owned()).needs_rehash());
        let costlier = CURRENT_HASH.replace("t=2", "t=3");
        for phc in OTHER_HASHES.into_iter().chain(ELSEWHERE).chain(["", "plain", &costlier]) {
            assert!(PasswordHash(phc.to_owned()).needs_rehash(), "{phc}");
        }
    }

    #[test]
    fn what_is_absurd_or_unknown_is_not_imported() {
        let absurd =
            [("m=19456", "m=262145"), ("t=2", "t=54"), ("p=1", "p=0"), ("p=1", "p=4000"), ("v=19", "v=18")];
        for (sane, absurd) in absurd {
            assert_eq!(PasswordHash::imported(CURRENT_HASH.replace(sane, absurd)), None, "{absurd}");
        }
        for phc in [
            "",
            "$2b$12$abc",
            "argon2$2b$12$abc",
            "$argon2id$v=19$m=64,t=1,p=1",
            "$argon2id$v=19$m=64,t=1,p=1$c2hvcnQ$c2hvcnQ",
        ] {
            assert_eq!(PasswordHash::imported(phc), None, "{phc}");
        }
    }

    #[tokio::test]
    async fn without_a_hash_the_answer_is_no_after_the_same_work() {
        let unreadable = PasswordHash("$argon2id$v=19$m=4194304,t=9,p=1$c2FsdHNhbHQ$aGFzaGhhc2g".to_owned());
        for hash in [None, Some(&unreadable)] {
            let passwords = passwords(0);
            assert_eq!(passwords.verify(password("any"), hash).await, Ok(false));
            assert_eq!(lock(&passwords.spare)[0].len(), CURRENT.block_count());
        }
        assert!(Argon2Hash::decoy().is_current());
    }

    #[tokio::test]
    async fn a_cheap_hash_costs_as_much_as_a_current_one_be_the_password_right_or_wrong() {
        for text in [ITS_PASSWORD, "wrong"] {
            let passwords = passwords(0);
            let bcrypt = PasswordHash::imported(ELSEWHERE[1]).unwrap();
            passwords.verify(password(text), Some(&bcrypt)).await.unwrap();
            assert_eq!(lock(&passwords.spare)[0].len(), CURRENT.block_count(), "{text}");
        }
        let is_cheap = |hash: &str| Recipe::read(hash).unwrap().is_cheap();
        assert!(OTHER_HASHES.into_iter().chain(ELSEWHERE).all(is_cheap));
        assert!(!is_cheap(CURRENT_HASH) && !is_cheap(&CURRENT_HASH.replace("m=19456,t=2", "m=12288,t=4")));
    }

    #[tokio::test]
    async fn a_hash_of_what_was_typed_verifies_and_ours_are_of_the_normal_form() {
        let typed = || password("Ame\u{301}lie 7 whales");
        let of_typed = "$2b$06$oW9Yef38rlJ2bydP27TMmufN4.q3qJrN2KRDJ/wPezOD5rXTCi2DG";
        for hash in [of_typed, ELSEWHERE[1]] {
            let hash = PasswordHash::imported(hash).unwrap();
            assert!(passwords(0).verify(typed(), Some(&hash)).await.unwrap());
        }
        let ours = passwords(0).hash(typed()).await.unwrap();
        assert!(passwords(0).verify(password(ITS_PASSWORD), Some(&ours)).await.unwrap());
    }

    #[tokio::test]
    async fn who_finds_the_queue_full_is_told_at_once() {
        let passwords = passwords(1);
        let turn = passwords.computing.acquire().await.unwrap();
        let mut first = pin!(passwords.verify(password("one"), None));
        let mut second = pin!(passwords.verify(password("two"), None));
        assert!(poll!(first.as_mut()).is_pending() && poll!(second.as_mut()).is_pending());
        assert_eq!(passwords.hash(password("three")).await, Err(Busy));
        drop(turn);
        assert_eq!(tokio::join!(first, second), (Ok(false), Ok(false)));
        assert!(passwords.hash(password("three")).await.is_ok());
    }

    #[tokio::test]
    async fn memory_is_used_again_and_never_grows() {
        let passwords = passwords(9);
        let costly = PasswordHash::imported(CURRENT_HASH.replace("m=19456", "m=19460")).unwrap();
        for hash in [None, Some(&costly), None] {
            let _ = passwords.verify(password("any"), hash).await;
        }
        let spare = lock(&passwords.spare);
        assert_eq!(spare.iter().map(Vec::len).collect::<Vec<_>>(), [CURRENT.block_count()]);
    }

    #[tokio::test]
    async fn who_leaves_the_queue_gives_their_place_to_another() {
        let passwords = passwords(0);
        let _turn = passwords.computing.acquire().await.unwrap();
        let mut waiting = Box::pin(passwords.verify(password("one"), None));
        assert!(poll!(waiting.as_mut()).is_pending());
        assert_eq!(passwords.callers.available_permits(), 0);
        drop(waiting);
        assert_eq!(passwords.callers.available_permits(), 1);
    }

    #[tokio::test]
    async fn work_counts_until_it_is_done_though_its_caller_has_left() {
        let passwords = passwords(0);
        let (finish, finished) = mpsc::channel();
        let mut working = Box::pin(passwords.compute(move |_| finished.recv()));
        assert!(poll!(working.as_mut()).is_pending());
        drop(working);
        assert_eq!(passwords.verify(password("two"), None).await, Err(Busy));
        finish.send(()).unwrap();
        let _turn = passwords.computing.acquire().await.unwrap();
        assert_eq!(passwords.callers.available_permits(), 1);
    }

    #[test]
    fn a_hash_is_stored_as_its_text_and_never_printed() {
        let hash: PasswordHash = serde_json::from_str(&format!("\"{CURRENT_HASH}\"")).unwrap();
        assert_eq!(serde_json::to_string(&hash).unwrap(), format!("\"{CURRENT_HASH}\""));
        assert_eq!(format!("{hash:?}"), "PasswordHash");
    }
}
