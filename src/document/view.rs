//! What does a document say at a place?

use std::borrow::Cow;
use std::ops::Range;

use serde_json::{Number, Value};

use super::characters::Characters;
use super::table::Mark;

/// A text with the places of all its values: a view of both, for as long as they live.
#[derive(Debug, Clone, Copy)]
pub struct Document<'d> {
    text: &'d str,
    marks: &'d [Mark],
}

/// The place of a value or a key in the table.
pub type Place = usize;

/// The place of the whole document.
pub const ROOT: Place = 0;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `null`, or no value at all.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number of any size.
    Number,
    /// A text or a key.
    Text,
    /// An array.
    List,
    /// An object.
    Object,
}

/// The items of an array.
#[derive(Debug, Clone)]
pub struct Items<'d> {
    marks: &'d [Mark],
    at: Place,
    end: Place,
}

/// The members of an object: where the key stands, and where the value.
#[derive(Debug, Clone)]
pub struct Members<'d> {
    marks: &'d [Mark],
    at: Place,
    end: Place,
}

impl<'d> Document<'d> {
    pub(super) fn new(text: &'d str, marks: &'d [Mark]) -> Self {
        Self { text, marks }
    }

    /// What stands there.
    #[inline]
    pub fn form(&self, place: Place) -> Form {
        let Some(mark) = self.marks.get(place) else { return Form::Null };
        match self.text.as_bytes().get(mark.start()) {
            Some(b'{') => Form::Object,
            Some(b'[') => Form::List,
            Some(b'"') => Form::Text,
            Some(b't' | b'f') => Form::Boolean,
            Some(b'n') | None => Form::Null,
            _ => Form::Number,
        }
    }

    /// The bytes of a value, in the whole document.
    pub fn span(&self, place: Place) -> Range<usize> {
        self.marks.get(place).map_or(0..0, |mark| mark.start()..mark.end())
    }

    /// A value as it was written.
    pub fn raw(&self, place: Place) -> &'d str {
        self.text.get(self.span(place)).unwrap_or_default()
    }

    /// The items of an array.
    pub fn items(&self, list: Place) -> Items<'d> {
        let end = self.marks.get(list).map_or(list, |mark| mark.next());
        Items { marks: self.marks, at: list + 1, end }
    }

    /// The members of an object, in the order of the text.
    pub fn members(&self, object: Place) -> Members<'d> {
        let Items { marks, at, end } = self.items(object);
        Members { marks, at, end }
    }

    /// The member of an object that has this key: where the key stands, and where the value.
    pub fn member(&self, object: Place, name: &str) -> Option<(Place, Place)> {
        self.members(object).find(|(key, _)| self.spells(*key, name))
    }

    /// The content of a text or a key; `None` when it is none, or not Unicode.
    #[inline]
    pub fn string(&self, place: Place) -> Option<Cow<'d, str>> {
        match self.content(place)? {
            (content, false) => Some(Cow::Borrowed(content)),
            (_, true) => self.unescaped(place).map(Cow::Owned),
        }
    }

    #[cold]
    fn unescaped(&self, place: Place) -> Option<String> {
        serde_json::from_str(self.raw(place)).ok()
    }

    /// Whether a text or a key has this content.
    pub fn spells(&self, place: Place, content: &str) -> bool {
        match self.content(place) {
            Some((own, false)) => own == content,
            Some((own, true)) => Characters::of(own).eq(content.chars()),
            None => false,
        }
    }

    /// How many characters a text or a key has.
    pub(crate) fn length(&self, place: Place) -> Option<usize> {
        let (content, escaped) = self.content(place)?;
        Some(if escaped { Characters::of(content).count() } else { content.chars().count() })
    }

    /// A number that 64 bits hold.
    pub(crate) fn number(&self, place: Place) -> Option<Number> {
        serde_json::from_str(self.raw(place)).ok()
    }

    /// A whole number of objects.
    pub fn count(&self, place: Place) -> Option<usize> {
        let raw = self.raw(place);
        let is_whole = raw.bytes().all(|byte| byte.is_ascii_digit());
        is_whole.then(|| raw.parse().ok()).flatten()
    }

    /// A value of its own; null where it cannot be [read](Self::is_readable).
    pub fn value(&self, place: Place) -> Value {
        serde_json::from_str(self.raw(place)).unwrap_or_default()
    }

    /// Follows a JSON Pointer (RFC 6901) from a value on.
    pub fn pointed(&self, from: Place, pointer: &str) -> Option<Place> {
        let mut at = from;
        for segment in pointer.split('/').skip(1) {
            at = match self.form(at) {
                Form::Object => self.member(at, &unescaped(segment))?.1,
                Form::List => self.items(at).nth(segment.parse().ok()?)?,
                Form::Null | Form::Boolean | Form::Number | Form::Text => return None,
            };
        }
        Some(at)
    }

    /// Whether all texts are Unicode and all numbers such that 64 bits hold them, if not to the last
    /// digit. JSON asks for neither, and readers differ on what is not.
    pub fn is_readable(&self) -> bool {
        let mut unusual = (0..self.marks.len()).filter(|place| self.is_unusual(*place));
        unusual.all(|place| match self.form(place) {
            Form::Text => self.string(place).is_some(),
            // The bit of a list or an object never means anything.
            _ => self.number(place).is_some(),
        })
    }

    /// What tells this document from others that are in memory.
    pub(crate) fn address(&self) -> usize {
        self.marks.as_ptr() as usize
    }

    pub(super) fn is_unusual(&self, place: Place) -> bool {
        self.marks.get(place).is_some_and(|mark| mark.is_unusual())
    }

    /// What stands between the quotes, and whether there is an escape in it.
    #[inline]
    fn content(&self, place: Place) -> Option<(&'d str, bool)> {
        let mark = self.marks.get(place)?;
        if self.text.as_bytes().get(mark.start()) != Some(&b'"') {
            return None;
        }
        let content = self.text.get(mark.start() + 1..mark.end().checked_sub(1)?)?;
        Some((content, mark.is_unusual()))
    }
}

impl Iterator for Items<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        let item = self.at;
        if item >= self.end {
            return None;
        }
        self.at = self.marks.get(item)?.next();
        (self.at > item).then_some(item)
    }
}

impl Iterator for Members<'_> {
    type Item = (Place, Place);

    #[inline]
    fn next(&mut self) -> Option<(Place, Place)> {
        let (key, value) = (self.at, self.at + 1);
        if value >= self.end {
            return None;
        }
        self.at = self.marks.get(value)?.next();
        (self.at > value).then_some((key, value))
    }
}

/// A segment of a JSON Pointer as the key that it means.
pub(crate) fn unescaped(segment: &str) -> Cow<'_, str> {
    if segment.contains('~') {
        return Cow::Owned(segment.replace("~1", "/").replace("~0", "~"));
    }
    Cow::Borrowed(segment)
}
