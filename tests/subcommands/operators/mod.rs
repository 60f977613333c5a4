//! Can an operator find out, explain and change at night, over the admin API of the real binary?

mod access;
mod admin;
mod alerts;
mod dashboard;
mod mistakes;
mod night;
mod remote;
mod seen;
mod tenants_side;
mod uploads;
