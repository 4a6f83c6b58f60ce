//! main.rs - one workload on Timely Dataflow; prints one line of JSON:
//!
//!   peer-timely work=w1|w2 form=string|inline workers=N seconds=S warm=S text=FILE keys=N
//!               batch=ROWS
//!
//! A source stage, an exchange by key, a hash map that emits an update for each row, and a sink that
//! adds every update to the checksum of weir's blackhole_sink. Warm-up, then a window of `seconds`
//! in which records and CPU time are counted, then the sources end at a border of a block and the
//! sums of everything from the first record on are printed, for somebody else to compare.

mod feed;
mod mix;

use feed::{Feed, Inline, Numbers, Words};
use std::cell::{Cell, RefCell};
use std::collections::hash_map::Entry;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::{Operator, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};
use timely::worker::Worker;

/// Sinks count here, a batch at a time; sources stop at their next block.
static RECORDS: AtomicU64 = AtomicU64::new(0);
static STOP: AtomicBool = AtomicBool::new(false);

/// A source may be so many epochs ahead of its sinks; an epoch is what Feed::emit gives at once.
const AHEAD: u64 = 2;

/// A folded multiply a word: the standard hasher (SipHash) would be most of the work.
#[derive(Default)]
struct Fold(u64);

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        let (mut rest, len) = (bytes, bytes.len() as u64);
        while rest.len() >= 8 {
            self.write_u64(u64::from_le_bytes(rest[..8].try_into().unwrap()));
            rest = &rest[8..];
        }
        let mut last = len << 56;
        for (i, b) in rest.iter().enumerate() {
            last |= (*b as u64) << (8 * i);
        }
        self.write_u64(last);
    }
    fn write_u8(&mut self, _: u8) {} // the end of a str; its length is already in
    fn write_u64(&mut self, x: u64) {
        self.0 = mix::mul(self.0 ^ x ^ 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93);
    }
    fn write_usize(&mut self, _: usize) {} // the length of an array that is always as long
}

type Table<K> = HashMap<K, u64, BuildHasherDefault<Fold>>;

fn hash<K: Hash>(key: &K) -> u64 {
    let mut h = Fold::default();
    key.hash(&mut h);
    h.finish()
}

/// What goes from source to sum: a word counts 1, a row has its number.
trait Row: timely::ExchangeData + Clone {
    type Key: Hash + Eq + Clone + 'static;
    fn key(&self) -> &Self::Key;
    fn split(self) -> (Self::Key, u64);
    fn key_part(key: &Self::Key) -> u64;
}

impl Row for Inline {
    type Key = Inline;
    fn key(&self) -> &Inline {
        self
    }
    fn split(self) -> (Inline, u64) {
        (self, 1)
    }
    fn key_part(key: &Inline) -> u64 {
        let zeros = if key[1] != 0 { key[1].leading_zeros() } else { 64 + key[0].leading_zeros() };
        mix::of_word(key[0], key[1], 16 - zeros / 8)
    }
}

impl Row for String {
    type Key = String;
    fn key(&self) -> &String {
        self
    }
    fn split(self) -> (String, u64) {
        (self, 1)
    }
    fn key_part(key: &String) -> u64 {
        let mut bytes = [0; 16];
        bytes[..key.len()].copy_from_slice(key.as_bytes());
        let [lo, hi] = [0, 8].map(|i| u64::from_le_bytes(bytes[i..i + 8].try_into().unwrap()));
        mix::of_word(lo, hi, key.len() as u32)
    }
}

impl Row for (u64, u64) {
    type Key = u64;
    fn key(&self) -> &u64 {
        &self.0
    }
    fn split(self) -> (u64, u64) {
        self
    }
    fn key_part(key: &u64) -> u64 {
        mix::of_number(*key)
    }
}

struct Done {
    blocks: u64,
    checksum: u64,
    state: u64,
}

