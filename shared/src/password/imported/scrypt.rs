//! scrypt (RFC 7914): `$scrypt$ln=<log₂ N>,r=<r>,p=<p>$<salt>$<hash>`, and Django's, which `imported.rs` takes
//! apart.

use scrypt::Params;

use super::{Function, Imported, parameters};

/// The most memory, in octets, that verifying may take.
const MOST_MEMORY: u64 = 256 << 20;
/// The most memory, in octets, that verifying may fill, all its lanes together: a few seconds of work.
const MOST_WORK: u64 = 4 * MOST_MEMORY;

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
        let memory = n.checked_mul(128)?.checked_mul(r.into())?;
        let work = memory.checked_mul(p.into())?;
        let is_sensible = n > 1 && n.is_power_of_two() && memory <= MOST_MEMORY && work <= MOST_WORK;
        is_sensible.then_some(())?;
        Params::new(u8::try_from(n.ilog2()).ok()?, r, p).ok().map(Self)
    }

    pub(super) fn derive(&self, password: &[u8], salt: &[u8], output: &mut [u8]) -> Option<()> {
        scrypt::scrypt(password, salt, &self.0, output).ok()
    }
}
