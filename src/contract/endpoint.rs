//! What does the contract say about one endpoint?

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use http::Method;

use super::schema::BodySchema;
use crate::rate::Rate;

/// One operation of the contract: the fact that routing gives to inner layers, as a request
/// extension `Arc<Endpoint>`.
#[derive(Debug)]
pub struct Endpoint {
    /// The endpoint's place in the contract's table: dense, from 0.
    pub index: usize,
    /// The exact path, with its leading slash.
    pub path: Arc<str>,
    /// The method; Heify uses POST throughout.
    pub method: Method,
    /// The published rate, per account; `None` where none is published.
    pub rate: Option<Rate>,
    /// Calls per calendar month; `None` where no quota is published.
    pub monthly: Option<NonZeroU32>,
    /// What a call does to the account.
    pub effect: Effect,
    /// How many objects the account may hold, on endpoints that create them.
    pub cap: Option<Cap>,
    /// A body that can be sent without any cost, to learn whether the upstream takes a key; on the one
    /// endpoint that is asked for that.
    pub key_proof: Option<Box<str>>,
    /// Where the request carries ids, and of what kind.
    pub ids: Vec<IdField>,
    /// Where the request carries the address of audio (`x-gateway-audio-url`): a JSON Pointer.
    pub audio_url: Option<Box<str>>,
    /// Where a successful answer carries what.
    pub answer: Answer,
    /// The schema of the request body; `None` when the operation takes no body.
    pub body: Option<BodySchema>,
}

impl Endpoint {
    /// An endpoint that the gateway answers itself: it is in no contract, and in no table.
    pub fn own(path: &str, method: Method) -> Self {
        let effect = Effect {
            kind: Kind::Reads,
            object: None,
            spends_minutes: false,
            repeatable: true,
            timeout: None,
        };
        Self {
            index: usize::MAX,
            path: path.into(),
            method,
            rate: None,
            monthly: None,
            effect,
            cap: None,
            key_proof: None,
            ids: Vec::new(),
            audio_url: None,
            answer: Answer::default(),
            body: None,
        }
    }

    /// The kind of object that it creates; `None` when it creates none.
    pub fn creates(&self) -> Option<&str> {
        self.effect.object.as_deref().filter(|_| self.effect.kind == Kind::Creates)
    }

    /// Whether the gateway answers it itself.
    pub fn is_own(&self) -> bool {
        self.index == usize::MAX
    }
}

/// What a call does to the account behind the central key (`x-gateway-effect`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The kind of the effect.
    pub kind: Kind,
    /// The kind of object it concerns, as in [`IdField::kind`]; `None` when it concerns none.
    pub object: Option<Box<str>>,
    /// Whether it may use up transcription minutes.
    pub spends_minutes: bool,
    /// Whether sending it twice has the same effect as sending it once.
    pub repeatable: bool,
    /// How long the upstream may take until its answer's head; `None`: the configured default.
    pub timeout: Option<Duration>,
}

/// The kinds of effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Makes a new object.
    Creates,
    /// Reads one object.
    Reads,
    /// Reads all objects of a kind.
    Lists,
    /// Changes an object.
    Changes,
    /// Removes an object.
    Deletes,
    /// Computes a report over objects.
    Analyzes,
}

/// A cap on objects (`x-gateway-cap`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cap {
    /// The most objects of the kind that one account may hold.
    pub most: NonZeroU32,
    /// The published text of the refusal; `None` where none is published.
    pub message: Option<Box<str>>,
}

/// A field of the request that carries an id (`x-gateway-id`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdField {
    /// JSON Pointer (RFC 6901) into the request; `*` stands for every item of an array.
    pub pointer: Box<str>,
    /// The kind of the object that the id names, e.g. `configuration`.
    pub kind: Box<str>,
}

/// JSON Pointers (RFC 6901) into a successful answer (`x-gateway-answer`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The id of the object that the call created.
    pub id: Option<Box<str>>,
    /// The array of a list.
    pub items: Option<Box<str>>,
    /// The number of items in a list.
    pub count: Option<Box<str>>,
    /// The id of an item, relative to the item.
    pub item_id: Option<Box<str>>,
    /// The state of a job.
    pub status: Option<Box<str>>,
    /// The word, and no pointer, by which the state says that a job has a result.
    pub completed: Option<Box<str>>,
    /// The word, and no pointer, by which the state says that a job has failed.
    pub failed: Option<Box<str>>,
    /// The length of the audio, in seconds, possibly fractional.
    pub duration: Option<Box<str>>,
    /// A presigned upload address.
    pub upload_url: Option<Box<str>>,
}
