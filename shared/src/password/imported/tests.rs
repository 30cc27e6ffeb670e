//! Hashes that the systems themselves made, and what must not pass for one.

use super::Imported;

const PASSWORD: &str = "Amélie 7 whales";

/// Of [`PASSWORD`], by the Python packages `bcrypt`, `passlib`, `django` and by `hashlib`.
const HASHES: [&str; 21] = [
    "$2a$06$pG.zxjsadEscrewN2CjheurYAJBHLU09qG2TWbfcoN.ufa1bnKlfS",
    "$2b$06$mLGnwABiP2BK9LRm3bEexeYffgUgFKux9ZVrN60OO.qbebHmMgbR2",
    "$2y$06$3oWXU1QZLFMG/4nMOjZhVepkvaqxcI8wGm7kGgqyW/CCkGRGJK3Ya",
    "$2b$04$wvt4oum6rivozO8GTKMT6.Mdxgn7VHsJRbHBTYtC8QRUS4Stuc0jG",
    "bcrypt$$2b$06$9tQoHB18zWNV/UjhkpWuge8lF/AVrtE0jWdo.2LKdibJnBzv2U2Yq",
    "bcrypt_sha256$$2b$06$v3.NcL82BhXAFBzVtvfTmuhzbwowzmb5mi9n3wBnlWOGhdlTVX7FK",
    "$scrypt$ln=10,r=8,p=1$Zaz1nrO21hqDUIpxjnGOcQ$DcdFZmhbne8/hdYZIYWYhX9+mmdiy/fX1l5wFZgr9j8",
    "$scrypt$ln=10,r=8,p=2$dyisBe2Iq1oLuDZ6j+gr9A$S+JhDusn+D7eF9egYq7Pfqh4GFVkTXw42c9UGr/Sw5A",
    "scrypt$1024$aBQrLpJ9QlcyuOoNLBwFYB$8$5$AfWy2hU2A0BXiMDxECzFZ1Dl+3kATMKPFkG1dzc9rF+WsvomifVv+cEYg/S7EUfOh6FmmdgcciB1Dpa7IWHOyw==",
    "$pbkdf2-sha1$i=1000,l=20$ZGVmZ2hpamtsbW5vcHFycw$lwIbxSDFEBxp4mJXxHC5NFj6fpk",
    "$pbkdf2-sha256$i=1000,l=32$ZGVmZ2hpamtsbW5vcHFycw$oEKhra5QUo1rTFPHTz3Nr8qttEvJfMg86uhpVd3d/+U",
    "$pbkdf2-sha512$i=1000,l=64$ZGVmZ2hpamtsbW5vcHFycw$+KECzzemS4BFhvn82fWoYFnQOeU/vyh3K/1P3y8Le+PvKzK/wNlFtli8qTKF9/855fMyym2QVGjhlaOXDiQK0w",
    "$pbkdf2-sha512$i=1000$dyisBe2Iq1oLuDZ6j+gr9A$TrJoNoQUb37aOFpCt8G2bLImIM2b/5xn9sp+n6tE0uYLDhM6Q7y3dBiANS+iq09n+ve63V2nEe4FyvXykJEdJg",
    // Two blocks of output, padded as Keycloak writes it.
    "$pbkdf2-sha256$i=27500$dyisBe2Iq1oLuDZ6j+gr9A==$w4pOObW/ltAnzGR3KUEQIppQZStLKEH59RL9lmJJXefMS3e0fzb5J+Ex+BwoUOA3v/9e0w0kgqfUrwpjKaAOLw==",
    "$pbkdf2$1000$HCNkLMUYo9S6N0aoVWpNCQ$UgnKkIaG02jQSmBKYRH.3bj9fnY",
    "$pbkdf2-sha256$1000$itE651yrldJay9l7by2FUA$B2WTFcoGXwFRDckVqG45lUewUaU3oyHEbxx/Y8QQR7c",
    "$pbkdf2-sha512$1000$j/Fea.2dE6LUGsMYQyjlfA$Yiufn4/lxcoXZk8rdpEiRZOGJRc9ofTBY88jXUtoNmIztxR0Rl8RFSdodGYB7slt0DfxMSbDZvjSjf0Ru73jlg",
    "pbkdf2_sha256$1000$Jnc9l7DyZKxebXikT976OG$kvzlfXtmnpm3fZFgVhVtS99bTHEuXsWJXIodtiIFiio=",
    "pbkdf2_sha1$1000$F42QZL8Psn0UsFwQqDbI0F$pCsnuyEupVrXrv9wNs1NPbh31H8=",
    // As Keycloak has them too: four blocks of output, and two.
    "$pbkdf2-sha1$i=1000$c2l4dGVlbiBvY3RldHMhIQ==$P7yyDVxlJ1NiP0lB/yp31+X2m5gfij/9NcZKcagZAlD1AM3AkrWu8gk5YhX90L93dIIJhLvWXZ4NOm9ObF+kPw==",
    "$pbkdf2-sha512$i=1000$c2l4dGVlbiBvY3RldHMhIQ==$Ws8PppwWrx79ivKJEMR6Z/j0+r4gKK+Jvjc2KKb6k2q3gM88CO0basNg7CHPXZygfDd+Bzxlr5KtroqxkCcYqNzjzValdjFUejEUQbBVzYFnQscKCJ2qvSKsgB/lTR/HkMtoLElePxpX0on4ZvufWh7Vq2F4AIf1EjufSaTYknA=",
];

