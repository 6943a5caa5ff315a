//! `Session`: the whole life of a connection, over a simulated transport in simulated time.

mod deadlines;
mod end;
mod exhaustive;
mod opening;
mod world;
