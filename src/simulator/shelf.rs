//! Where do the objects of one kind stand?

use std::collections::{BTreeMap, HashMap};

/// Objects in the order of their creation, found by id.
#[derive(Debug)]
pub(crate) struct Shelf<T> {
    next: u64,
    objects: BTreeMap<u64, (String, T)>,
    places: HashMap<String, u64>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { next: 0, objects: BTreeMap::new(), places: HashMap::new() }
    }
}

impl<T> Shelf<T> {
    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(crate) fn add(&mut self, id: &str, object: T) {
        self.places.insert(id.to_owned(), self.next);
        self.objects.insert(self.next, (id.to_owned(), object));
        self.next += 1;
    }

    /// Ids are made in lower case, and clients may write them in either.
    pub(crate) fn find(&self, id: &str) -> Option<&T> {
        let place = self.places.get(&id.to_ascii_lowercase())?;
        self.objects.get(place).map(|(_, object)| object)
    }

    pub(crate) fn find_mut(&mut self, id: &str) -> Option<&mut T> {
        let place = self.places.get(&id.to_ascii_lowercase())?;
        self.objects.get_mut(place).map(|(_, object)| object)
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<T> {
        let place = self.places.remove(&id.to_ascii_lowercase())?;
        self.objects.remove(&place).map(|(_, object)| object)
    }

    pub(crate) fn remove_oldest(&mut self) {
        if let Some((_, (id, _))) = self.objects.pop_first() {
            self.places.remove(&id);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.objects.values().map(|(_, object)| object)
    }
}

/// A new id.
pub(crate) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_keep_the_order_of_their_creation() {
        let mut shelf = Shelf::default();
        for (id, object) in [("b", 1), ("a", 2), ("c", 3)] {
            shelf.add(id, object);
        }
        assert_eq!(shelf.remove("a"), Some(2));
        assert_eq!(shelf.iter().copied().collect::<Vec<_>>(), [1, 3]);
        assert_eq!(shelf.find("C"), Some(&3));
        shelf.remove_oldest();
        assert_eq!((shelf.len(), shelf.find("b")), (1, None));
    }
}
