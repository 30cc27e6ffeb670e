//! scrypt (RFC 7914): `$scrypt$ln=<log₂ N>,r=<r>,p=<p>$<salt>$<hash>`, and Django's, which `imported.rs` takes
//! apart.

use scrypt::Params;

use super::{Function, Imported, parameters};

/// The most memory, in octets, that verifying may fill, all its lanes together: about a second of work.
const MOST_MEMORY: u64 = 256 << 20;
/// The largest r and p. They alone say how many octets PBKDF2 makes before N comes into it: here, 64 KiB.
const MOST_R: u32 = 32;
const MOST_P: u32 = 16;

/// scrypt of a cost.
pub(super) struct Scrypt(Params);

/// Reads a hash.
pub(super) fn read(cost: &str, salt: Vec<u8>, hash: Vec<u8>) -> Option<Imported> {
    let [ln, r, p] = parameters(cost, ["ln", "r", "p"])?;
    Imported::new(Function::Scrypt(Scrypt::of_log_cost(ln, r, p)?), salt, hash)
}

impl Scrypt {
    /// With this binary logarithm of N.
    pub(super) fn of_log_cost(ln: &str, r: &str, p: &str) -> Option<Self> {
        Self::of_cost(1_u64.checked_shl(ln.parse().ok()?)?, r, p)
    }

    /// With this N, a power of two beyond 1.
    pub(super) fn of_cost(n: u64, r: &str, p: &str) -> Option<Self> {
        let (r, p): (u32, u32) = (r.parse().ok()?, p.parse().ok()?);
        let memory = n.checked_mul(128)?.checked_mul(r.into())?.checked_mul(p.into())?;
        let is_sensible = n.is_power_of_two() && n > 1 && memory <= MOST_MEMORY;
        let is_sensible = is_sensible && r <= MOST_R && p <= MOST_P;
        is_sensible.then_some(())?;
        Params::new(u8::try_from(n.ilog2()).ok()?, r, p).ok().map(Self)
    }

    pub(super) fn derive(&self, password: &[u8], salt: &[u8], output: &mut [u8]) -> Option<()> {
        scrypt::scrypt(password, salt, &self.0, output).ok()
    }
}
