//! Compressed messages against zlib in C: the same comes out, or both refuse, in any cut; and
//! never more than the limit, nor much more memory than that.

#![no_main]

use flate2::{Decompress, FlushDecompress, Status};
use websans::{Config, Error, PermessageDeflate, Role};
use websans_fuzz::Steps;
use websans_fuzz::drive::{Mode, Owned, READ_AHEAD, Transcript, feed};
use websans_fuzz::heap::{Meter, balanced};
use websans_fuzz::input::{Cuts, Input};
use websans_fuzz::wire::{FIXED_KEY, connected_as, frame_to};

const LIMIT: usize = 100_000;

libfuzzer_sys::fuzz_target!(|data: &[u8]| balanced(|| {
    let mut input = Input(data);
    let [no_takeover, fragmented, partial, spare, ..] = input.flags();
    let seed = input.byte();
    let (mut wire, mut messages) = (Vec::new(), Vec::new());
    while !input.is_empty() && messages.len() < 4 {
        let len = usize::from(input.short() % 4000);
        let payload = input.take(len);
        messages.push(payload);
        let cut = if fragmented { payload.len() / 2 } else { payload.len() };
        let (first, second) = payload.split_at(cut);
        wire.extend(frame_to(Role::Server, if fragmented { 0x42 } else { 0xC2 }, first));
        if fragmented {
            wire.extend(frame_to(Role::Server, 0x89, b"between"));
            wire.extend(frame_to(Role::Server, 0x80, second));
        }
    }
    let mut zlib = Zlib::after(Vec::new());
    let mut expected: Vec<Result<Vec<u8>, Error>> = Vec::new();
    for message in &messages {
        if no_takeover {
            zlib = Zlib::after(Vec::new());
        }
        let result = zlib.inflate(message);
        let failed = result.is_err();
        expected.push(result);
        if failed {
            break;
        }
    }
    let modes = [(0, Mode::default()), (seed, Mode { partial, spare, ..Mode::default() })];
    for (seed, mode) in modes {
        let mut meter = Meter::default();
        let got = run(&wire, no_takeover, seed, mode, &mut meter);
        // What has arrived and up to 8 times that ahead, and the message: each twice while it
        // grows. The context, of 78 KiB, of which the window is there twice while it moves.
        let bound = 2 * 9 * wire.len() + READ_AHEAD + 2 * LIMIT + (110 << 10);
        assert!(meter.peak() <= bound, "{} bytes, more than {bound}", meter.peak());
        check(&got, &expected);
    }
}));

fn run(wire: &[u8], no_takeover: bool, seed: u8, mode: Mode, meter: &mut Meter) -> Transcript {
    let deflate = PermessageDeflate::default().client_no_context_takeover(no_takeover);
    let config = Config::default()
        .masking_keys(FIXED_KEY)
        .max_message_size(LIMIT as u64)
        .permessage_deflate(deflate);
    let ws = meter.run(|| connected_as(Role::Server, config, config));
    feed(ws, Cuts::new(wire, seed), mode, meter)
}

fn check(got: &Transcript, expected: &[Result<Vec<u8>, Error>]) {
    let mut messages = got.events.iter().filter_map(|event| match event {
        Owned::Binary(data) => Some(data),
        _ => None,
    });
    for expected in expected {
        match expected {
            Ok(data) => assert_eq!(messages.next(), Some(data)),
            Err(error) => assert_eq!(got.error, Some(*error)),
        }
    }
    assert_eq!(messages.next(), None);
    assert_eq!(got.error, expected.iter().find_map(|result| result.as_ref().err()).copied());
}

/// RFC 7692 §7.2.2 by means of zlib.
struct Zlib {
    stream: Decompress,
    /// All that came out, of all messages.
    history: Vec<u8>,
    /// Of the message in progress: how much of it has gone in and come out, and how many streams
    /// have ended.
    consumed: usize,
    made: usize,
    streams: usize,
}

impl Zlib {
    /// Goes on after this came out.
    fn after(history: Vec<u8>) -> Self {
        let stream = new_stream(&history);
        Self { stream, history, consumed: 0, made: 0, streams: 0 }
    }

    fn inflate(&mut self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let before = self.history.clone();
        (self.consumed, self.made, self.streams) = (0, 0, 0);
        if !self.feed(message, true)? {
            // §7.2.1: what was removed. It is the end of an empty block, which may be the last of its
            // stream: nothing comes of it, and any other block may follow.
            let made = self.made;
            let tail = [0, 0, 0xFF, 0xFF];
            for text in ["x", "yz"] {
                let mut other = Self::after(before.clone());
                other.consumed = LIMIT * 1024; // any number of streams
                let len = u8::try_from(text.len()).unwrap();
                let last = [&[1, len, 0, !len, 0xFF], text.as_bytes()].concat();
                let ends = other.feed(&[message, &tail, &last].concat(), true);
                let expected = [&self.history, text.as_bytes()].concat();
                if !matches!(ends, Ok(true) | Err(Error::MessageTooLarge { .. }))
                    || !expected.starts_with(&other.history)
                {
                    return Err(Error::CorruptDeflate);
                }
            }
            self.feed(&tail, false).map_err(|_| Error::CorruptDeflate)?;
            if self.made != made {
                return Err(Error::CorruptDeflate);
            }
        }
        Ok(self.history[self.history.len() - self.made..].to_vec())
    }

    /// Whether a stream ends where `input` does, which is of the message, or added to it.
    fn feed(&mut self, input: &[u8], of_message: bool) -> Result<bool, Error> {
        let (mut rest, mut out) = (input, [0; 1000]);
        let mut steps = Steps::at_most(2 * input.len() + LIMIT);
        loop {
            steps.step();
            let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
            let room = out.len().min(LIMIT + 1 - self.made);
            let result = self.stream.decompress(rest, &mut out[..room], FlushDecompress::None);
            let taken = usize::try_from(self.stream.total_in() - before_in).unwrap();
            rest = &rest[taken..];
            self.consumed += if of_message { taken } else { 0 };
            let new = usize::try_from(self.stream.total_out() - before_out).unwrap();
            self.history.extend_from_slice(&out[..new]);
            self.made += new;
            if self.made > LIMIT {
                let (len, limit) = (self.made as u64, LIMIT as u64);
                return Err(Error::MessageTooLarge { len, limit });
            }
            match result {
                Ok(Status::StreamEnd) => {
                    self.streams += 1;
                    if self.streams > 16 + self.consumed / 1024 {
                        return Err(Error::CorruptDeflate); // each costs more than it is worth
                    }
                    // §7.2.3.4: the next block may refer to what came before.
                    self.stream = new_stream(&self.history);
                    if rest.is_empty() {
                        return Ok(true);
                    }
                }
                Ok(Status::Ok | Status::BufError) if rest.is_empty() && new < room => {
                    return Ok(false);
                }
                Ok(Status::BufError) if new == 0 => return Err(Error::CorruptDeflate),
                Ok(_) => {}
                Err(_) => return Err(Error::CorruptDeflate),
            }
        }
    }
}

fn new_stream(history: &[u8]) -> Decompress {
    let mut stream = Decompress::new(false);
    if !history.is_empty() {
        let window = history.len().saturating_sub(32 << 10);
        stream.set_dictionary(&history[window..]).unwrap();
    }
    stream
}