fn run<R: Row, F: Feed<R>>(worker: &mut Worker, mut feed: F, batch: usize) -> Done {
    let mut input = InputHandle::new();
    let probe = ProbeHandle::new();
    let checksum = Rc::new(Cell::new(0u64));
    let table = Rc::new(RefCell::new(Table::<R::Key>::default()));
    worker.dataflow::<u64, _, _>(|scope| {
        let (table, checksum) = (Rc::clone(&table), Rc::clone(&checksum));
        input
            .to_stream(scope)
            .container::<Vec<R>>()
            .unary(Exchange::new(|row: &R| hash(row.key()) >> 20), "sum", |_, _| {
                move |input, output| {
                    let mut table = table.borrow_mut();
                    input.for_each(|time, rows| {
                        let mut session = output.session(&time);
                        for row in rows.drain(..) {
                            let (key, value) = row.split();
                            let sum = match table.get_mut(&key) {
                                Some(sum) => {
                                    *sum += value;
                                    *sum
                                }
                                None => *add(&mut table, key.clone(), value),
                            };
                            session.give((key, sum));
                        }
                    });
                }
            })
            .container::<Vec<(R::Key, u64)>>()
            .unary(Pipeline, "discard", |_, _| {
                move |input, output| {
                    input.for_each(|time, updates| {
                        let part = updates.drain(..).fold((0u64, 0u64), |(n, h), (key, sum)| {
                            (n + 1, h.wrapping_add(mix::of_record(R::key_part(&key), sum)))
                        });
                        checksum.set(checksum.get().wrapping_add(part.1));
                        RECORDS.fetch_add(part.0, Relaxed);
                        output.session(&time).give_iterator(std::iter::empty::<()>());
                    });
                }
            })
            .container::<Vec<()>>()
            .probe_with(&probe);
    });

    let (first, step) = (worker.index() as u64, worker.peers() as u64);
    let (mut block, mut epoch, mut rows) = (first, 0, Vec::new());
    while !STOP.load(Relaxed) {
        let mut more = true;
        while more {
            more = feed.emit(block, batch, &mut rows);
            input.send_batch(&mut rows);
            rows.clear();
            epoch += 1;
            input.advance_to(epoch);
            worker.step();
            while epoch > AHEAD && probe.less_than(&(epoch - AHEAD)) {
                worker.step();
            }
        }
        block += step;
    }
    input.close();
    while !probe.done() {
        worker.step();
    }
    let state = table.borrow().iter().fold(0u64, |h, (key, sum)| {
        h.wrapping_add(mix::of_record(R::key_part(key), *sum))
    });
    Done { blocks: (block - first) / step, checksum: checksum.get(), state }
}

#[cold]
fn add<K: Hash + Eq>(table: &mut Table<K>, key: K, value: u64) -> &u64 {
    match table.entry(key) {
        Entry::Occupied(_) => unreachable!("it was looked for"),
        Entry::Vacant(e) => e.insert(value),
    }
}

/// User and system time of this process, in seconds.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let rest: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    (rest[11].parse::<f64>().unwrap() + rest[12].parse::<f64>().unwrap()) / 100.0
}

fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn main() {
    let options: HashMap<String, String> = std::env::args()
        .skip(1)
        .filter_map(|a| a.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())))
        .collect();
    let text = |name: &str, standard: &str| {
        options.get(name).cloned().unwrap_or_else(|| standard.to_owned())
    };
    let number = |name: &str, standard: u64| {
        options.get(name).map_or(standard, |v| v.parse().expect("a number"))
    };
    let (warm, seconds) = (number("warm", 2), number("seconds", 10));
    let (work, form, path) = (text("work", "w2"), text("form", "inline"), text("text", ""));
    let keys = number("keys", 1_000_000);
    let batch = number("batch", 2048) as usize;
    let window = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(warm));
        let (records, cpu, began) = (RECORDS.load(Relaxed), cpu_s(), Instant::now());
        std::thread::sleep(Duration::from_secs(seconds));
        let taken = (RECORDS.load(Relaxed) - records, began.elapsed(), cpu_s() - cpu);
        STOP.store(true, Relaxed);
        taken
    });
    let workers = number("workers", 1) as usize;
    let config = if workers > 1 { timely::Config::process(workers) } else { timely::Config::thread() };
    let done = timely::execute(config, move |worker| match (work.as_str(), form.as_str()) {
        ("w1", "string") => run::<String, _>(worker, Words::open(&path).expect("no text"), batch),
        ("w1", _) => run::<Inline, _>(worker, Words::open(&path).expect("no text"), batch),
        _ => run::<(u64, u64), _>(worker, Numbers::new(keys), batch),
    })
    .expect("timely did not start")
    .join();
    let done: Vec<Done> = done.into_iter().map(|d| d.expect("a worker failed")).collect();
    let (records, took, cpu) = window.join().unwrap();
    let sum = |part: fn(&Done) -> u64| done.iter().fold(0u64, |h, d| h.wrapping_add(part(d)));
    println!(
        "{{\"records\":{},\"seconds\":{:.3},\"cpu_s\":{:.3},\"peak_rss_bytes\":{},\"total\":{},\
         \"blocks\":{:?},\"checksum\":\"{:016x}\",\"state_checksum\":\"{:016x}\"}}",
        records,
        took.as_secs_f64(),
        cpu,
        peak_rss_bytes(),
        RECORDS.load(Relaxed),
        done.iter().map(|d| d.blocks).collect::<Vec<_>>(),
        sum(|d| d.checksum),
        sum(|d| d.state),
    );
}
