//! What is a gateway key, and how is it stored?
//!
//! A key of the gateway's own making reads `hgw_`, then 30 or more base62 characters, then the CRC32
//! of all characters before it as six base62 characters: a typing error is found without a look-up,
//! and secret scanners can match it. Teams may keep any other string of 16 characters or more.

use std::fmt;

use http::HeaderName;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The one header field that carries a key (Heify, authentication).
pub const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// What keys of the gateway's own making start with.
pub const PREFIX: &str = "hgw_";
/// The fewest characters that a key may have.
pub const SHORTEST: usize = 16;
/// The most bytes that a key may have: no longer one is ever hashed.
pub const LONGEST: usize = 512;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARACTERS: usize = 32;
const FEWEST_RANDOM_CHARACTERS: usize = 30;
const CHECKSUM_CHARACTERS: usize = 6;

/// The SHA-256 of a key: what is stored and looked up instead of the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// Digests a key as it came over the wire.
    pub fn of(key: &[u8]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            *byte = u8::try_from(high * 16 + low).ok()?;
        }
        Some(Self(digest))
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        // Word by word: byte by byte costs more than all else of a look-up but the digest.
        let words = |digest: &Self| {
            let (words, _) = digest.0.as_chunks::<8>();
            [words[0], words[1], words[2], words[3]].map(u64::from_le_bytes)
        };
        words(self).ct_eq(&words(other)).into()
    }

    /// The first eight bytes, for a hash table: a digest is uniformly distributed already.
    pub fn prefix(&self) -> u64 {
        let mut prefix = [0; 8];
        prefix.copy_from_slice(&self.0[..8]);
        u64::from_le_bytes(prefix)
    }
}

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Enough to tell two keys apart in a log.
        write!(f, "KeyDigest({:016x}..)", self.prefix())
    }
}

/// What the characters of a key alone tell about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyShape {
    /// The gateway's own format, with the right checksum.
    Gateway,
    /// The gateway's own prefix, with a wrong length, character or checksum.
    Mistyped,
    /// Any other string of sufficient length.
    Foreign,
    /// Shorter than [`SHORTEST`] characters or longer than [`LONGEST`] bytes.
    Impossible,
}

/// Judges a key by its characters, without any look-up.
pub fn shape(key: &[u8]) -> KeyShape {
    // Bytes that are not UTF-8 continuation bytes are characters.
    let characters = key.iter().filter(|byte| (**byte & 0xC0) != 0x80).count();
    if characters < SHORTEST || key.len() > LONGEST {
        return KeyShape::Impossible;
    }
    let Some(rest) = key.strip_prefix(PREFIX.as_bytes()) else {
        return KeyShape::Foreign;
    };
    let long_enough = rest.len() >= FEWEST_RANDOM_CHARACTERS + CHECKSUM_CHARACTERS;
    if !long_enough || !rest.iter().all(u8::is_ascii_alphanumeric) {
        return KeyShape::Mistyped;
    }
    let (body, checksum) = key.split_at(key.len() - CHECKSUM_CHARACTERS);
    if checksum == checksum_of(body) { KeyShape::Gateway } else { KeyShape::Mistyped }
}

/// Makes a new key from the operating system's random source; it is wiped when dropped.
///
/// # Errors
/// Fails when the operating system gives no random bytes.
pub fn generate() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut key = Zeroizing::new(PREFIX.as_bytes().to_vec());
    while key.len() < PREFIX.len() + RANDOM_CHARACTERS {
        let mut random = [0; 64];
        getrandom::fill(&mut random)?;
        // Bytes from 248 on would prefer the first characters of the alphabet.
        let fair = random.iter().filter(|byte| **byte < 248);
        let missing = PREFIX.len() + RANDOM_CHARACTERS - key.len();
        key.extend(fair.take(missing).map(|byte| ALPHABET[usize::from(byte % 62)]));
    }
    let checksum = checksum_of(&key);
    key.extend(checksum);
    Ok(Zeroizing::new(String::from_utf8_lossy(&key).into_owned()))
}

/// CRC32 (IEEE) in base62, most significant digit first.
fn checksum_of(body: &[u8]) -> [u8; CHECKSUM_CHARACTERS] {
    let mut rest = crc32fast::hash(body);
    let mut digits = [b'0'; CHECKSUM_CHARACTERS];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_has_the_gateways_shape() {
        let key = generate().unwrap();
        assert_eq!(shape(key.as_bytes()), KeyShape::Gateway);
        assert_eq!(key.len(), PREFIX.len() + RANDOM_CHARACTERS + CHECKSUM_CHARACTERS);
    }

    #[test]
    fn every_single_typing_error_is_found() {
        let key = generate().unwrap().as_bytes().to_vec();
        for position in PREFIX.len()..key.len() {
            let mut typed = key.clone();
            typed[position] = if typed[position] == b'x' { b'y' } else { b'x' };
            assert_eq!(shape(&typed), KeyShape::Mistyped, "position {position}");
        }
        assert_eq!(shape(&key[..key.len() - 1]), KeyShape::Mistyped);
    }

    #[test]
    fn the_checksum_binds_only_the_gateways_prefix() {
        assert_eq!(shape(b"any-old-key-of-16"), KeyShape::Foreign);
        assert_eq!(shape(b"fifteen-letters"), KeyShape::Impossible);
        assert_eq!(shape(&[b'a'; LONGEST + 1]), KeyShape::Impossible);
    }

    #[test]
    fn digests_read_back_from_hexadecimal() {
        let digest = KeyDigest::of(b"any-old-key-of-16");
        let read = KeyDigest::from_hex(&digest.to_string()).unwrap();
        assert!(digest.matches(&read));
        assert!(KeyDigest::from_hex("00").is_none());
        assert!(KeyDigest::from_hex(&"zz".repeat(32)).is_none());
    }
}
