//! What does a client hold that may upload, and what of it is kept?
//!
//! The token is 32 random bytes. Kept are its SHA-256, by which it is found, and the presigned address,
//! encrypted with a key that follows from the token (HKDF-Expand, RFC 5869, section 2.3): whoever has the
//! records alone can do nothing with either.

use chacha20poly1305::aead::Aead;
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::key::KeyDigest;

/// What the key is for, and the counter of its only block.
const PURPOSE: &[u8] = b"heify-gateway: where an upload goes\x01";

/// The secret part of an upload address.
pub(super) struct Token(Zeroizing<[u8; 32]>);

impl Token {
    /// Makes a new one; `None` when the system has no randomness.
    pub(super) fn new() -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes).ok()?;
        Some(Self(bytes))
    }

    /// Reads what [`text`](Self::text) wrote, and nothing else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let mut bytes = Zeroizing::new([0; 32]);
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// As it stands in an address.
    pub(super) fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What it is found by.
    pub(super) fn digest(&self) -> KeyDigest {
        KeyDigest::of(&*self.0)
    }

    /// Encrypts an address.
    pub(super) fn seal(&self, address: &str) -> Option<Vec<u8>> {
        self.cipher()?.encrypt(&Nonce::default(), address.as_bytes()).ok()
    }

    /// Decrypts it; `None` when it is not what was sealed with this token.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<Zeroizing<String>> {
        let opened = self.cipher()?.decrypt(&Nonce::default(), sealed).ok()?;
        String::from_utf8(opened).ok().map(Zeroizing::new)
    }

    /// Each token has a key of its own, which encrypts one text: so the nonce can be the same for all.
    fn cipher(&self) -> Option<ChaCha20Poly1305> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).ok()?;
        mac.update(PURPOSE);
        let key = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
        Some(ChaCha20Poly1305::new(&Key::from(*key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_token_opens_an_address() {
        let (one, other) = (Token::new().unwrap(), Token::new().unwrap());
        let sealed = one.seal("https://storage.example/?X-Amz-Signature=secret").unwrap();
        let read_again = Token::parse(&one.text()).unwrap();
        assert!(read_again.open(&sealed).unwrap().ends_with("secret"));
        assert!(other.open(&sealed).is_none());
        assert!(!sealed.windows(6).any(|bytes| bytes == b"secret"));
        let mut changed = sealed.clone();
        changed[3] ^= 1;
        assert!(one.open(&changed).is_none() && one.open(&[]).is_none());
    }

    #[test]
    fn a_token_is_read_as_it_was_written_and_in_no_other_way() {
        let token = Token::new().unwrap();
        assert_eq!(Token::parse(&token.text()).unwrap().digest(), token.digest());
        assert_ne!(Token::new().unwrap().digest(), token.digest());
        for wrong in [&token.text().to_ascii_uppercase(), &token.text()[1..], "", "é", "+f"] {
            let is_other = Token::parse(wrong).is_none_or(|read| read.digest() == token.digest());
            assert!(is_other, "{wrong}");
        }
        assert!(Token::parse(&format!("{}0", &*token.text())).is_none());
        assert!(Token::parse(&"+f".repeat(32)).is_none());
    }
}
