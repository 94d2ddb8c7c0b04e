use tempfile::TempDir;

use super::*;

const ROOMY: u64 = 64 << 20;

fn chunk(number: u32, size: usize) -> Chunk {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let entries = vec![u8::try_from(number % 251).unwrap(); size];
    Chunk { id, tag: format!("tag.{number}"), records: 2, compressed: number % 2 == 1, entries }
}

fn open(directory: &TempDir) -> Buffer {
    Buffer::open(directory.path(), ROOMY).unwrap().0
}

/// All chunks that have not been taken.
fn rest(buffer: &Buffer) -> Vec<Chunk> {
    let mut at = buffer.taken();
    let mut chunks = Vec::new();
    while let Some((chunk, end)) = buffer.next(at).unwrap() {
        chunks.push(chunk);
        at = end;
    }
    chunks
}

fn last_segment(directory: &TempDir) -> PathBuf {
    segment::list(directory.path()).unwrap().pop().unwrap().1
}

#[test]
fn chunks_come_back_in_order_and_after_a_restart() {
    let directory = TempDir::new().unwrap();
    let chunks: Vec<_> = (0..50).map(|number| chunk(number, 300_000)).collect();
    let buffer = open(&directory);
    for chunk in &chunks {
        assert_eq!(buffer.append(chunk).unwrap(), Lost::default());
    }
    assert!(segment::list(directory.path()).unwrap().len() > 1);
    assert_eq!(rest(&buffer), chunks);
    drop(buffer);
    let buffer = open(&directory);
    assert_eq!(rest(&buffer), chunks);
    assert_eq!(buffer.waiting().records, 100);
}

#[test]
fn what_was_taken_does_not_come_back() {
    let directory = TempDir::new().unwrap();
    let buffer = open(&directory);
    for number in 0..4 {
        buffer.append(&chunk(number, 10)).unwrap();
    }
    let (first, end) = buffer.next(buffer.taken()).unwrap().unwrap();
    buffer.acknowledge(end, first.records.into());
    drop(buffer);
    let buffer = open(&directory);
    assert_eq!(rest(&buffer), [chunk(1, 10), chunk(2, 10), chunk(3, 10)]);
    assert_eq!(buffer.waiting().records, 6);
    buffer.append(&chunk(4, 10)).unwrap();
    assert_eq!(rest(&buffer).len(), 4);
}

#[test]
fn a_buffer_that_was_drained_takes_no_room() {
    let directory = TempDir::new().unwrap();
    let buffer = open(&directory);
    for round in 0..3 {
        for number in 0..30 {
            buffer.append(&chunk(number, 1 << 20)).unwrap();
        }
        while let Some((chunk, end)) = buffer.next(buffer.taken()).unwrap() {
            buffer.acknowledge(end, chunk.records.into());
        }
        assert!(buffer.is_drained(), "{round}");
        assert_eq!(buffer.waiting().records, 0);
        assert!(segment::list(directory.path()).unwrap().len() <= 1);
    }
    drop(buffer);
    assert!(segment::list(directory.path()).unwrap().is_empty());
    // Numbers go on where they were: what the cursor says would be wrong otherwise.
    let buffer = open(&directory);
    buffer.append(&chunk(7, 10)).unwrap();
    assert_eq!(rest(&buffer), [chunk(7, 10)]);
}

#[test]
fn a_chunk_that_was_written_in_part_is_cut_off() {
    let directory = TempDir::new().unwrap();
    let buffer = open(&directory);
    buffer.append(&chunk(0, 100)).unwrap();
    buffer.append(&chunk(1, 100)).unwrap();
    drop(buffer);
    let path = last_segment(&directory);
    let whole = fs::read(&path).unwrap();
    let first = HEAD as usize + chunk(0, 100).encode().len();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let (buffer, cut) = Buffer::open(directory.path(), ROOMY).unwrap();
        let kept = if length < first { 0 } else { 1 };
        assert_eq!(rest(&buffer).len(), kept, "{length}");
        let whole = if kept == 1 { first } else { length.min(HEAD as usize) };
        let of_no_use = if length < HEAD as usize { length } else { length - whole };
        assert_eq!(cut, of_no_use as u64, "{length}");
        buffer.append(&chunk(2, 10)).unwrap();
        assert_eq!(rest(&buffer).last(), Some(&chunk(2, 10)), "{length}");
        drop(buffer);
        for (_, other) in segment::list(directory.path()).unwrap() {
            fs::remove_file(other).unwrap();
        }
    }
}

