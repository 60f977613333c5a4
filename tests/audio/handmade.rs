//! Which bytes does each format begin with?
//!
//! Heads made by hand, so that every number in them can be a lie.

/// A WAV of telephone sound, 8,000 bytes a second, with its head and nothing else.
pub fn wav(data_size: u32) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x07\0\x01\0".to_vec();
    file.extend(8000_u32.to_le_bytes());
    file.extend(8000_u32.to_le_bytes());
    file.extend(b"\x01\0\x08\0LIST\x03\0\0\0abc\0data");
    file.extend(data_size.to_le_bytes());
    file
}

/// The same beyond 4 GiB, as `RF64` or `BW64`.
pub fn long_wav(magic: &[u8; 4], data_size: u64) -> Vec<u8> {
    let mut file = magic.to_vec();
    file.extend(b"\xff\xff\xff\xffWAVEds64\x1c\0\0\0");
    file.extend([0; 8]);
    file.extend(data_size.to_le_bytes());
    file.extend([0; 12]);
    file.extend(&wav(u32::MAX)[12..]);
    file
}

/// AIFF or AIFF-C of 8 kHz, one channel, 16 bits.
pub fn aiff(kind: &[u8; 4], frames: u32) -> Vec<u8> {
    let mut file = [b"FORM\0\0\0\0", &kind[..], b"COMM\0\0\0\x12\0\x01"].concat();
    file.extend(frames.to_be_bytes());
    // 8000 as an 80-bit float.
    file.extend(b"\0\x10\x40\x0b\xfa\0\0\0\0\0\0\0SSND\0\0\0\0\0\0\0\0\0\0\0\0");
    file
}

/// FLAC of 48 kHz, two channels, 16 bits.
pub fn flac(samples: u64) -> Vec<u8> {
    let mut file = b"fLaC\x80\0\0\x22\x10\0\x10\0\0\0\0\0\0\0".to_vec();
    file.extend((48_000_u64 << 44 | 1 << 41 | 15 << 36 | samples).to_be_bytes());
    file.extend([0; 16]);
    file
}

/// So many frames of MP3: version 1, layer 3, 44.1 kHz, joint stereo, 128 kbit/s, 26 ms each.
pub fn mp3(frames: usize) -> Vec<u8> {
    let mut frame = b"\xff\xfb\x90\x40".to_vec();
    frame.resize(417, 0);
    frame.repeat(frames)
}

/// The frame that says how many others follow.
pub fn xing(name: &[u8; 4], frames: u32) -> Vec<u8> {
    let mut frame = mp3(1);
    frame[36..40].copy_from_slice(name);
    frame[40..44].copy_from_slice(&1_u32.to_be_bytes());
    frame[44..48].copy_from_slice(&frames.to_be_bytes());
    frame
}

/// The same by another encoder.
pub fn vbri(frames: u32) -> Vec<u8> {
    let mut frame = mp3(1);
    frame[36..40].copy_from_slice(b"VBRI");
    frame[50..54].copy_from_slice(&frames.to_be_bytes());
    frame
}

/// An ID3v2 tag with so many bytes behind its head.
pub fn id3(length: u32) -> Vec<u8> {
    let size = [21, 14, 7, 0].map(|shift| (length >> shift & 0x7f) as u8);
    let mut tag = [b"ID3\x04\0\0", &size[..]].concat();
    tag.resize(tag.len() + length as usize, 0);
    tag
}

/// So many frames of AAC: 44.1 kHz, 200 bytes and 23 ms each.
pub fn adts(frames: usize) -> Vec<u8> {
    let mut frame = b"\xff\xf1\x50\x80\x19\x1f\xfc".to_vec();
    frame.resize(200, 0);
    frame.repeat(frames)
}

/// One page of Ogg.
pub fn page(serial: u32, granule: u64, packet: &[u8]) -> Vec<u8> {
    let mut page = b"OggS\0\0".to_vec();
    page.extend(granule.to_le_bytes());
    page.extend(serial.to_le_bytes());
    page.extend([0; 8]);
    let mut lengths = vec![0xff; packet.len() / 255];
    lengths.push((packet.len() % 255) as u8);
    page.push(lengths.len() as u8);
    page.extend(lengths);
    page.extend(packet);
    page
}

