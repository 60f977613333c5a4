//! Does a path lie on a network?
//!
//! SQLite's log needs memory that all of its processes share, and locks that hold: file systems of a
//! network promise neither, and lose records silently.

use std::borrow::Cow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// File systems that other machines write to as well, or that only look like one.
const NETWORK: [&str; 26] = [
    "9p",
    "acfs",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "panfs",
    "pvfs2",
    "smb",
    "smb2",
    "smb3",
    "smbfs",
    "fuse.ceph",
    "fuse.ceph-fuse",
    "fuse.nfs",
];

/// The programs that put storage of a network into a folder; what follows `fuse.` begins with one.
const NETWORK_PROGRAMS: [&str; 16] = [
    "sshfs",
    "glusterfs",
    "s3fs",
    "s3ql",
    "rclone",
    "gcsfuse",
    "goofys",
    "blobfuse",
    "mount-s3",
    "juicefs",
    "mfs",
    "lizardfs",
    "seaweedfs",
    "curlftpfs",
    "smbnetfs",
    "davfs",
];

/// The network file system that a path lies on, by the text of `/proc/self/mountinfo` (its format is
/// in `proc_pid_mountinfo(5)`); `None` when it is a local one or unknown. The path is canonical.
pub(super) fn network<'a>(mountinfo: &'a str, path: &Path) -> Option<&'a str> {
    let mut nearest: Option<(usize, &str)> = None;
    for line in mountinfo.lines() {
        let Some((length, kind)) = mount_around(line, path) else { continue };
        // Of two mounts at one place, the later one hides the one before.
        if nearest.is_none_or(|(longest, _)| longest <= length) {
            nearest = Some((length, kind));
        }
    }
    nearest.map(|(_, kind)| kind).filter(|kind| is_network(kind))
}

/// The length and the type of a mount that the path lies in.
fn mount_around<'a>(line: &'a str, path: &Path) -> Option<(usize, &'a str)> {
    let (mount, source) = line.split_once(" - ")?;
    let kind = source.split(' ').next()?;
    let point = unescape(mount.split(' ').nth(4)?);
    let point = Path::new(std::ffi::OsStr::from_bytes(&point));
    path.starts_with(point).then_some((point.components().count(), kind))
}

fn is_network(kind: &str) -> bool {
    let program = kind.strip_prefix("fuse.").unwrap_or_default();
    NETWORK.contains(&kind) || NETWORK_PROGRAMS.iter().any(|known| program.starts_with(known))
}

/// Blanks, tabs, line ends and backslashes stand as a backslash and three octal digits.
fn unescape(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('\\') {
        return text.as_bytes().into();
    }
    let bytes = text.as_bytes();
    let mut found = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while let Some(byte) = bytes.get(place) {
        let digits = bytes.get(place + 1..place + 4).and_then(|digits| str::from_utf8(digits).ok());
        let octal = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal.filter(|_| *byte == b'\\') {
            Some(octal) => {
                found.push(octal);
                place += 4;
            }
            None => {
                found.push(*byte);
                place += 1;
            }
        }
    }
    found.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
30 22 0:40 / /srv rw,relatime shared:1 - nfs4 files:/srv rw,vers=4.2
31 30 254:1 / /srv/local rw,relatime shared:2 master:1 - xfs /dev/vdb rw
32 22 0:41 / /mnt/my\\040share rw,relatime - cifs //files/share rw
33 22 0:42 / /mnt/bucket rw - fuse.s3fs s3fs rw
34 22 0:43 / /mnt/twice rw - nfs files:/twice rw
35 22 0:44 / /mnt/twice rw - tmpfs tmpfs rw
36 22 0:45 / /mnt/back\\134slash rw - 9p host rw
a line that nobody understands
";

    #[test]
    fn the_nearest_mount_decides() {
        let at = |path: &str| network(MOUNTS, Path::new(path));
        assert_eq!(at("/var/lib/records.db"), None);
        assert_eq!(at("/srv/records.db"), Some("nfs4"));
        assert_eq!(at("/srv/local/records.db"), None);
        assert_eq!(at("/srvelse/records.db"), None);
        assert_eq!(at("/mnt/my share/records.db"), Some("cifs"));
        assert_eq!(at("/mnt/back\\slash/records.db"), Some("9p"));
        assert_eq!(at("/mnt/bucket/a/records.db"), Some("fuse.s3fs"));
    }

    #[test]
    fn a_later_mount_hides_the_one_before_it() {
        assert_eq!(network(MOUNTS, Path::new("/mnt/twice/records.db")), None);
    }

    #[test]
    fn a_local_program_is_no_network() {
        let mounts = "22 1 0:1 / / rw - fuse.fuse-overlayfs overlay rw";
        assert_eq!(network(mounts, Path::new("/records.db")), None);
    }

    #[test]
    fn a_text_that_is_no_list_of_mounts_says_nothing() {
        for text in ["", " - ", "1 2 3 4 - nfs", "1 2 3 4 \\ - nfs x", "1 2 3 4 /\\77 - nfs x"] {
            assert_eq!(network(text, Path::new("/records.db")), None, "{text:?}");
        }
    }
}
