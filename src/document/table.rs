//! How are the places of all values found?

use super::view::{Document, Place};

/// The places of all values and keys in one text.
///
/// The table of no text, which is the default, says null.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    marks: Vec<Mark>,
}

/// Why a text has no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is no JSON (RFC 8259), or a key in it is no Unicode.
    NotJson,
    /// Arrays and objects are nested more deeply than was allowed.
    TooDeep,
    /// One object has a key twice, in whatever spelling: two readings.
    RepeatedKey,
}

/// Where a value or a key stands, and where in the table the one after it and all within it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    start: u32,
    end: u32,
    /// The highest bit tells whether it is unusual.
    next: u32,
}

/// Texts are shorter than this, so that the bit is free in whatever counts their bytes.
const UNUSUAL: u32 = 1 << 31;

/// Of so many digits every number is one that all readers hold.
const USUAL_DIGITS: usize = 15;

/// Levels of arrays and objects in an answer: twice of what is read in a request, since an answer
/// shows what requests sent, wrapped.
pub(crate) const DEEPEST_ANSWER: usize = 128;

/// In an object of so few keys each is compared with each.
const FEW: usize = 16;

/// The most memory that the table of a text takes: every value and key but the first follows one of
/// these bytes, and a table that grows has room for twice what is in it.
pub(crate) fn table_bytes(text: &[u8]) -> usize {
    let before_value = |byte: &&u8| matches!(**byte, b',' | b':' | b'[' | b'{');
    (text.iter().filter(before_value).count() + 1) * 2 * size_of::<Mark>()
}

impl Mark {
    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    pub(super) fn end(self) -> usize {
        self.end as usize
    }

    pub(super) fn next(self) -> usize {
        (self.next & !UNUSUAL) as usize
    }

    /// A text with escapes, or a number of which the grammar alone does not say that it can be held.
    pub(super) fn is_unusual(self) -> bool {
        self.next & UNUSUAL != 0
    }
}

impl Table {
    /// Reads a text of exactly one JSON value, with so many levels of arrays and objects at most.
    ///
    /// # Errors
    /// What is wrong with it. Numbers of any size pass, and texts with half of a surrogate pair; see
    /// [`Document::is_readable`].
    pub fn read(text: &str, deepest: usize) -> Result<Self, Flaw> {
        if text.len() >= UNUSUAL as usize {
            return Err(Flaw::NotJson);
        }
        Scan::new(text, deepest).whole()
    }

    /// Reads bytes as [`read`](Self::read) does, and returns them as the text that they are.
    ///
    /// # Errors
    /// As [`read`](Self::read); bytes that are not UTF-8 are not JSON.
    pub fn of_bytes(bytes: &[u8], deepest: usize) -> Result<(&str, Self), Flaw> {
        let text = std::str::from_utf8(bytes).map_err(|_| Flaw::NotJson)?;
        Ok((text, Self::read(text, deepest)?))
    }

    /// The document of this table and its text. With another text it says nonsense, but no more.
    pub fn of<'d>(&'d self, text: &'d str) -> Document<'d> {
        Document::new(text, &self.marks)
    }
}

/// A text, how much of it was read, and what was found in that.
struct Scan<'t> {
    text: &'t str,
    at: usize,
    deepest: usize,
    depth: usize,
    /// The innermost that is open. Until it is closed, the way to the outer one stands in its mark.
    open: u32,
    marks: Vec<Mark>,
}

impl<'t> Scan<'t> {
    fn new(text: &'t str, deepest: usize) -> Self {
        // About as many as a usual body has; a hostile one makes it grow.
        let marks = Vec::with_capacity((text.len() / 16).clamp(4, 1024));
        Self { text, at: 0, deepest, depth: 0, open: 0, marks }
    }

