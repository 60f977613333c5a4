//! How long is the audio that the request names?

use std::time::Duration;

/// The length of the audio as its file tells it: the fact that looking at the file gives to inner
/// layers, as a request extension by value. Absent: it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured(pub Duration);
