//! Which settings does this build know, but cannot enforce?
//!
//! A limit that is written down and not enforced is worse than none: each is a mistake that says so.

use super::reader::Section;

/// Sections, and what they need.
const SECTIONS: [(&str, &str); 1] = [("metrics", "a metrics endpoint")];

/// Refuses what stands at the top of the file.
pub(crate) fn refuse(root: &mut Section<'_>) {
    for (name, needed) in SECTIONS {
        if let Some(section) = root.remove(name) {
            let message = "which this build does not have; it would not be enforced";
            let message = format!("[{name}] needs {needed}, {message}");
            section.report.problem(section.place(), message);
        }
    }
}
