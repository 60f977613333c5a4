//! What may the value of a key be?
//!
//! Each way of reading a value notes it here while it reads. So the reader itself is what the
//! reference and the schema for editors are made of, and neither can lag behind it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

/// One kind of value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    /// The name of a file.
    File,
    Boolean,
    Datetime,
    /// One of some words.
    Words(Vec<String>),
    /// A text such as `"3s"`.
    Duration(RangeInclusive<Duration>),
    Integer(RangeInclusive<u32>),
    /// A number of bytes, or a text such as `"64KiB"`.
    Size(RangeInclusive<u64>),
    Table,
    Array,
}

/// What was asked of one key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// Each kind that will do, in the order in which they were tried.
    pub(crate) shapes: Vec<Shape>,
    /// Whether it must be there where its table is.
    pub(crate) is_needed: bool,
}

impl Asked {
    pub(crate) fn may_be(&mut self, shape: Shape) {
        if !self.shapes.contains(&shape) {
            self.shapes.push(shape);
        }
    }
}

/// All keys as one tree.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    pub(crate) asked: Asked,
    /// The known names in a table.
    pub(crate) entries: BTreeMap<String, Outline>,
    /// What stands under a free name.
    pub(crate) free: Option<Box<Outline>>,
    /// What stands in an array.
    pub(crate) item: Option<Box<Outline>>,
}

impl Outline {
    /// Puts the paths of keys together: `tenants[].rate.*.burst`.
    pub(crate) fn of(asked: BTreeMap<String, Asked>) -> Self {
        let mut root = Self::default();
        for (path, asked) in asked {
            let mut here = &mut root;
            for name in path.split('.') {
                let (name, is_item) = match name.strip_suffix("[]") {
                    Some(name) => (name, true),
                    None => (name, false),
                };
                here = match name {
                    "*" => here.free.get_or_insert_default(),
                    name => here.entries.entry(name.to_owned()).or_default(),
                };
                if is_item {
                    here = here.item.get_or_insert_default();
                }
            }
            here.asked = asked;
        }
        root
    }
}
