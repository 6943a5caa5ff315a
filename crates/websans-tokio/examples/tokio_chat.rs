//! The playground's chat, once more, on tokio: with this crate or with tokio-tungstenite. Nothing
//! else differs, so that `playground_load` can measure the two, and the playground, beside each
//! other.
//!
//! `cargo run --release -p websans-tokio --example tokio_chat -- --help`

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::error::Error;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::{SinkExt, StreamExt};
use lexopt::prelude::{Long, Short, Value, ValueExt};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Utf8Bytes};
use websans_tokio::{Message, PreparedMessage, WebSocket};

const HELP: &str = "\
Speaks the protocol of the playground's /chat, for playground_load --addr ADDR --pid PID.

Usage: tokio_chat [OPTION]... LIBRARY [ADDR]

  LIBRARY  websans-tokio or tokio-tungstenite, with its defaults; or tokio-tungstenite-small, with
           buffers of 4 KiB where its default is 128
  ADDR     where to listen [default: 127.0.0.1:8080]
  --help   print this
";

/// As in the playground: how soon news are told, how many names and messages are listed.
const NEWS_AFTER: Duration = Duration::from_millis(150);
const FOR_EACH_MEMBER: Duration = Duration::from_micros(200);
const LISTED: usize = 50;
const HISTORY: usize = 50;

/// Who has so many messages waiting misses the oldest.
const WAITING: usize = 64;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (mut library, mut addr) = (None, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("help") | Short('h') => {
                print!("{HELP}");
                return Ok(());
            }
            Value(value) if library.is_none() => library = Some(value.string()?),
            Value(value) if addr.is_none() => addr = Some(value.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    // Every connection takes a descriptor. If there cannot be more, `accept` will say so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let listener = TcpListener::bind(addr.as_deref().unwrap_or("127.0.0.1:8080")).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    match library.as_deref() {
        Some("websans-tokio") => serve::<WebSocket<TcpStream>>(listener).await,
        Some("tokio-tungstenite") => serve::<Tungstenite<false>>(listener).await,
        Some("tokio-tungstenite-small") => serve::<Tungstenite<true>>(listener).await,
        _ => Err("LIBRARY is missing: see --help".into()),
    }
}

/// What the chat needs of a library.
trait Library: Sized + Send + 'static {
    /// A text that can be sent to many.
    type Prepared: Clone + Send + Sync + 'static;
    fn prepare(text: String) -> Self::Prepared;
    fn accept(stream: TcpStream) -> impl Future<Output = Result<Self, Failure>> + Send;
    /// The next message, as JSON; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Option<Result<serde_json::Value, Failure>>> + Send;
    fn send(&mut self, text: &Self::Prepared) -> impl Future<Output = Result<(), Failure>> + Send;
}

type Failure = Box<dyn Error + Send + Sync>;

impl Library for WebSocket<TcpStream> {
    type Prepared = Arc<PreparedMessage>;

    fn prepare(text: String) -> Self::Prepared {
        Arc::new(Message::from(text).prepare())
    }

    async fn accept(stream: TcpStream) -> Result<Self, Failure> {
        Ok(websans_tokio::accept(stream).await?)
    }

    async fn next(&mut self) -> Option<Result<serde_json::Value, Failure>> {
        Some(match self.next().await? {
            Ok(message) => serde_json::from_slice(message.as_bytes()).map_err(Into::into),
            Err(error) => Err(error.into()),
        })
    }

    async fn send(&mut self, text: &Self::Prepared) -> Result<(), Failure> {
        Ok(self.send_prepared(text).await?)
    }
}

struct Tungstenite<const SMALL: bool>(WebSocketStream<TcpStream>);

impl<const SMALL: bool> Library for Tungstenite<SMALL> {
    type Prepared = Utf8Bytes;

    fn prepare(text: String) -> Self::Prepared {
        text.into()
    }

    async fn accept(stream: TcpStream) -> Result<Self, Failure> {
        let config = if SMALL {
            WebSocketConfig::default().read_buffer_size(4 << 10).write_buffer_size(4 << 10)
        } else {
            WebSocketConfig::default()
        };
        Ok(Self(tokio_tungstenite::accept_async_with_config(stream, Some(config)).await?))
    }

    async fn next(&mut self) -> Option<Result<serde_json::Value, Failure>> {
        loop {
            match self.0.next().await? {
                Ok(tungstenite::Message::Text(text)) => {
                    return Some(serde_json::from_str(&text).map_err(Into::into));
                }
                Ok(_) => {}
                Err(error) => return Some(Err(error.into())),
            }
        }
    }

    async fn send(&mut self, text: &Self::Prepared) -> Result<(), Failure> {
        Ok(self.0.send(tungstenite::Message::Text(text.clone())).await?)
    }
}

type Rooms<L> = Arc<Mutex<HashMap<String, Room<L>>>>;

