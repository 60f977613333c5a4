//! How is protobuf written, without a tree of messages and without measuring anything twice?
//!
//! Each function appends to what is there. A tag is a field's number and the kind of what follows.

/// The tag of a field that has bytes, a text or a message behind its length.
pub(super) const fn sized(field: u8) -> u8 {
    assert!(field < 16, "a tag of one byte");
    field << 3 | 2
}

/// The tag of a field that has a number of eight bytes.
pub(super) const fn fixed64(field: u8) -> u8 {
    assert!(field < 16, "a tag of one byte");
    field << 3 | 1
}

/// The tag of a field that has a number of as many bytes as it needs.
pub(super) const fn varying(field: u8) -> u8 {
    assert!(field < 16, "a tag of one byte");
    field << 3
}

/// A number of as many bytes as it needs, seven bits in each.
#[inline]
fn varint(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// How many bytes that is.
#[inline]
const fn varint_length(number: usize) -> usize {
    let bits = usize::BITS - (number | 1).leading_zeros();
    bits.div_ceil(7) as usize
}

/// How many bytes a field of one is with so long a value.
#[inline]
const fn sized_length(value: usize) -> usize {
    1 + varint_length(value) + value
}

/// What stands before so many bytes.
#[inline]
pub(super) fn head(out: &mut Vec<u8>, field: u8, length: usize) {
    out.push(sized(field));
    varint(out, length);
}

/// Bytes, a text, or a message that is written already.
#[inline]
pub(super) fn bytes(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    head(out, field, value.len());
    out.extend_from_slice(value);
}

/// A message behind its length, for which the two bytes of 128 to 16,383 are left open: what turns out to
/// be shorter or longer is moved.
#[inline]
pub(super) fn message(out: &mut Vec<u8>, field: u8, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(&[sized(field), 0, 0]);
    let begin = out.len();
    write(out);
    let length = out.len() - begin;
    if varint_length(length) == 2 {
        out[begin - 2] = length as u8 | 0x80;
        out[begin - 1] = (length >> 7) as u8;
    } else {
        let mut right = Vec::new();
        varint(&mut right, length);
        out.splice(begin - 2..begin, right);
    }
}

/// `KeyValue` (`opentelemetry/proto/common/v1/common.proto`) with the key in its first field, which is
/// written for good: `N` is two more than it has bytes.
pub(super) const fn key<const N: usize>(name: &str) -> [u8; N] {
    let name = name.as_bytes();
    assert!(name.len() + 2 == N && name.len() < 0x80, "N is the length of the field");
    let mut field = [0; N];
    field[0] = sized(1);
    field[1] = name.len() as u8;
    let mut place = 0;
    while place < name.len() {
        field[place + 2] = name[place];
        place += 1;
    }
    field
}

/// An attribute with a text: `AnyValue.string_value` in `KeyValue.value`.
#[inline]
pub(super) fn text<const N: usize>(out: &mut Vec<u8>, field: u8, key: &[u8; N], value: &str) {
    let any = sized_length(value.len());
    head(out, field, N + sized_length(any));
    out.extend_from_slice(key);
    head(out, 2, any);
    bytes(out, 1, value.as_bytes());
}

/// An attribute with a number: `AnyValue.int_value` in `KeyValue.value`.
#[inline]
pub(super) fn number<const N: usize>(out: &mut Vec<u8>, field: u8, key: &[u8; N], value: u16) {
    let value = usize::from(value);
    let any = 1 + varint_length(value);
    head(out, field, N + sized_length(any));
    out.extend_from_slice(key);
    out.extend_from_slice(&[sized(2), any as u8, varying(3)]);
    varint(out, value);
}

#[cfg(test)]
mod tests {
    use prost::encoding::{decode_varint, encoded_len_varint};

    use super::*;

    #[test]
    fn a_number_is_as_long_as_it_says() {
        for number in (0..70_000).chain([1 << 21, (1 << 28) - 1, 1 << 35, usize::MAX]) {
            let mut out = Vec::new();
            varint(&mut out, number);
            assert_eq!(
                (out.len(), out.len()),
                (varint_length(number), encoded_len_varint(number as u64))
            );
            assert_eq!(decode_varint(&mut &out[..]).unwrap(), number as u64);
        }
    }

    #[test]
    fn a_message_of_any_length_stands_behind_it() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 3_000_000] {
            let (value, mut out) = (vec![7; length], vec![1, 2, 3]);
            message(&mut out, 5, |out| out.extend_from_slice(&value));
            let mut expected = vec![1, 2, 3];
            bytes(&mut expected, 5, &value);
            assert!(out == expected, "{length}");
        }
    }
}
