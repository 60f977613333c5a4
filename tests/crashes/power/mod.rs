//! What is left of the records when the power fails?
//!
//! A process that is killed leaves the page cache behind, so `kill -9` proves nothing about a disk. Here
//! the real binary runs under strace, which writes down every change to the files of the records, every
//! answer and every call to the upstream, in one order. From that, the disk is rebuilt as it may be after
//! a cut at any moment: what was synced is there; of the rest any sector may be, in any order; sizes and
//! the names of files are the old or the new ones; SQLite's index of the log is rubbish. On each of these
//! disks the real binary must verify and start, and all that anybody was told must be there, once. That disks do
//! what they say they have done is taken for granted; where they do not, the same checks fail.
//!
//! `HEIFY_POWER_CUTS=5000 cargo test --test crashes power` cuts each record 5000 times instead of some
//! hundred; `HEIFY_CRASH_SEED=...` repeats the choices. Without strace nothing is tested, unless
//! `HEIFY_GATEWAY_TEST_STRACE` is `required`, as it is in the gate.

mod cuts;
mod disk;
mod promises;
mod rebuilt;
mod session;
mod trace;
