//! Forwarding, one direction at a time: read, decode, mask anew, write, and only then read again.
//! So a receiver that is slow slows its sender down, and not more is held than one read brought.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink};
use tokio::net::TcpStream;
use tokio::select;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use websans::frame::{FrameDecoder, FrameHeader, FramePart, Opcode};
use websans::mask::Mask;
use websans::{CloseCode, MaskingKeySource};
use websans_cli::transport::{LINGER, WRITE_DEADLINE};

use crate::handshake::Open;

/// How much is read at once, and so held.
const READ: usize = 16 << 10;

/// If nothing has moved in either direction for so long, when it is looked at, the connection ends.
const IDLE: Duration = Duration::from_secs(120);

/// How long one end may take to answer the other's close frame.
const CLOSE_DEADLINE: Duration = Duration::from_secs(10);

/// Which way frames go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// From the client, masked, to the upstream, for whom we are the client.
    Up,
    /// From the upstream to the client.
    Down,
}

/// How one direction has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The close frame has been forwarded.
    Closed,
    /// Its source has broken off.
    SourceGone,
    /// Its source has broken the protocol.
    Violation,
    /// Its destination has broken off, or takes nothing any more.
    DestinationGone,
}

/// Forwards in both directions until the connection ends, and tells both ends that it has.
pub(crate) async fn forward(
    client: TcpStream,
    open: Open,
    stop: &CancellationToken,
) -> io::Result<()> {
    let (client_reads, client_writes) = tokio::io::split(client);
    let (upstream_reads, upstream_writes) = tokio::io::split(open.upstream);
    let moved = AtomicU64::new(0);
    let mut up = Direction::new(Way::Up, client_reads, upstream_writes, open.from_client, &moved);
    let mut down =
        Direction::new(Way::Down, upstream_reads, client_writes, open.from_upstream, &moved);
    // Which codes the upstream and the client are to be told, unless they know.
    let (to_upstream, to_client) = select! {
        end = up.run() => match end {
            End::Closed => {
                let _ = timeout(CLOSE_DEADLINE, down.run()).await;
                (CloseCode::GOING_AWAY, CloseCode::BAD_GATEWAY)
            }
            End::SourceGone => (CloseCode::GOING_AWAY, CloseCode::GOING_AWAY),
            End::Violation => (CloseCode::GOING_AWAY, CloseCode::PROTOCOL_ERROR),
            End::DestinationGone => (CloseCode::GOING_AWAY, CloseCode::BAD_GATEWAY),
        },
        end = down.run() => match end {
            End::Closed => {
                let _ = timeout(CLOSE_DEADLINE, up.run()).await;
                (CloseCode::GOING_AWAY, CloseCode::GOING_AWAY)
            }
            End::SourceGone => (CloseCode::GOING_AWAY, CloseCode::BAD_GATEWAY),
            End::Violation => (CloseCode::PROTOCOL_ERROR, CloseCode::BAD_GATEWAY),
            End::DestinationGone => (CloseCode::GOING_AWAY, CloseCode::GOING_AWAY),
        },
        () = idle(&moved) => (CloseCode::GOING_AWAY, CloseCode::GOING_AWAY),
        () = stop.cancelled() => (CloseCode::GOING_AWAY, CloseCode::GOING_AWAY),
    };
    // Whether they hear it is no longer of interest, but they may still have something to say, and
    // what is left unread would reset the connection, which may overtake the close frame.
    let told = async { tokio::join!(up.close(to_upstream), down.close(to_client)) };
    let _ = timeout(LINGER, told).await;
    let (mut from_client, mut from_upstream) = (sink(), sink());
    let ended = async {
        tokio::join!(copy(&mut up.from, &mut from_client), copy(&mut down.from, &mut from_upstream))
    };
    let _ = timeout(LINGER, ended).await;
    Ok(())
}

async fn idle(moved: &AtomicU64) {
    loop {
        let before = moved.load(Ordering::Relaxed);
        sleep(IDLE).await;
        if moved.load(Ordering::Relaxed) == before {
            return;
        }
    }
}