/// Opus in Ogg: the head, a first page of sound that ends after a second, and a last page.
pub fn opus(first: u64, last: u64) -> Vec<u8> {
    let mut file = page(7, 0, b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0");
    file.extend(page(7, 0, b"OpusTags"));
    file.extend(page(7, first, &[1; 600]));
    file.extend(page(7, u64::MAX, &[2; 100]));
    file.extend(page(7, last, &[3; 600]));
    file
}

/// A box of MP4.
pub fn mp4_box(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    [&(data.len() as u32 + 8).to_be_bytes()[..], kind, data].concat()
}

/// `ftyp` with this brand.
pub fn ftyp(brand: &[u8; 4]) -> Vec<u8> {
    mp4_box(b"ftyp", &[&brand[..], b"\0\0\x02\0isom"].concat())
}

/// `mvhd` or `mdhd` of so many milliseconds.
pub fn clock(kind: &[u8; 4], milliseconds: u32) -> Vec<u8> {
    let mut data = vec![0; 12];
    data.extend(1000_u32.to_be_bytes());
    data.extend(milliseconds.to_be_bytes());
    data.resize(100, 0);
    mp4_box(kind, &data)
}

/// `moov` with a length of its own and one of its only track.
pub fn moov(milliseconds: u32, of_track: u32) -> Vec<u8> {
    let media = mp4_box(b"mdia", &clock(b"mdhd", of_track));
    let track = mp4_box(b"trak", &[mp4_box(b"tkhd", &[0; 84]), media].concat());
    mp4_box(b"moov", &[clock(b"mvhd", milliseconds), track].concat())
}

/// The head of WebM or Matroska, with a length or without one.
pub fn webm(doc_type: &[u8], milliseconds: Option<f64>) -> Vec<u8> {
    let mut kind = vec![0x42, 0x82, 0x80 | doc_type.len() as u8];
    kind.extend(doc_type);
    let mut file = vec![0x1a, 0x45, 0xdf, 0xa3, 0x80 | kind.len() as u8];
    file.extend(kind);
    // A segment of unknown size, and a void element.
    file.extend(b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff\xec\x82\0\0");
    let mut info = b"\x2a\xd7\xb1\x83\x0f\x42\x40".to_vec();
    if let Some(milliseconds) = milliseconds {
        info.extend(b"\x44\x89\x88");
        info.extend(milliseconds.to_be_bytes());
    }
    file.extend([0x15, 0x49, 0xa9, 0x66, 0x80 | info.len() as u8]);
    file.extend(info);
    file.extend(b"\x1f\x43\xb6\x75\x01\xff\xff\xff\xff\xff\xff\xff\xe7\x81\0");
    file
}

/// Blocks of sound behind such a head: so many, each of 100 bytes and 20 ms.
pub fn blocks(count: u16) -> Vec<u8> {
    let block = |number: u16| {
        let mut block = vec![0xa3, 0xe4, 0x81];
        block.extend((number * 20).to_be_bytes());
        block.resize(102, 0x80);
        block
    };
    (0..count).flat_map(block).collect()
}

/// The head of ASF: play duration and preroll in milliseconds, and whether it is a broadcast.
pub fn asf(play: u64, preroll: u64, flags: u32) -> Vec<u8> {
    let mut file = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c".to_vec();
    file.resize(30, 0);
    // An object of no interest, and then the one that counts.
    file.extend([1; 16]);
    file.extend(26_u64.to_le_bytes());
    file.extend([0; 2]);
    file.extend(b"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\0\xc0\x0c\x20\x53\x65");
    file.extend(104_u64.to_le_bytes());
    file.extend([0; 40]);
    file.extend((play * 10_000).to_le_bytes());
    file.extend([0; 8]);
    file.extend(preroll.to_le_bytes());
    file.extend(flags.to_le_bytes());
    file.extend([0; 12]);
    file
}

/// AMR or AMR-WB with some frames of its mode 0.
pub fn amr(magic: &[u8]) -> Vec<u8> {
    [magic, &[4; 13].repeat(50)].concat()
}

/// A file of each kind, for whoever changes its bytes.
pub fn all() -> Vec<Vec<u8>> {
    vec![
        wav(8000),
        long_wav(b"RF64", 8000),
        aiff(b"AIFF", 8000),
        aiff(b"AIFC", 8000),
        flac(48_000),
        [id3(300), flac(48_000)].concat(),
        mp3(20),
        [id3(300), xing(b"Info", 500), mp3(10)].concat(),
        [vbri(500), mp3(10)].concat(),
        adts(20),
        opus(48_000, 480_312),
        [ftyp(b"M4A "), moov(1000, 1000), mp4_box(b"mdat", &[0; 500])].concat(),
        [ftyp(b"isom"), mp4_box(b"mdat", &[0; 500]), moov(1000, 1000)].concat(),
        webm(b"webm", Some(1000.0)),
        webm(b"matroska", None),
        asf(5000, 3000, 2),
        amr(b"#!AMR\n"),
        amr(b"#!AMR-WB\n"),
    ]
}
