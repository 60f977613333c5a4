//! How is the central key kept out of what the upstream sends back?

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use memchr::memmem;

use crate::secret::Secret;

/// A shorter key is not looked for in bodies: it could be a part of ordinary words.
const SHORTEST: usize = 8;

/// Finds the central key in answers. An upstream that echoes its request, or a debugging proxy in
/// between, must not hand the key to a tenant.
#[derive(Debug, Clone)]
pub struct Redactor {
    key: Arc<Secret>,
    finder: Arc<memmem::Finder<'static>>,
}

impl Redactor {
    /// Looks for this key.
    pub fn new(key: &Secret) -> Self {
        let needle = if key.expose().len() < SHORTEST { "" } else { key.expose() };
        let finder = memmem::Finder::new(needle).into_owned();
        Self { key: Arc::new(Secret::new(needle)), finder: Arc::new(finder) }
    }

    /// Tells whether the bytes contain the key.
    pub fn finds(&self, bytes: &[u8]) -> bool {
        !self.needle().is_empty() && self.finder.find(bytes).is_some()
    }

    /// Removes every field whose value contains the key.
    pub fn clean(&self, headers: &mut HeaderMap) {
        if !headers.values().any(|value| self.finds(value.as_bytes())) {
            return;
        }
        let names: Vec<_> = headers
            .iter()
            .filter(|(_, value)| self.finds(value.as_bytes()))
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            headers.remove(name);
        }
    }

    fn needle(&self) -> &[u8] {
        self.key.expose().as_bytes()
    }
}

/// The state of one body that passes: the key is found also where it spans two pieces.
#[derive(Debug)]
pub struct Redaction {
    redactor: Redactor,
    /// The end of what came so far, where it may be the beginning of the key; mostly empty.
    held: Bytes,
}

impl Redaction {
    /// Begins a body.
    pub fn new(redactor: Redactor) -> Self {
        Self { redactor, held: Bytes::new() }
    }

    /// Takes the next piece and gives what may pass; each byte of a key becomes `*`, so that the
    /// length of the body stays what was announced.
    pub fn pass(&mut self, piece: Bytes) -> Bytes {
        let length = self.redactor.needle().len();
        if length == 0 {
            return piece;
        }
        let mut piece = if self.held.is_empty() { piece } else { join(&self.held, &piece) };
        self.held = Bytes::new();
        if self.redactor.finder.find(&piece).is_some() {
            piece = self.mask(&piece);
        }
        let keep = self.beginning_of_key(&piece);
        self.held = piece.split_off(piece.len() - keep);
        piece
    }

    /// Gives what was held back, at the end of the body.
    pub fn rest(&mut self) -> Option<Bytes> {
        (!self.held.is_empty()).then(|| std::mem::take(&mut self.held))
    }

    /// How many bytes are held back.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    fn mask(&self, piece: &[u8]) -> Bytes {
        let mut masked = BytesMut::from(piece);
        let length = self.redactor.needle().len();
        let places: Vec<usize> = self.redactor.finder.find_iter(piece).collect();
        for place in places {
            masked[place..place + length].fill(b'*');
        }
        masked.freeze()
    }

    /// The length of the longest end of `piece` that is a beginning of the key.
    fn beginning_of_key(&self, piece: &[u8]) -> usize {
        let needle = self.redactor.needle();
        let tail = &piece[piece.len().saturating_sub(needle.len() - 1)..];
        memchr::memchr_iter(needle[0], tail)
            .map(|place| &tail[place..])
            .find(|end| needle.starts_with(end))
            .map_or(0, <[u8]>::len)
    }
}

fn join(first: &[u8], second: &[u8]) -> Bytes {
    let mut joined = BytesMut::with_capacity(first.len() + second.len());
    joined.extend_from_slice(first);
    joined.extend_from_slice(second);
    joined.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn through(key: &str, pieces: &[&[u8]]) -> Vec<u8> {
        let mut redaction = Redaction::new(Redactor::new(&Secret::new(key)));
        let mut out = Vec::new();
        for piece in pieces {
            out.extend_from_slice(&redaction.pass(Bytes::copy_from_slice(piece)));
        }
        out.extend_from_slice(&redaction.rest().unwrap_or_default());
        out
    }

    #[test]
    fn a_key_in_a_body_is_masked_at_its_full_length() {
        assert_eq!(through("secret-key", &[b"a secret-key b"]), b"a ********** b");
        assert_eq!(through("short", &[b"a short b"]), b"a short b");
    }

    #[test]
    fn fields_that_carry_the_key_are_removed() {
        let mut headers = HeaderMap::new();
        headers.insert("x-debug", "key=secret-key".parse().unwrap());
        headers.insert("x-other", "fine".parse().unwrap());
        Redactor::new(&Secret::new("secret-key")).clean(&mut headers);
        assert_eq!(headers.len(), 1);
    }

    proptest! {
        #[test]
        fn the_key_never_passes_however_a_body_is_cut(
            before in "[s\\-ecrtky]{0,30}",
            after in "[s\\-ecrtky]{0,30}",
            cut in proptest::collection::vec(0usize..70, 0..6),
        ) {
            let body = format!("{before}secret-key{after}");
            let mut cut: Vec<usize> = cut.into_iter().map(|at| at.min(body.len())).collect();
            cut.extend([0, body.len()]);
            cut.sort_unstable();
            let pieces: Vec<&[u8]> =
                cut.windows(2).map(|pair| &body.as_bytes()[pair[0]..pair[1]]).collect();
            let out = through("secret-key", &pieces);
            prop_assert_eq!(out.len(), body.len());
            prop_assert!(!String::from_utf8(out.clone()).unwrap().contains("secret-key"));
            prop_assert_eq!(out, body.replace("secret-key", "**********").into_bytes());
        }
    }
}