/// From Firebase's documentation of its scrypt.
const FIREBASE: &str = "$firebase-scrypt$ln=14,r=8,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";

fn verifies(password: &str, hash: &str) -> bool {
    Imported::read(hash).is_some_and(|hash| hash.yields_expected(password.as_bytes()))
}

#[test]
fn hashes_of_other_systems_verify_their_password_and_no_other() {
    for hash in HASHES {
        assert!(verifies(PASSWORD, hash), "{hash}");
        assert!(!verifies("Amelie 7 whales", hash), "{hash}");
    }
}

#[test]
fn a_hash_of_firebase_verifies_its_password_and_no_other() {
    assert!(verifies("user1password", FIREBASE));
    assert!(!verifies("user2password", FIREBASE));
    let url_safe = FIREBASE.replace('+', "-").replace('/', "_").replace("==", "");
    assert!(verifies("user1password", &url_safe), "as the SDK exports it");
}

#[test]
fn a_password_beyond_72_octets_verifies_as_where_its_hash_was_made() {
    let long = "0123456789".repeat(8);
    let of_72_octets = "$2b$06$onTCQNYCd.AVnH3aqcYqx.X0lsKprgHWfpVHDTX6Sexruty/Sr5dK";
    assert!(verifies(&long, of_72_octets) && verifies(&long[..72], of_72_octets));
    assert!(!verifies(&long[..71], of_72_octets));
    let of_all = "bcrypt_sha256$$2b$06$6JYfqV1sxXjX/NKTEbCWRuG.CtVeD76WUbOa5briLnAR0.FXWEMb2";
    assert!(verifies(&long, of_all) && !verifies(&long[..79], of_all));
}

#[test]
fn absurd_work_is_refused() {
    let absurd = [
        (HASHES[1], "$06$", "$15$"),
        (HASHES[1], "$06$", "$03$"),
        (HASHES[6], "ln=10", "ln=19"),
        (HASHES[6], "ln=10", "ln=64"),
        (HASHES[6], "ln=10", "ln=0"),
        (HASHES[6], "r=8", "r=0"),
        (HASHES[6], "r=8", "r=4294967295"),
        (HASHES[6], "p=1", "p=0"),
        (HASHES[6], "p=1", "p=17"),
        (HASHES[6], "ln=10,r=8,p=1", "ln=1,r=1048576,p=1"),
        (HASHES[6], "ln=10,r=8,p=1", "ln=10,r=33,p=1"),
        (HASHES[6], "ln=10,r=8,p=1", "ln=17,r=8,p=3"),
        (HASHES[8], "$1024$", "$1023$"),
        (HASHES[8], "$1024$", "$524288$"),
        (HASHES[10], "i=1000", "i=2000001"),
        (HASHES[10], "i=1000", "i=0"),
        (HASHES[13], "i=27500", "i=1000001"),
        (HASHES[19], "i=1000", "i=1300001"),
        (HASHES[20], "i=1000", "i=1000001"),
        (HASHES[17], "$1000$", "$4294967295$"),
        (FIREBASE, "ln=14", "ln=19"),
        (FIREBASE, "r=8", "r=33"),
    ];
    for (hash, sane, absurd) in absurd {
        assert!(hash.contains(sane) && Imported::read(&hash.replace(sane, absurd)).is_none(), "{absurd}");
    }
    let most = [
        (HASHES[1], "$06$", "$14$"),
        (HASHES[6], "ln=10", "ln=18"),
        (HASHES[6], "ln=10,r=8,p=1", "ln=12,r=32,p=16"),
        (HASHES[10], "i=1000", "i=2000000"),
    ];
    for (hash, sane, most) in most {
        assert!(Imported::read(&hash.replace(sane, most)).is_some(), "{most}");
    }
}