#[test]
fn damage_ends_a_segment_and_not_the_buffer() {
    let directory = TempDir::new().unwrap();
    for number in 0..3 {
        // Each begins a segment of its own.
        let buffer = open(&directory);
        buffer.append(&chunk(number * 10, 50)).unwrap();
        buffer.append(&chunk(number * 10 + 1, 50)).unwrap();
    }
    let (_, path) = segment::list(directory.path()).unwrap().remove(1);
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, &bytes).unwrap();
    let (buffer, cut) = Buffer::open(directory.path(), ROOMY).unwrap();
    assert!(cut > 50);
    let ids: Vec<_> = rest(&buffer).iter().map(|chunk| chunk.id[3]).collect();
    assert_eq!(ids, [0, 1, 10, 20, 21]);
}

#[test]
fn zeros_that_a_loss_of_power_leaves_are_no_chunks() {
    let directory = TempDir::new().unwrap();
    let buffer = open(&directory);
    buffer.append(&chunk(0, 100)).unwrap();
    drop(buffer);
    let path = last_segment(&directory);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(&[0; 5000]);
    fs::write(&path, &bytes).unwrap();
    let (buffer, cut) = Buffer::open(directory.path(), ROOMY).unwrap();
    assert_eq!((cut, rest(&buffer).len()), (5000, 1));
}

#[test]
fn the_oldest_is_dropped_and_counted_where_there_is_no_room() {
    let directory = TempDir::new().unwrap();
    let (buffer, _) = Buffer::open(directory.path(), 100_000).unwrap();
    let mut lost = 0;
    for number in 0..100 {
        lost += buffer.append(&chunk(number, 5_000)).unwrap().records;
        assert!(buffer.waiting().bytes <= 100_000);
    }
    let rest = rest(&buffer);
    assert!(rest.len() >= 15, "{}", rest.len());
    assert_eq!(rest.last(), Some(&chunk(99, 5_000)));
    assert_eq!(lost, 2 * (100 - rest.len() as u64));
    assert_eq!(buffer.waiting().records, 2 * rest.len() as u64);
}

#[test]
fn a_reader_passes_over_what_was_dropped_beneath_it() {
    let directory = TempDir::new().unwrap();
    let (buffer, _) = Buffer::open(directory.path(), 100_000).unwrap();
    buffer.append(&chunk(0, 5_000)).unwrap();
    let (_, at) = buffer.next(buffer.taken()).unwrap().unwrap();
    for number in 1..100 {
        buffer.append(&chunk(number, 5_000)).unwrap();
    }
    let (next, end) = buffer.next(at).unwrap().unwrap();
    assert!(next.id[3] > 50, "{next:?}");
    // What comes late of the one that was dropped changes nothing.
    buffer.acknowledge(at, 2);
    buffer.acknowledge(end, 2);
    assert_eq!(buffer.next(buffer.taken()).unwrap().unwrap().0.id[3], next.id[3] + 1);
}

#[test]
fn a_cursor_that_is_damaged_has_everything_sent_again() {
    let directory = TempDir::new().unwrap();
    let buffer = open(&directory);
    buffer.append(&chunk(0, 10)).unwrap();
    buffer.append(&chunk(1, 10)).unwrap();
    let (_, end) = buffer.next(buffer.taken()).unwrap().unwrap();
    buffer.acknowledge(end, 2);
    drop(buffer);
    fs::write(directory.path().join("position"), [7; 20]).unwrap();
    assert_eq!(rest(&open(&directory)).len(), 2);
}

#[test]
fn a_directory_is_of_one_process() {
    let directory = TempDir::new().unwrap();
    let buffer = open(&directory);
    let taken = Buffer::open(directory.path(), ROOMY).unwrap_err();
    assert!(matches!(taken, Error::BufferTaken { .. }), "{taken}");
    drop(buffer);
    open(&directory);
}
