//! Do files that real encoders made have the length that ffprobe finds?
//!
//! Needs ffmpeg. Where it is not installed these tests say so and pass, unless
//! `HEIFY_GATEWAY_TEST_FFMPEG` is `required`, as it is in the gate.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use heify_gateway::audio::{Format, Length, PART, Sample, also_needed, length, recognize};

use crate::tools::usable;

/// Name, arguments of ffmpeg, and the format.
const MADE: &[(&str, &str, Format)] = &[
    ("plain.wav", "-ar 16000", Format::Wav),
    ("float.wav", "-c:a pcm_f32le", Format::Wav),
    ("telephone.wav", "-c:a pcm_mulaw -ar 8000", Format::Wav),
    ("adpcm.wav", "-c:a adpcm_ms", Format::Wav),
    ("mp3.wav", "-c:a libmp3lame", Format::Wav),
    ("large.wav", "-rf64 always", Format::Wav),
    ("plain.aiff", "", Format::Aiff),
    ("alaw.aifc", "-c:a pcm_alaw -f aiff", Format::Aiff),
    ("plain.flac", "", Format::Flac),
    ("same.mp3", "-b:a 64k", Format::Mp3),
    ("different.mp3", "-q:a 4", Format::Mp3),
    ("bare.mp3", "-b:a 64k -write_xing 0 -id3v2_version 0", Format::Mp3),
    ("layer2.mp2", "-c:a mp2", Format::Mp3),
    ("plain.aac", "", Format::Aac),
    ("plain.opus", "-c:a libopus -b:a 64k", Format::Ogg),
    ("vorbis.ogg", "-c:a libvorbis -b:a 64k", Format::Ogg),
    ("speex.ogg", "-c:a libspeex -ar 16000", Format::Ogg),
    ("flac.oga", "-c:a flac", Format::Ogg),
    ("plain.webm", "-c:a libopus -b:a 64k", Format::WebM),
    ("plain.mka", "-c:a libopus -b:a 64k", Format::WebM),
    ("behind.m4a", "-b:a 64k", Format::M4a),
    ("before.m4a", "-b:a 64k -movflags +faststart", Format::M4a),
    ("plain.mp4", "-b:a 64k", Format::Mp4),
    ("plain.3gp", "-c:a aac -b:a 64k", Format::Mp4),
    ("plain.mov", "-b:a 64k", Format::Mp4),
    ("plain.wma", "-c:a wmav2 -b:a 64k", Format::Asf),
    ("plain.asf", "-c:a wmav1 -b:a 64k", Format::Asf),
];

/// Files whose sound is sent through again and again until it is longer than two hours.
const LONG: &[&str] = &[
    "plain.opus",
    "speex.ogg",
    "behind.m4a",
    "before.m4a",
    "plain.mp4",
    "same.mp3",
    "bare.mp3",
    "plain.webm",
    "plain.wma",
    "telephone.wav",
    "plain.aac",
];

fn is_installed() -> bool {
    let found = ["ffmpeg", "ffprobe"].iter().all(|name| {
        Command::new(name).arg("-version").output().is_ok_and(|run| run.status.success())
    });
    usable(found, "HEIFY_GATEWAY_TEST_FFMPEG", "ffmpeg, with ffprobe,")
}

