//! What does an operator see, and what can be changed while the gateway runs?

pub mod operate;
pub mod table;