struct Direction<'a, R, W> {
    way: Way,
    from: R,
    to: W,
    decoder: FrameDecoder,
    /// How the payload of the frame in progress is masked on its way out.
    mask: Mask,
    /// Whether its payload is incomplete: nothing can be put in before it ends.
    within_frame: bool,
    /// Whether it is the close frame; nothing may follow it.
    closing: bool,
    /// What has been read and not been decoded, and what has been encoded and not been written.
    input: Vec<u8>,
    output: Vec<u8>,
    moved: &'a AtomicU64,
}

impl<'a, R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Direction<'a, R, W> {
    fn new(way: Way, from: R, to: W, input: Vec<u8>, moved: &'a AtomicU64) -> Self {
        Self {
            way,
            from,
            to,
            decoder: FrameDecoder::new(),
            mask: Mask::NONE,
            within_frame: false,
            closing: false,
            input,
            output: Vec::new(),
            moved,
        }
    }

    /// May be dropped at any time: what has been read is in `input` or `output`.
    async fn run(&mut self) -> End {
        loop {
            if let Err(end) = self.encode() {
                // What came before it is as good as ever.
                return self.write().await.err().unwrap_or(end);
            }
            if let Err(end) = self.write().await {
                return end;
            }
            if self.closing && !self.within_frame {
                return End::Closed;
            }
            self.input.reserve(READ);
            match (&mut self.from).take(READ as u64).read_buf(&mut self.input).await {
                Ok(0) | Err(_) => return End::SourceGone,
                Ok(_) => self.moved.fetch_add(1, Ordering::Relaxed),
            };
        }
    }

    /// Everything that was read becomes what is to be written: at most three times as much, when
    /// frames without payload get masking keys.
    fn encode(&mut self) -> Result<(), End> {
        let mut input = std::mem::take(&mut self.input);
        let mut rest = &mut input[..];
        while let Some(part) = self.decoder.decode(&mut rest).map_err(|_| End::Violation)? {
            match part {
                FramePart::Header(header) => self.begin_frame(header)?,
                FramePart::Payload { data, end } => {
                    self.mask.apply(data);
                    self.output.extend_from_slice(data);
                    self.within_frame = !end;
                }
            }
            // What follows a close frame has no meaning.
            if self.closing && !self.within_frame {
                break;
            }
        }
        input.clear();
        self.input = input;
        Ok(())
    }

    fn begin_frame(&mut self, header: FrameHeader) -> Result<(), End> {
        let masked = header.masking_key().is_some();
        if masked != (self.way == Way::Up) {
            return Err(End::Violation);
        }
        self.within_frame = header.payload_len() > 0;
        self.closing = header.opcode() == Opcode::CLOSE;
        self.push_header(header)
    }

    fn push_header(&mut self, header: FrameHeader) -> Result<(), End> {
        let key = match self.way {
            // RFC 6455 §5.3: a client masks each frame with a key that nobody can foresee.
            Way::Up => {
                let mut key = [0; 4];
                MaskingKeySource::default().0(&mut key).map_err(|_| End::DestinationGone)?;
                Some(key)
            }
            Way::Down => None,
        };
        self.mask = key.map_or(Mask::NONE, Mask::new);
        self.output.extend_from_slice(&header.with_masking_key(key).encode());
        Ok(())
    }

    async fn write(&mut self) -> Result<(), End> {
        while !self.output.is_empty() {
            match timeout(WRITE_DEADLINE, self.to.write(&self.output)).await {
                Ok(Ok(n)) if n > 0 => drop(self.output.drain(..n)),
                _ => return Err(End::DestinationGone),
            }
        }
        self.to.flush().await.map_err(|_| End::DestinationGone)
    }

    /// Closes this direction, with a close frame if there was none and there is a place for it.
    async fn close(&mut self, code: CloseCode) -> Result<(), End> {
        if !self.closing && !self.within_frame {
            let payload = code.number().to_be_bytes();
            self.push_header(FrameHeader::new(Opcode::CLOSE, payload.len() as u64))?;
            let at = self.output.len();
            self.output.extend_from_slice(&payload);
            self.mask.apply(self.output.get_mut(at..).unwrap_or_default());
        }
        self.write().await?;
        self.to.shutdown().await.map_err(|_| End::DestinationGone)
    }
}