fn ffmpeg(arguments: &[&str], to: &Path) {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-threads", "1"]);
    let run = command.args(arguments).arg(to).output().unwrap();
    assert!(run.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
}

fn make(folder: &Path, (name, arguments, _): &(&str, &str, Format)) {
    let noise = "anoisesrc=d=10:c=pink:a=0.2:r=44100:s=1";
    let mut all = vec!["-f", "lavfi", "-i", noise];
    all.extend(arguments.split_whitespace());
    ffmpeg(&all, &folder.join(name));
}

fn probed(path: &Path) -> Duration {
    let ask = ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"];
    let run = Command::new("ffprobe").args(ask).arg(path).output().unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    Duration::from_secs_f64(text.trim().parse().unwrap())
}

/// Reads as little of a file as a caller does.
fn measured(path: &Path) -> (Option<Format>, Option<Length>) {
    let file = File::open(path).unwrap();
    let size = file.metadata().unwrap().len();
    let read = |start: u64, end: u64| {
        let mut bytes = vec![0; (end - start) as usize];
        file.read_exact_at(&mut bytes, start).unwrap();
        bytes
    };
    let head = read(0, size.min(PART as u64));
    let Some(format) = recognize(&head) else { return (None, None) };
    let part = also_needed(format, &head, Some(size))
        .map(|range| (range.start, read(range.start, range.end).into()));
    let sample = Sample { head: head.into(), part, size: Some(size) };
    (Some(format), length(format, &sample))
}

/// Compares, and gives the row of a table of it.
fn compare(path: &Path, format: Format) -> Length {
    let (found, measured) = measured(path);
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(found, Some(format), "{name}");
    let measured = measured.unwrap_or_else(|| panic!("{name} has no length"));
    let probed = probed(path);
    // ffprobe itself estimates an AAC of bare frames, and from fewer of them.
    let near = if format == Format::Aac { 0.05 } else { 0.005 };
    let (ours, theirs) = (measured.duration().as_secs_f64(), probed.as_secs_f64());
    println!("{name:14} {:4} {theirs:12.3} {ours:12.3} {measured:?}", format.name());
    assert!((ours - theirs).abs() <= theirs * near, "{name}: {ours} s, ffprobe says {theirs} s");
    let size = path.metadata().unwrap().len();
    assert!(format.longest(size) >= probed, "{name}: more than {size} bytes can hold");
    measured
}

#[test]
fn the_length_is_that_of_ffprobe() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for made in MADE {
        make(folder.path(), made);
        let length = compare(&folder.path().join(made.0), made.2);
        assert!(!length.exceeds(Duration::from_secs(7200)));
    }
}

#[test]
fn more_than_two_hours_are_seen_from_two_small_parts() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in LONG {
        let made = MADE.iter().find(|made| made.0 == *name).unwrap();
        make(folder.path(), made);
        let long = folder.path().join(format!("long-{name}"));
        let short = folder.path().join(name);
        let mut again = vec!["-stream_loop", "799", "-i", short.to_str().unwrap(), "-c", "copy"];
        again.extend(
            made.1
                .split_whitespace()
                .skip_while(|word| !matches!(*word, "-movflags" | "-write_xing")),
        );
        ffmpeg(&again, &long);
        let length = compare(&long, made.2);
        let estimated = made.2 == Format::Aac;
        assert_eq!(length.exceeds(Duration::from_secs(7200)), !estimated, "{name}: {length:?}");
    }
}

#[test]
fn what_a_recorder_did_not_finish_has_no_length_or_that_of_what_is_there() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let fragments = ("fragments.mp4", "-movflags frag_keyframe+empty_moov", Format::Mp4);
    make(folder.path(), &fragments);
    assert_eq!(measured(&folder.path().join(fragments.0)), (Some(Format::Mp4), None));
    // What cannot go back to its head, as a browser.
    let live = ("live.webm", "-c:a libopus -b:a 64k -live 1", Format::WebM);
    make(folder.path(), &live);
    let (_, length) = measured(&folder.path().join(live.0));
    let Some(Length::Estimated(length)) = length else { panic!("{length:?}") };
    assert!((9.0..11.0).contains(&length.as_secs_f64()), "{length:?}");
    for name in ["behind.m4a", "plain.opus", "plain.wav"] {
        let made = MADE.iter().find(|made| made.0 == name).unwrap();
        make(folder.path(), made);
        let path = folder.path().join(name);
        let half = path.metadata().unwrap().len() / 2;
        File::options().write(true).open(&path).unwrap().set_len(half).unwrap();
        let (format, length) = measured(&path);
        assert_eq!(format, Some(made.2));
        let seconds = length.map(|length| length.duration().as_secs());
        // The last page or sample that is there; and what MP4 says behind its sound is gone.
        assert!(seconds.is_none_or(|seconds| (4..=5).contains(&seconds)), "{name}: {seconds:?}");
        assert_eq!(seconds.is_none(), name == "behind.m4a", "{name}");
    }
}
