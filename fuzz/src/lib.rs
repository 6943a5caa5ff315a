//! What the fuzz targets share. A target is what stands in `fuzz_targets/`; each asserts how the
//! crate behaves, and under each memory is counted and no loop may spin.

pub mod deadlines;
pub mod drive;
pub mod head;
pub mod heap;
pub mod input;
pub mod transport;
pub mod wire;

/// Forbids spinning: no more steps than there is reason for.
#[derive(Debug)]
pub struct Steps {
    left: usize,
}

impl Steps {
    /// Allows so many.
    pub fn at_most(steps: usize) -> Self {
        Self { left: steps }
    }

    /// Takes one.
    #[track_caller]
    pub fn step(&mut self) {
        self.left = self.left.checked_sub(1).expect("spins");
    }
}

/// An error says something, on one line.
pub fn says_why(error: &impl std::fmt::Display) {
    let why = error.to_string();
    assert!(!why.is_empty() && !why.contains(char::is_control), "{why:?}");
}