struct Room<L: Library> {
    everyone: broadcast::Sender<L::Prepared>,
    members: BTreeSet<String>,
    history: VecDeque<String>,
    news_are_due: bool,
    came: Vec<String>,
    left: Vec<String>,
}

impl<L: Library> Default for Room<L> {
    fn default() -> Self {
        Self {
            everyone: broadcast::Sender::new(WAITING),
            members: BTreeSet::new(),
            history: VecDeque::new(),
            news_are_due: false,
            came: Vec::new(),
            left: Vec::new(),
        }
    }
}

async fn serve<L: Library>(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let rooms = Rooms::<L>::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let rooms = Arc::clone(&rooms);
        tokio::spawn(async move {
            let mut joined = None;
            // However it ends, the room is left.
            let _ = talk(stream, &rooms, &mut joined).await;
            if let Some((room, name)) = joined {
                leave(&rooms, &room, &name);
            }
        });
    }
}

async fn talk<L: Library>(
    stream: TcpStream,
    rooms: &Rooms<L>,
    joined: &mut Option<(String, String)>,
) -> Result<(), Failure> {
    let mut ws = L::accept(stream).await?;
    let Some(message) = ws.next().await.transpose()? else { return Ok(()) };
    let (Some(room), Some(name)) = (field(&message, "join"), field(&message, "name")) else {
        return Err("the first message is to say where to go".into());
    };
    let (room, name) = (room.to_owned(), name.to_owned());
    let (welcome, mut everyone) = join(rooms, &room, &name);
    *joined = Some((room.clone(), name.clone()));
    drop(message);
    ws.send(&L::prepare(welcome)).await?;
    loop {
        tokio::select! {
            message = ws.next() => match message.transpose()? {
                Some(message) => {
                    if let Some(text) = field(&message, "say") {
                        say(rooms, &room, &name, text);
                    }
                }
                None => return Ok(()),
            },
            told = everyone.recv() => match told {
                Ok(text) => ws.send(&text).await?,
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(()),
            },
        }
    }
}

fn field<'m>(message: &'m serde_json::Value, name: &str) -> Option<&'m str> {
    message.get(name)?.as_str()
}

fn with<L: Library, T>(rooms: &Rooms<L>, room: &str, f: impl FnOnce(&mut Room<L>) -> T) -> T {
    let mut rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
    f(rooms.entry(room.to_owned()).or_default())
}

fn join<L: Library>(
    rooms: &Rooms<L>,
    name_of_room: &str,
    name: &str,
) -> (String, broadcast::Receiver<L::Prepared>) {
    with(rooms, name_of_room, |room| {
        room.members.insert(name.to_owned());
        list(&mut room.came, name);
        let news = Arc::clone(rooms);
        tell_news(room, news, name_of_room);
        let history: Vec<&str> = room.history.iter().rev().map(String::as_str).collect();
        let history = history.join(",");
        let (you, at) = (json!(name), json!(name_of_room));
        (format!(r#"{{"room":{at},"you":{you},"history":[{history}]}}"#), room.everyone.subscribe())
    })
}

fn leave<L: Library>(rooms: &Rooms<L>, name_of_room: &str, name: &str) {
    with(rooms, name_of_room, |room| {
        room.members.remove(name);
        list(&mut room.left, name);
        tell_news(room, Arc::clone(rooms), name_of_room);
    });
}

fn say<L: Library>(rooms: &Rooms<L>, name_of_room: &str, name: &str, text: &str) {
    let at = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
    let text = json!({ "from": name, "say": text, "at": at }).to_string();
    with(rooms, name_of_room, |room| {
        room.history.truncate(HISTORY - 1);
        room.history.push_front(text.clone());
        // Without members there is nobody to tell.
        let _ = room.everyone.send(L::prepare(text));
    });
}

/// Tells the members who is there, the later the more there are.
fn tell_news<L: Library>(room: &mut Room<L>, rooms: Rooms<L>, name_of_room: &str) {
    if std::mem::replace(&mut room.news_are_due, true) {
        return;
    }
    let crowd = u32::try_from(room.members.len()).unwrap_or(u32::MAX);
    let after = NEWS_AFTER + FOR_EACH_MEMBER.saturating_mul(crowd);
    let name = name_of_room.to_owned();
    tokio::spawn(async move {
        sleep(after).await;
        with(&rooms, &name, |room| {
            room.news_are_due = false;
            let here: Vec<&String> = room.members.iter().take(LISTED).collect();
            let (came, left) = (std::mem::take(&mut room.came), std::mem::take(&mut room.left));
            let count = room.members.len();
            let news =
                json!({ "count": count, "here": here, "came": came, "left": left, "lost": [] });
            let _ = room.everyone.send(L::prepare(news.to_string()));
        });
    });
}

fn list(names: &mut Vec<String>, name: &str) {
    if names.len() < LISTED {
        names.push(name.to_owned());
    }
}
