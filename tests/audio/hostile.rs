//! Can bytes be made that hang it, or make it panic?
