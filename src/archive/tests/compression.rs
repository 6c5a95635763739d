//! Compression: deterministic, and read by the ordinary programs.

use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::process::{Command, Stdio};

use medic_archive::compress::{Compressor, compress_file};
use medic_archive::{Compressed, Compression, digest};

use crate::craft::{ONE, folder};

/// The same 64 KiB of noise over and over, with a number in each: quickly compressed, and different everywhere.
fn sample(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut noise = Vec::new();
    while noise.len() < 64 << 10 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    let mut bytes = Vec::with_capacity(size + noise.len());
    for number in 0_u64.. {
        if bytes.len() >= size {
            break;
        }
        noise[1000..1008].copy_from_slice(&(number * number).to_le_bytes());
        bytes.extend_from_slice(&noise);
    }
    bytes.truncate(size);
    bytes
}

fn compress(bytes: &[u8], how: Compression, threads: u32, step: usize) -> (Vec<u8>, Compressed) {
    let threads = NonZero::new(threads).expect("not zero");
    let mut compressor = Compressor::new(Vec::new(), how, bytes.len() as u64, threads).expect("made");
    bytes.chunks(step).for_each(|part| compressor.write_all(part).expect("written"));
    compressor.finish().expect("finished")
}

fn expand(program: &str, packed: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = child.stdout.take().expect("a pipe");
    std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(packed).expect("taken"));
        let mut plain = Vec::new();
        output.read_to_end(&mut plain).expect("read");
        assert!(child.wait().expect("ended").success());
        plain
    })
}

#[test]
fn threads_and_the_size_of_writes_change_nothing() {
    // Over five jobs of 6 MiB, so that several threads have something to do.
    let bytes = sample(36 << 20);
    let (one, report) = compress(&bytes, Compression::Zstd, 1, bytes.len());
    for (threads, step) in [(2, 1 << 20), (4, 65_537)] {
        let (many, _) = compress(&bytes, Compression::Zstd, threads, step);
        assert!(one == many, "{threads} threads gave other bytes");
    }
    assert_eq!(report.plain_sha256, digest::of_bytes(&bytes).sha256);
    assert_eq!(report.sha256, digest::of_bytes(&one).sha256);
    let (plain, packed) = (report.plain_size as usize, report.size as usize);
    assert_eq!((plain, packed), (bytes.len(), one.len()));
    assert_eq!(zstd::zstd_safe::get_frame_content_size(&one).expect("a frame"), Some(report.plain_size));
    let mut decoder = zstd::Decoder::new(&one[..]).expect("zstd");
    decoder.window_log_max(23).expect("set");
    let mut again = Vec::new();
    decoder.read_to_end(&mut again).expect("the window is 8 MiB at most");
    assert!(again == bytes);
}

#[test]
fn a_head_is_compressed_in_haste_and_always_the_same() {
    // Digests in hexadecimal, of more than one job; then something else.
    let digests = (0_u32..220_000).map(|number| digest::of_bytes(&number.to_le_bytes()).sha256.to_string());
    let mut bytes = digests.collect::<String>().into_bytes();
    let head = bytes.len() as u64;
    bytes.extend(sample(30 << 20));
    let with_head = |threads, step| {
        let threads = NonZero::new(threads).expect("not zero");
        let mut compressor =
            Compressor::with_head(Vec::new(), bytes.len() as u64, head, threads).expect("made");
        bytes.chunks(step).for_each(|part| compressor.write_all(part).expect("written"));
        compressor.finish().expect("finished").0
    };
    let one = with_head(1, bytes.len());
    for (threads, step) in [(2, 1 << 20), (4, 65_537)] {
        assert!(one == with_head(threads, step), "{threads} threads gave other bytes");
    }
    assert!(expand("zstd", &one) == bytes);
    assert_eq!(zstd::zstd_safe::get_frame_content_size(&one).expect("a frame"), Some(bytes.len() as u64));
    // What follows the head is compressed as well as ever: of the head there is half, and of the rest nearly nothing.
    let rest = compress(&bytes[head as usize..], Compression::Zstd, 1, 1 << 20).0.len();
    assert!(one.len() < head as usize * 6 / 10 + rest, "{} of {head} and {rest}", one.len());
}

#[test]
fn gzip_of_several_members_is_read_by_gzip() {
    let bytes = sample((32 << 20) + 12_345);
    let (packed, report) = compress(&bytes, Compression::Gzip, 1, 1 << 20);
    assert_eq!(packed[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255], "no name, no time");
    let (again, _) = compress(&bytes, Compression::Gzip, 1, 77_777);
    assert!(packed == again);
    assert!(expand("gzip", &packed) == bytes);
    assert_eq!(report.sha256, digest::of_bytes(&packed).sha256);
}

#[test]
fn nothing_is_compressed_too() {
    for (how, program) in [(Compression::Gzip, "gzip"), (Compression::Zstd, "zstd")] {
        let (packed, report) = compress(&[], how, 1, 1);
        assert_eq!(report.plain_size, 0);
        if how == Compression::Gzip {
            assert!(expand(program, &packed).is_empty());
        } else {
            assert!(zstd::decode_all(&packed[..]).expect("zstd").is_empty());
        }
    }
}

#[test]
fn uncompressed_is_the_bytes_themselves() {
    let bytes = sample(3 << 20);
    let (packed, report) = compress(&bytes, Compression::Uncompressed, 2, 65_537);
    assert!(packed == bytes);
    assert_eq!((report.size, report.plain_size), (3 << 20, 3 << 20));
    assert_eq!(report.sha256, digest::of_bytes(&bytes).sha256);
    assert_eq!(report.plain_sha256, report.sha256);
}

#[test]
fn a_size_that_was_not_kept_is_an_error_not_an_archive() {
    let mut compressor = Compressor::new(Vec::new(), Compression::Zstd, 10, ONE).expect("made");
    compressor.write_all(b"only nine").expect("written");
    assert!(compressor.finish().is_err());
}

#[test]
fn a_file_that_cannot_be_read_leaves_nothing_behind() {
    let root = folder();
    let (from, to) = (root.path().join("from"), root.path().join("to"));
    let error = compress_file(&from, &to, Compression::Gzip, ONE).expect_err("no such file").to_string();
    assert!(error.contains("from") && !to.exists(), "{error}");
    std::fs::write(&from, sample(100_000)).expect("written");
    let report = compress_file(&from, &to, Compression::Gzip, ONE).expect("compressed");
    assert_eq!(digest::of_file(&to).expect("read").sha256, report.sha256);
    assert!(compress_file(&from, &to, Compression::Gzip, ONE).is_err(), "an existing file is not replaced");
    assert_eq!(digest::of_file(&to).expect("read").sha256, report.sha256);
}
