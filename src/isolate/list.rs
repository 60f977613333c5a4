//! Which objects of a list may a tenant see?
//!
//! Most lists' shapes are not published, so items are known by a rule and not by their place: an
//! array of objects each of which carries an id field of the listed kind. Outside of items only what
//! can say nothing of other tenants passes. Whatever else stands there makes the list unreadable.

use uuid::Uuid;

use super::edit::{Edit, Fate, cut};
use super::read::id_at;
use crate::contract::{Contract, Endpoint};
use crate::document::{Document, Flaw, Form, Place, ROOT};

/// Members whose numbers a client sent itself.
const HARMLESS: [&str; 5] = ["page", "limit", "offset", "per_page", "page_size"];

/// Whose an id in an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The tenant's own, or shared with it.
    Own,
    /// Another tenant's.
    Foreign,
    /// Nobody's that the records know.
    Nobody,
}

/// Why a list cannot be filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreadable {
    Encoded,
    TooLarge,
    NotJson,
    TooDeep,
    RepeatedKey,
    /// The whole answer is neither an object nor an array.
    NoList,
    /// An array of something else than objects, or an object in it without an id.
    ItemWithoutId,
    KeyedById,
    UnknownNumber,
    ForeignId,
}

impl Unreadable {
    /// For operators.
    pub(super) fn problem(self) -> &'static str {
        match self {
            Self::Encoded => "it has a content-encoding",
            Self::TooLarge => {
                "it is larger than list_limit, or than what tenant_lists_in_flight allows"
            }
            Self::NotJson => "it is not JSON",
            Self::TooDeep => "it is nested too deeply",
            Self::RepeatedKey => "a key appears twice in one object",
            Self::NoList => "it is neither an object nor an array",
            Self::ItemWithoutId => "an array has items without an id of the listed kind",
            Self::KeyedById => "an object has ids as keys",
            Self::UnknownNumber => "a number is not the length of the list",
            Self::ForeignId => "an id that is not the tenant's stands outside of the list",
        }
    }
}

impl From<Flaw> for Unreadable {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::NotJson => Self::NotJson,
            Flaw::TooDeep => Self::TooDeep,
            Flaw::RepeatedKey => Self::RepeatedKey,
        }
    }
}

/// How the items of one endpoint's answers are known.
#[derive(Debug)]
pub(super) struct ListRule {
    /// JSON Pointers, from an object on, to where the id of a listed object may stand.
    ids: Vec<Box<str>>,
    /// The same for objects of all kinds: what an item holds may be of another one.
    all: Vec<Box<str>>,
    items: Option<Box<str>>,
    count: Option<Box<str>>,
}

impl ListRule {
    /// An id is looked for where the document says, and under the names that requests of the whole
    /// contract have for ids of the kind.
    pub(super) fn new(endpoint: &Endpoint, contract: &Contract) -> Self {
        let mut ids: Vec<Box<str>> = endpoint.answer.item_id.iter().cloned().collect();
        let mut all = ids.clone();
        for field in contract.endpoints().iter().flat_map(|endpoint| &endpoint.ids) {
            let name = field.pointer.rfind('/').map(|slash| &field.pointer[slash..]);
            let Some(name) = name.filter(|name| *name != "/*") else { continue };
            let is_listed = endpoint.effect.object.as_ref() == Some(&field.kind);
            let is_new = |known: &[Box<str>]| !known.iter().any(|known| **known == *name);
            if is_listed && is_new(&ids) {
                ids.push(name.into());
            }
            if is_new(&all) {
                all.push(name.into());
            }
        }
        let answer = &endpoint.answer;
        Self { ids, all, items: answer.items.clone(), count: answer.count.clone() }
    }