    /// Each round reads one value, or the beginning of one, and then what may follow it.
    fn whole(mut self) -> Result<Table, Flaw> {
        loop {
            let start = self.at_token();
            let is_over = match self.byte() {
                Some(b'"') => self.text()?,
                Some(b'{') => self.opened(start, b'}')?,
                Some(b'[') => self.opened(start, b']')?,
                Some(b't') => self.word("true")?,
                Some(b'f') => self.word("false")?,
                Some(b'n') => self.word("null")?,
                _ => self.number()?,
            };
            if is_over && !self.goes_on()? {
                return Ok(Table { marks: self.marks });
            }
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes over white space.
    fn at_token(&mut self) -> usize {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.byte() {
            self.at += 1;
        }
        self.at
    }

    /// Whether another value comes after one that is over: an item or a member. Closes what ends.
    fn goes_on(&mut self) -> Result<bool, Flaw> {
        loop {
            self.at_token();
            if self.depth == 0 {
                return if self.byte().is_none() { Ok(false) } else { Err(Flaw::NotJson) };
            }
            let opened = self.marks.get(self.open as usize).map(|mark| mark.start());
            let in_object = opened.map(|at| self.text.as_bytes().get(at)) == Some(Some(&b'{'));
            self.at += 1;
            match (self.text.as_bytes().get(self.at - 1), in_object) {
                (Some(b','), false) => return Ok(true),
                (Some(b','), true) => {
                    self.key()?;
                    return Ok(true);
                }
                (Some(b'}'), true) => {
                    let object = self.close()?;
                    self.refuse_repeated_keys(object)?;
                }
                (Some(b']'), false) => {
                    self.close()?;
                }
                _ => return Err(Flaw::NotJson),
            }
        }
    }

    /// Begins an array or an object; whether it is over at once.
    fn opened(&mut self, start: usize, end: u8) -> Result<bool, Flaw> {
        if self.depth == self.deepest {
            return Err(Flaw::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        let place = self.marks.len() as u32;
        self.marks.push(Mark { start: start as u32, end: start as u32, next: self.open });
        self.open = place;
        self.at_token();
        if self.byte() == Some(end) {
            self.at += 1;
            self.close()?;
            return Ok(true);
        }
        if end == b'}' {
            self.key()?;
        }
        Ok(false)
    }

    fn close(&mut self) -> Result<Place, Flaw> {
        self.depth -= 1;
        let next = self.marks.len() as u32;
        let place = self.open as usize;
        let mark = self.marks.get_mut(place).ok_or(Flaw::NotJson)?;
        self.open = mark.next;
        (mark.end, mark.next) = (self.at as u32, next);
        Ok(place)
    }

    /// A key and its colon.
    fn key(&mut self) -> Result<(), Flaw> {
        self.at_token();
        if self.byte() != Some(b'"') {
            return Err(Flaw::NotJson);
        }
        self.text()?;
        self.at_token();
        if self.byte() != Some(b':') {
            return Err(Flaw::NotJson);
        }
        self.at += 1;
        Ok(())
    }

    fn text(&mut self) -> Result<bool, Flaw> {
        let (end, escaped) = text_end(self.text.as_bytes(), self.at + 1).ok_or(Flaw::NotJson)?;
        self.value(end, escaped)
    }

    fn number(&mut self) -> Result<bool, Flaw> {
        let (end, exponent) = number_end(self.text.as_bytes(), self.at).ok_or(Flaw::NotJson)?;
        self.value(end, exponent || end - self.at > USUAL_DIGITS)
    }

    fn word(&mut self, word: &str) -> Result<bool, Flaw> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(Flaw::NotJson);
        }
        self.value(self.at + word.len(), false)
    }

    /// Marks a value that holds no others: it is over.
    fn value(&mut self, end: usize, unusual: bool) -> Result<bool, Flaw> {
        let next = self.marks.len() as u32 + 1;
        let next = if unusual { next | UNUSUAL } else { next };
        self.marks.push(Mark { start: self.at as u32, end: end as u32, next });
        self.at = end;
        Ok(true)
    }

    /// Two readings of one object would mean that what was judged is not what others read. The object is
    /// the last that was closed: what comes after it in the table is in it.
    fn refuse_repeated_keys(&self, object: Place) -> Result<(), Flaw> {
        let mut few: [&[u8]; FEW] = [&[]; FEW];
        let (mut count, mut at) = (0, object + 1);
        while let Some([key, value]) = self.marks.get(at..at + 2) {
            if count == FEW || key.is_unusual() {
                return refuse_repeated_among_many(Document::new(self.text, &self.marks), object);
            }
            at = value.next();
            let key = &self.text.as_bytes()[key.start()..key.end()];
            if few[..count].contains(&key) {
                return Err(Flaw::RepeatedKey);
            }
            few[count] = key;
            count += 1;
        }
        Ok(())
    }
}

fn refuse_repeated_among_many(document: Document<'_>, object: Place) -> Result<(), Flaw> {
    let keys = document.members(object).map(|(key, _)| document.string(key));
    let mut keys = keys.collect::<Option<Vec<_>>>().ok_or(Flaw::NotJson)?;
    keys.sort_unstable();
    let repeated = keys.windows(2).any(|pair| pair[0] == pair[1]);
    if repeated { Err(Flaw::RepeatedKey) } else { Ok(()) }
}

/// Where a text ends whose content starts at `at`, and whether there is an escape in it (RFC 8259,
/// section 7).
fn text_end(bytes: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    loop {
        // Eight bytes at a time, for as long as there are so many.
        while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
            let found = stops(u64::from_le_bytes(*eight));
            at += (found.trailing_zeros() / 8) as usize;
            if found != 0 {
                break;
            }
        }
        match bytes.get(at)? {
            b'"' => return Some((at + 1, escaped)),
            b'\\' => {
                escaped = true;
                at += match bytes.get(at + 1)? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
                    b'u' if bytes.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => 6,
                    _ => return None,
                };
            }
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

/// The bytes of eight that are a quotation mark, a backslash or a control character, each by its highest
/// bit; exact up to the first of them, and nothing above it is asked for.
fn stops(eight: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let zeros = |bytes: u64| bytes.wrapping_sub(EACH) & !bytes;
    let quotation = zeros(eight ^ (EACH * b'"' as u64));
    let backslash = zeros(eight ^ (EACH * b'\\' as u64));
    let control = eight.wrapping_sub(EACH * 0x20) & !eight;
    (quotation | backslash | control) & (EACH << 7)
}

/// Where a number ends that starts at `at`, and whether it has an exponent (RFC 8259, section 6).
fn number_end(bytes: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let digits = |at: usize| {
        let rest = bytes.get(at..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    at += usize::from(bytes.get(at) == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && bytes.get(at) == Some(&b'0')) {
        return None;
    }
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    let Some(b'e' | b'E') = bytes.get(at) else { return Some((at, false)) };
    at += 1;
    at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
    let exponent = digits(at);
    (exponent > 0).then_some((at + exponent, true))
}

#[cfg(test)]
impl Table {
    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }
}