#[test]
fn the_defaults_of_other_systems_are_no_absurd_work() {
    let defaults = [
        // Supabase, Auth0; Laravel.
        (HASHES[1], "$06$", "$10$"),
        (HASHES[1], "$06$", "$12$"),
        // Django: scrypt, PBKDF2.
        (HASHES[8], "scrypt$1024$aBQrLpJ9QlcyuOoNLBwFYB$8$5$", "scrypt$16384$aBQrLpJ9QlcyuOoNLBwFYB$8$5$"),
        (HASHES[10], "i=1000", "i=1500000"),
        // Keycloak.
        (HASHES[13], "i=27500", "i=600000"),
        (HASHES[12], "i=1000", "i=210000"),
        (HASHES[19], "i=1000", "i=1300000"),
        (HASHES[20], "i=1000", "i=210000"),
        // What OWASP asks of scrypt.
        (HASHES[6], "ln=10,r=8,p=1", "ln=17,r=8,p=1"),
        (HASHES[6], "ln=10,r=8,p=1", "ln=13,r=8,p=10"),
    ];
    for (hash, here, there) in defaults {
        assert!(hash.contains(here) && Imported::read(&hash.replace(here, there)).is_some(), "{there}");
    }
}

#[test]
fn what_is_malformed_unknown_or_unsalted_is_refused() {
    let malformed = [
        (HASHES[1], "$2b$", "$2x$"),
        (HASHES[1], "$2b$", "$2$"),
        (HASHES[1], "bR2", "bR"),
        (HASHES[1], "bR2", "bR22"),
        (HASHES[1], "mLG", "m*G"),
        (HASHES[6], "ln=10,r=8", "r=8,ln=10"),
        (HASHES[6], ",p=1", ""),
        (HASHES[6], ",p=1", ",p=1,x=1"),
        (HASHES[6], "Zaz1nrO21hqDUIpxjnGOcQ", "c2hvcnQ"),
        (HASHES[8], "aBQrLpJ9QlcyuOoNLBwFYB", ""),
        (HASHES[10], "l=32", "l=31"),
        (HASHES[10], "sha256", "md5"),
        (HASHES[10], "/+U", "/+U$"),
        (HASHES[14], "UgnKkIaG02jQSmBKYRH.3bj9fnY", "UgnK"),
        (FIREBASE, "ss=Bw==,", ""),
        (FIREBASE, "jxspr8Ki", ""),
    ];
    for (hash, sound, malformed) in malformed {
        let hash = hash.replacen(sound, malformed, 1);
        assert!(Imported::read(&hash).is_none(), "{hash}");
    }
    let unsalted = ["", "$", "$$$$", "plain", "5f4dcc3b5aa765d61d8327deb882cf99", "md5$salt$hash"];
    for text in unsalted.into_iter().map(str::to_owned).chain(["$".repeat(2000)]) {
        assert!(Imported::read(&text).is_none(), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in r"\PC{0,80}", at in 0..60_usize, hash in 0..HASHES.len()) {
        let _ = Imported::read(&text);
        let mut spoilt: String = HASHES[hash].chars().take(at).collect();
        spoilt.push_str(&text);
        let _ = Imported::read(&spoilt);
    }
}