    /// The ids whose owners decide what the tenant sees.
    ///
    /// # Errors
    /// The answer is unreadable, whoever owns what.
    pub(super) fn ids(&self, document: &Document<'_>) -> Result<Vec<Uuid>, Unreadable> {
        let mut ids = Vec::new();
        let mut note = |id| {
            ids.push(id);
            Whose::Own
        };
        Walk::new(self, document, &mut note).whole()?;
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// The ids of the listed objects themselves.
    ///
    /// # Errors
    /// The answer is unreadable.
    pub(super) fn listed(&self, document: &Document<'_>) -> Result<Vec<Uuid>, Unreadable> {
        self.ids(document)?;
        let mut ids = Vec::new();
        let mut open = vec![ROOT];
        while let Some(place) = open.pop() {
            match document.form(place) {
                Form::List => {
                    ids.extend(document.items(place).flat_map(|item| self.carried(document, item)));
                }
                Form::Object => {
                    ids.extend(self.carried(document, place));
                    open.extend(document.members(place).map(|(_, value)| value));
                }
                Form::Null | Form::Boolean | Form::Number | Form::Text => {}
            }
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// The ids of the listed kind that an object carries itself; none on other values.
    fn carried(&self, document: &Document<'_>, place: Place) -> impl Iterator<Item = Uuid> {
        let is_object = document.form(place) == Form::Object;
        let ids = self.ids.iter().filter(move |_| is_object);
        ids.filter_map(move |id| id_at(document, document.pointed(place, id)?))
    }

    /// What must be changed for the tenant to see its own only.
    ///
    /// # Errors
    /// The answer is unreadable.
    pub(super) fn edits(
        &self,
        document: &Document<'_>,
        mut whose: impl FnMut(Uuid) -> Whose,
    ) -> Result<Vec<Edit>, Unreadable> {
        Walk::new(self, document, &mut whose).whole()
    }
}

/// An array of listed objects.
struct Length {
    list: Place,
    parent: Option<Place>,
    before: usize,
    after: usize,
}

/// A number outside of items, judged when all lengths are known.
struct Number {
    place: Place,
    parent: Option<Place>,
}

struct Walk<'w> {
    rule: &'w ListRule,
    document: &'w Document<'w>,
    whose: &'w mut dyn FnMut(Uuid) -> Whose,
    lengths: Vec<Length>,
    numbers: Vec<Number>,
    edits: Vec<Edit>,
}

impl<'w> Walk<'w> {
    fn new(
        rule: &'w ListRule,
        document: &'w Document<'w>,
        whose: &'w mut dyn FnMut(Uuid) -> Whose,
    ) -> Self {
        let (lengths, numbers, edits) = (Vec::new(), Vec::new(), Vec::new());
        Self { rule, document, whose, lengths, numbers, edits }
    }

    fn whole(mut self) -> Result<Vec<Edit>, Unreadable> {
        if !matches!(self.document.form(ROOT), Form::List | Form::Object) {
            return Err(Unreadable::NoList);
        }
        self.outside(ROOT, None)?;
        for number in std::mem::take(&mut self.numbers) {
            self.correct(&number)?;
        }
        Ok(self.edits)
    }

    /// Judges a value that is no part of an item.
    fn outside(&mut self, place: Place, parent: Option<Place>) -> Result<(), Unreadable> {
        match self.document.form(place) {
            Form::Null | Form::Boolean => Ok(()),
            Form::Number => {
                self.numbers.push(Number { place, parent });
                Ok(())
            }
            Form::Text => match id_at(self.document, place).map(&mut self.whose) {
                Some(Whose::Foreign) => Err(Unreadable::ForeignId),
                _ => Ok(()),
            },
            Form::List => self.items(place, parent),
            Form::Object => {
                // A single object of the listed kind is an item without its array.
                if self.owners(place).any(|whose| whose != Whose::Own) {
                    return Err(Unreadable::ForeignId);
                }
                for (key, value) in self.document.members(place) {
                    if id_at(self.document, key).is_some() {
                        return Err(Unreadable::KeyedById);
                    }
                    let name = self.document.string(key).unwrap_or_default();
                    let is_number = self.document.form(value) == Form::Number;
                    if !(is_number && HARMLESS.contains(&&*name)) {
                        self.outside(value, Some(place))?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Filters an array outside of items.
    fn items(&mut self, list: Place, parent: Option<Place>) -> Result<(), Unreadable> {
        let mut items = Vec::new();
        for item in self.document.items(list) {
            // Where an item carries two ids of the kind, it takes both of them to see it.
            let (mut ids, mut own) = (0, true);
            for whose in self.owners(item) {
                ids += 1;
                own &= whose == Whose::Own;
            }
            if ids == 0 {
                return Err(Unreadable::ItemWithoutId);
            }
            items.push((item, if own { Fate::Stays } else { Fate::Goes }));
        }
        let after = self.keep(list, &items)?;
        self.lengths.push(Length { list, parent, before: items.len(), after });
        Ok(())
    }

    /// Cuts out what goes, looks through what stays, and counts it.
    fn keep(&mut self, list: Place, items: &[(Place, Fate)]) -> Result<usize, Unreadable> {
        cut(self.document, list, items, &mut self.edits);
        let mut after = 0;
        for (item, _) in items.iter().filter(|(_, fate)| *fate == Fate::Stays) {
            self.within(*item, None)?;
            after += 1;
        }
        Ok(after)
    }

    /// Whose the ids of the listed kind are that an object carries itself; nothing on other values.
    fn owners(&mut self, place: Place) -> impl Iterator<Item = Whose> {
        let rule = self.rule;
        self.whose(place, &rule.ids)
    }

    /// Whether a value within an item is another tenant's: an object of any kind, by the id that it
    /// carries itself.
    fn is_foreign(&mut self, place: Place) -> bool {
        let rule = self.rule;
        self.whose(place, &rule.all).any(|whose| whose == Whose::Foreign)
    }

    fn whose(&mut self, place: Place, ids: &'w [Box<str>]) -> impl Iterator<Item = Whose> {
        let (document, whose) = (self.document, &mut self.whose);
        let is_object = document.form(place) == Form::Object;
        let ids = ids.iter().filter(move |_| is_object);
        ids.filter_map(move |id| Some(whose(id_at(document, document.pointed(place, id)?)?)))
    }

    /// Looks through what a tenant may see, for what it may not. What nobody holds stays: a tenant's
    /// own data may look like an object and be none.
    fn within(&mut self, place: Place, parent: Option<Place>) -> Result<(), Unreadable> {
        match self.document.form(place) {
            Form::List => self.items_within(place, parent),
            Form::Object => {
                for (key, value) in self.document.members(place) {
                    let id = id_at(self.document, key);
                    let is_foreign = id.map(&mut self.whose) == Some(Whose::Foreign);
                    if is_foreign || self.is_foreign(value) {
                        return Err(Unreadable::ForeignId);
                    }
                    self.within(value, Some(place))?;
                }
                Ok(())
            }
            Form::Null | Form::Boolean | Form::Number | Form::Text => Ok(()),
        }
    }

    /// Filters an array within an item, and corrects the counts beside it.
    fn items_within(&mut self, list: Place, parent: Option<Place>) -> Result<(), Unreadable> {
        let mut items = Vec::new();
        for item in self.document.items(list) {
            let id = id_at(self.document, item).map(&mut self.whose);
            let is_foreign = id == Some(Whose::Foreign) || self.is_foreign(item);
            items.push((item, if is_foreign { Fate::Goes } else { Fate::Stays }));
        }
        let after = self.keep(list, &items)?;
        if let Some(parent) = parent.filter(|_| after < items.len()) {
            for (_, value) in self.document.members(parent) {
                let is_number = self.document.form(value) == Form::Number;
                if is_number && self.document.count(value) == Some(items.len()) {
                    self.edits.push(Edit::count(self.document, value, after));
                }
            }
        }
        Ok(())
    }

    /// Makes a number say the length that the tenant sees.
    fn correct(&mut self, number: &Number) -> Result<(), Unreadable> {
        let count = self.document.count(number.place).ok_or(Unreadable::UnknownNumber)?;
        let after = self.length(number, count).ok_or(Unreadable::UnknownNumber)?;
        if after != count {
            self.edits.push(Edit::count(self.document, number.place, after));
        }
        Ok(())
    }

    fn length(&self, number: &Number, count: usize) -> Option<usize> {
        let pointed = |pointer: &Option<Box<str>>| {
            pointer.as_deref().and_then(|pointer| self.document.pointed(ROOT, pointer))
        };
        // The document knows: this counts, also where it counts more than one page of a list.
        if pointed(&self.rule.count) == Some(number.place) {
            let listed = pointed(&self.rule.items);
            let listed = self.lengths.iter().find(|length| Some(length.list) == listed);
            let all = || self.lengths.iter().map(|length| length.after).sum();
            return Some(listed.map_or_else(all, |length| length.after));
        }
        if self.lengths.is_empty() && count == 0 {
            return Some(0);
        }
        let equal = || self.lengths.iter().filter(|length| length.before == count);
        let is_beside = equal().any(|length| length.parent == number.parent);
        let mut meant = equal().filter(|length| !is_beside || length.parent == number.parent);
        let after = meant.next()?.after;
        // Two lists of one length, and of another one for this tenant: which of them is meant?
        meant.all(|length| length.after == after).then_some(after)
    }
}
